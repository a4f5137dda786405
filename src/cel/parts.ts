import type { HiddenFacts, HiddenReason } from "../core/explain.ts";
import type { FactName, Facts } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";
import type { CelScope } from "./bindings.ts";
import { type CelValue, type CompiledCel, createCel } from "./cel.ts";
import { VariableFailure } from "./failure.ts";
import { type Slice, sliceOf } from "./slices.ts";

/** What a part of an expression came to, with what it was made of. */
export interface Evaluated {
  readonly node: Node;
  readonly slice: Slice;
  readonly outcome: Outcome;
  /** In the order they were evaluated. */
  readonly clauses: readonly Evaluated[];
}

/** A value, or why there is none. */
export type Outcome =
  | { readonly ok: true; readonly value: CelValue }
  | { readonly ok: false; readonly error: string; readonly hidden?: true };

/** Of a part that has no value of its own, such as the address block of `inCidr`. */
const silent: Outcome = { ok: false, error: "not a value" };
const nothingHidden: HiddenFacts = new Map();

/** With what an expression is evaluated part by part. */
export interface PartInputs {
  readonly facts: Facts;
  /** The policy's, when the expression may read its variables. */
  readonly scope?: CelScope | undefined;
  /** Facts whose values cannot be told: what depends on them alone has none. */
  readonly hidden?: HiddenFacts | undefined;
}

/**
 * Evaluates parts of a condition. What CEL would not evaluate, such as the right side of `false && x`, is not evaluated;
 * and a part that cannot be evaluated, or told, is forgotten where another one decides.
 */
export class PartEvaluator {
  readonly #condition: CompiledCel;
  readonly #facts: Facts;
  readonly #scope: CelScope | undefined;
  readonly #hidden: HiddenFacts;

  constructor(condition: CompiledCel, { facts, scope, hidden = nothingHidden }: PartInputs) {
    this.#condition = condition;
    this.#facts = facts;
    this.#scope = scope;
    this.#hidden = hidden;
  }

  evaluate(node: Node): Evaluated {
    const slice = sliceOf(node);
    switch (node.op) {
      case "&&":
      case "||":
        return this.#chain(node, slice, node.op);
      case "!_": {
        const inner = this.evaluate(node.args as Node);
        const outcome = inner.outcome.ok ? known(!inner.outcome.value) : inner.outcome;
        return { node, slice, clauses: [inner], outcome };
      }
      case "?:": {
        const [test, yes, no] = node.args as [Node, Node, Node];
        const tested = this.evaluate(test);
        if (!tested.outcome.ok) return { node, slice, clauses: [tested], outcome: tested.outcome };
        const taken = this.evaluate(tested.outcome.value ? yes : no);
        return { node, slice, clauses: [tested, taken], outcome: taken.outcome };
      }
      default: {
        const clauses = partsOf(node).map((part) => this.evaluate(part));
        const telling = clauses.filter(({ outcome }) => outcome !== silent);
        return { node, slice, clauses: telling, outcome: this.#whole(node) };
      }
    }
  }

  /** The facts that a part reads, those of its variables included. */
  reads(node: Node): readonly FactName[] {
    return (compiledPart(this.#condition, node) ?? this.#condition).reads;
  }

  #chain(node: Node, slice: Slice, op: "&&" | "||"): Evaluated {
    const decisive = op === "||";
    const clauses: Evaluated[] = [];
    let failure: Outcome | undefined;
    for (const operand of chainOf(node, op)) {
      const clause = this.evaluate(operand);
      const { outcome } = clause;
      clauses.push(clause);
      if (outcome.ok && outcome.value === decisive) return { node, slice, clauses, outcome };
      // What cannot be told may be what decides, whatever failed beside it.
      if (!outcome.ok && (failure === undefined || outcome.hidden)) failure = outcome;
    }
    return { node, slice, clauses, outcome: failure ?? known(!decisive) };
  }

  #whole(node: Node): Outcome {
    const part = compiledPart(this.#condition, node);
    if (part === null) return silent;
    const why = this.#hiddenIn(node, part.reads);
    if (why !== undefined) return { ok: false, error: why, hidden: true };
    try {
      return known(part.value(this.#facts, this.#scope));
    } catch (error) {
      return { ok: false, error: reasonOf(error) };
    }
  }

  #hiddenIn(node: Node, reads: readonly FactName[]): HiddenReason | undefined {
    if (this.#hidden.size === 0) return undefined;
    const reasons = reads.flatMap((fact) => this.#hidden.get(fact) ?? []);
    // Masks stand in the place of values: which names a map has can still be seen.
    return reasons.find((reason) => reason !== "masked" || !isCall(node, "has"));
  }
}

function known(value: CelValue): Outcome {
  return { ok: true, value };
}

// Parts are compiled when somebody looks at them, never on a request's path; so they share one compiler.
let compiler: ReturnType<typeof createCel> | undefined;
const compiledParts = new WeakMap<CompiledCel, Map<number, CompiledCel | null>>();

/** A part as an expression of its own; `null` for what has no value outside its place, such as a pattern. */
export function compiledPart(condition: CompiledCel, node: Node): CompiledCel | null {
  if (node === condition.tree) return condition;
  let parts = compiledParts.get(condition);
  if (parts === undefined) {
    parts = new Map();
    compiledParts.set(condition, parts);
  }
  const { text, start } = sliceOf(node);
  // Two parts may begin at one place; none of them are equally long.
  const key = start * 65_536 + text.length;
  let part = parts.get(key);
  if (part === undefined) {
    compiler ??= createCel();
    try {
      part = compiler.compile(text, condition.phase, condition.names);
    } catch {
      part = null;
    }
    parts.set(key, part);
  }
  return part;
}

/** The operands of a chain of one operator, however it is nested. */
export function chainOf(node: Node, op: string): readonly Node[] {
  return node.op === op ? (node.args as Node[]).flatMap((operand) => chainOf(operand, op)) : [node];
}

/**
 * The parts of a part that have a value once. Of a path there are none: `request.headers.x` is one name. The body of a
 * macro has a value for each element.
 */
export function operandsOf(node: Node): readonly Node[] {
  if (node.op === "." || node.op === "[]" || isCall(node, "has")) return [];
  return isMacro(node) ? [receiverOf(node)] : children(node);
}

/** The parts whose values tell why a part has its own. */
function partsOf(node: Node): readonly Node[] {
  // Compiling put the values of params in the place of their names; a literal tells nothing that is not written.
  return operandsOf(node).filter((part) => varies(part) || /\bparams\b/.test(sliceOf(part).text));
}

export function isConnective(node: Node): boolean {
  return ["&&", "||", "!_", "?:"].includes(node.op);
}

export function isBool(node: Node): boolean {
  return node.checkedType?.name === "bool";
}

export function isMacro(node: Node): boolean {
  return node.op === "rcall" && node.meta.alternate !== undefined;
}

export function receiverOf(node: Node): Node {
  return (node.args as [string, Node])[1];
}

export function isCall(node: Node, name: string): boolean {
  return node.op === "call" && (node.args as [string])[0] === name;
}

/** Whether a part can differ from one request to the next. */
export function varies(node: Node): boolean {
  return node.op === "id" || children(node).some(varies);
}

/** Never the library's own message: it may hold values of the request. */
function reasonOf(error: unknown): string {
  if (error instanceof VariableFailure) return error.message;
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === "string" && /^[a-z_]+$/.test(code) ? code.replaceAll("_", " ") : "it could not be evaluated";
}
