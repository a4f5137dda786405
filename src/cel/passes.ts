import type { FactChange } from "../core/explain.ts";
import { type Facts, isFactName } from "../core/facts.ts";
import type { Node } from "./ast.ts";
import type { ScopeFactory } from "./bindings.ts";
import type { CelValue, CompiledCel } from "./cel.ts";
import {
  chainOf,
  compiledPart,
  type Evaluated,
  isBool,
  isCall,
  isMacro,
  PartEvaluator,
  type PartInputs,
  receiverOf,
} from "./parts.ts";
import { compare, exclude, isOrdered, quoted, type Relation, shortText } from "./passes-text.ts";

/** What would have made a condition come to the opposite, all else being equal. */
export interface Passing {
  /** Such as `vars.asked (21000) at most 16000`. */
  readonly text: string;
  /** The facts that would have to be other ones. */
  readonly changes: readonly FactChange[];
}

/** What a condition is asked with. */
export interface PassingInputs extends Pick<PartInputs, "facts" | "hidden"> {
  readonly scopes: ScopeFactory;
}

/**
 * What would have made a condition come to `wanted`. Of comparisons it is told in numbers, of the rest by the part that
 * would have to be true or false. Where it is told it is certain: facts that are as it says, the others as they were,
 * make the condition what is wanted.
 *
 * @returns `null` where nothing in the request could
 */
export function passesOf(condition: CompiledCel, wanted: boolean, inputs: PassingInputs): Passing | null {
  const need = new Needs(condition, inputs).of(condition.tree, wanted);
  if (need === null || need === met) return null;
  return { text: textOf(need), changes: changesOf(need) };
}

/** Holds already. */
const met: unique symbol = Symbol("met");

interface Atom {
  readonly kind: "atom";
  readonly text: string;
  readonly changes: readonly FactChange[];
  /** What it says in a form in which contradictions show. */
  readonly says?: { readonly of: string; readonly is: boolean | Relation };
}

/** What would have to be so: one thing, all of several, or any of them. */
type Statement = Atom | { readonly kind: "all" | "any"; readonly of: readonly Statement[] };
/** `null`: cannot be, because it is the same for every request. */
type Need = Statement | typeof met | null;

/** More alternatives than people read. */
const maxAlternatives = 4;
/** Longest list whose elements are looked at one by one. */
const maxElements = 64;

class Needs {
  readonly #condition: CompiledCel;
  readonly #inputs: PassingInputs;
  readonly #parts: PartEvaluator;

  constructor(condition: CompiledCel, inputs: PassingInputs) {
    this.#condition = condition;
    this.#inputs = inputs;
    const { facts, hidden, scopes } = inputs;
    this.#parts = new PartEvaluator(condition, { facts, hidden, scope: scopes(facts) });
  }

  /** @param stay whether to say also what holds already, because facts that it depends on would be other ones */
  of(node: Node, wanted: boolean, stay = false): Need {
    const { outcome } = this.#parts.evaluate(node);
    const holds = outcome.ok && outcome.value === wanted;
    if (this.#parts.reads(node).length === 0) return holds ? met : null;
    if (holds && !stay) return met;
    switch (node.op) {
      case "!_":
        return this.of(node.args as Node, !wanted, stay);
      case "&&":
      case "||": {
        const operands = chainOf(node, node.op);
        return wanted === (node.op === "||")
          ? this.#any(operands, wanted, stay, holds)
          : this.#all(operands, wanted, stay);
      }
      case "?:":
        return this.#branch(node, wanted, stay);
      default:
        return this.#atom(node, wanted);
    }
  }

  #any(operands: readonly Node[], wanted: boolean, stay: boolean, holds: boolean): Need {
    const able: Statement[] = [];
    const failing: Statement[] = [];
    for (const operand of operands) {
      const { outcome } = this.#parts.evaluate(operand);
      if (stay && holds && !(outcome.ok && outcome.value === wanted)) continue;
      const need = this.of(operand, wanted, stay);
      if (need === met) return met;
      if (need !== null) (outcome.ok || outcome.hidden ? able : failing).push(need);
    }
    const all = able.length > 0 ? able : failing;
    if (all.length === 0) return null;
    const ordered = [...all].sort((a, b) => remoteness(a) - remoteness(b));
    return joined("any", ordered.slice(0, maxAlternatives));
  }

  #all(operands: readonly Node[], wanted: boolean, stay: boolean): Need {
    const needs = operands.map((operand) => this.of(operand, wanted, stay));
    const stated: Statement[] = [];
    for (const [i, operand] of operands.entries()) {
      // What it takes for granted has to be said where the others make that another one.
      const others = needs.flatMap((need, j) => (i === j || need === null || need === met ? [] : changesOf(need)));
      const reads = this.#parts.reads(operand);
      const isTouched = others.some(({ fact }) => reads.includes(fact));
      const need = isTouched ? this.of(operand, wanted, true) : needs[i]!;
      if (need === null) return null;
      if (need !== met) stated.push(need);
    }
    if (stated.length === 0) return met;
    return contradict(stated) ? null : joined("all", stated);
  }

  /** The branch that was taken, as long as it is that one. */
  #branch(node: Node, wanted: boolean, stay: boolean): Need {
    const [test, yes, no] = node.args as [Node, Node, Node];
    const { outcome } = this.#parts.evaluate(test);
    if (!outcome.ok) return this.#generic(node, wanted);
    const need = this.of(outcome.value ? yes : no, wanted, stay);
    if (need === null) return this.of(test, !outcome.value) === null ? null : this.#generic(node, wanted);
    if (need === met) return met;
    const changed = new Set(changesOf(need).map(({ fact }) => fact));
    if (!stay && !this.#parts.reads(test).some((fact) => changed.has(fact))) return need;
    const staying = this.of(test, outcome.value === true, true);
    if (staying === met || staying === null) return need;
    return contradict([need, staying]) ? null : joined("all", [need, staying]);
  }

  #atom(node: Node, wanted: boolean): Need {
    const { op } = node;
    if (isOrdered(op) || op === "==" || op === "!=") return this.#comparison(node, wanted);
    if (op === "in") return this.#membership(node, wanted);
    if (isCall(node, "has")) {
      const path = /^has\s*\(([\s\S]*)\)$/.exec(this.#parts.evaluate(node).slice.text)?.[1]?.trim();
      if (path !== undefined) return this.#statement(node, `${path} ${wanted ? "present" : "absent"}`);
    }
    if (isMacro(node)) return this.#elements(node, wanted) ?? this.#generic(node, wanted);
    return this.#generic(node, wanted);
  }

  #comparison(node: Node, wanted: boolean): Need {
    const [left, right] = node.args as [Node, Node];
    const [a, b] = [this.#parts.evaluate(left), this.#parts.evaluate(right)];
    const isFixed = (part: Node) => this.#parts.reads(part).length === 0;
    if (!isOrdered(node.op)) {
      const equal = (node.op === "==") === wanted;
      for (const [part, other] of [
        [left, b],
        [right, a],
      ] as const) {
        // `request.stream == false` is about `request.stream`.
        if (isBool(part) && isFixed(other.node) && other.outcome.ok) {
          return this.of(part, (other.outcome.value === true) === equal, true);
        }
      }
      const [subject, object] = isFixed(left) ? [b, a] : [a, b];
      if (!isScalar(subject) || !isScalar(object)) return this.#generic(node, wanted);
      const than = isFixed(object.node) ? valueText(object) : withValue(object);
      return this.#statement(
        node,
        equal ? `${withValue(subject)} equal to ${than}` : `${subject.slice.text} other than ${than}`,
      );
    }
    const flipped = isFixed(left);
    const [subject, object] = flipped ? [b, a] : [a, b];
    const limit = object.outcome.ok ? object.outcome.value : undefined;
    const relation = compare(node.op, {
      flipped,
      wanted,
      limit: isFixed(object.node) ? limit : undefined,
      of: knownValue(subject),
    });
    if (relation === null) return this.#generic(node, wanted);
    const text = `${withValue(subject)} ${relation.words} ${relation.limit ?? withValue(object)}`;
    const direction = relation.lower ? "lower" : "higher";
    const changes = this.#changes(node, subject.node, isFixed(object.node) ? direction : "any");
    return { kind: "atom", text, changes, says: { of: subject.slice.text, is: relation } };
  }

  #membership(node: Node, wanted: boolean): Need {
    const [left, right] = node.args as [Node, Node];
    const [a, b] = [this.#parts.evaluate(left), this.#parts.evaluate(right)];
    if (this.#parts.reads(right).length === 0 && b.outcome.ok && isScalar(a)) {
      const { value } = b.outcome;
      const names = Array.isArray(value) ? (value as readonly CelValue[]) : Object.keys(value as object);
      return this.#statement(
        node,
        `${withValue(a)} ${wanted ? "one" : "none"} of ${shortText(names.map(quoted).join(", "))}`,
      );
    }
    if (this.#parts.reads(left).length > 0) return this.#generic(node, wanted);
    return this.#statement(node, `${b.slice.text} ${wanted ? "with" : "without"} ${valueText(a)}`);
  }

  /** Of `exists` and `all` over a fact: the elements that make it what it is, if it is another without them. */
  #elements(node: Node, wanted: boolean): Need {
    const [name] = node.args as [string];
    const list = receiverOf(node).args as string;
    const isAbout = (name === "exists" && !wanted) || (name === "all" && wanted);
    if (!isAbout || receiverOf(node).op !== "id" || !isFactName(list) || this.#inputs.hidden?.has(list)) return null;
    const [root, field] = list.split(".") as [keyof Facts, string];
    const elements = (this.#inputs.facts[root] as unknown as Record<string, unknown>)[field];
    if (!Array.isArray(elements) || elements.length > maxElements) return null;
    const comesTo = (values: readonly unknown[]) => {
      const facts = { ...this.#inputs.facts, [root]: { ...this.#inputs.facts[root], [field]: values } } as Facts;
      const { hidden, scopes } = this.#inputs;
      const { outcome } = new PartEvaluator(this.#condition, { facts, hidden, scope: scopes(facts) }).evaluate(node);
      return outcome.ok ? outcome.value : undefined;
    };
    const culprits = elements.filter((element) => comesTo([element]) === !wanted);
    const rest = elements.filter((element) => !culprits.includes(element));
    if (culprits.length === 0 || comesTo(rest) !== wanted) return null;
    return this.#statement(node, `${list} without ${shortText([...new Set(culprits)].map(quoted).join(", "))}`);
  }

  #generic(node: Node, wanted: boolean): Atom {
    const text = this.#parts.evaluate(node).slice.text.replace(/\s+/g, " ");
    return { ...this.#statement(node, `${text} ${wanted}`), says: { of: text, is: wanted } };
  }

  #statement(node: Node, text: string): Atom {
    return { kind: "atom", text, changes: this.#changes(node, node, "any") };
  }

  #changes(node: Node, subject: Node, direction: FactChange["direction"]): readonly FactChange[] {
    const part = compiledPart(this.#condition, subject);
    return this.#parts.reads(node).map((fact) => {
      // What grows with a fact gets smaller when the fact does.
      const isDirect = subject.op === "id" && subject.args === fact;
      return { fact, direction: isDirect || part?.risesWith(fact) ? direction : "any" };
    });
  }
}

/** Whether several statements can be seen not to hold together: nothing would satisfy them. */
function contradict(statements: readonly Statement[]): boolean {
  const said = statements.flatMap(sayings);
  return said.some(({ of, is }, i) =>
    said.slice(i + 1).some((other) => {
      if (other.of !== of) return false;
      return typeof is === "boolean" || typeof other.is === "boolean" ? is !== other.is : exclude(is, other.is);
    }),
  );
}

function sayings(statement: Statement): readonly NonNullable<Atom["says"]>[] {
  if (statement.kind === "atom") return statement.says === undefined ? [] : [statement.says];
  return statement.kind === "all" ? statement.of.flatMap(sayings) : [];
}

function joined(kind: "all" | "any", of: readonly Statement[]): Statement {
  const unique = [...new Map(of.map((statement) => [textOf(statement), statement])).values()];
  return unique.length === 1 ? unique[0]! : { kind, of: unique };
}

function textOf(need: Statement, inside = false): string {
  if (need.kind === "atom") return need.text;
  const parts = need.of.map((part) => textOf(part, true));
  const text = parts.join(need.kind === "all" ? " and " : inside ? " or " : ", or ");
  return inside ? `(${text})` : text;
}

function changesOf(need: Statement): readonly FactChange[] {
  const all = need.kind === "atom" ? need.changes : need.of.flatMap(changesOf);
  return [...new Map(all.map((change) => [`${change.fact} ${change.direction}`, change])).values()];
}

/** What the next request may change comes before who is asking and when. */
function remoteness(need: Statement): number {
  const ranks = changesOf(need).map(({ fact }) => ranked[fact.split(".")[0]!] ?? 0);
  return Math.max(0, ...ranks);
}

const ranked: Readonly<Record<string, number>> = { user: 1, now: 2, clock: 2, key: 3, app: 3, team: 3, org: 3 };

function knownValue({ outcome }: Evaluated): CelValue | undefined {
  return outcome.ok ? outcome.value : undefined;
}

function isScalar({ outcome }: Evaluated): boolean {
  return !outcome.ok || ["string", "bigint", "number", "boolean"].includes(typeof outcome.value);
}

function valueText({ outcome, slice }: Evaluated): string {
  return outcome.ok ? shortText(quoted(outcome.value)) : slice.text;
}

function withValue({ outcome, slice }: Evaluated): string {
  return `${slice.text} (${outcome.ok ? shortText(quoted(outcome.value)) : outcome.error})`;
}
