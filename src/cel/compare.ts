import { Environment } from "@marcbachmann/cel-js";
import { type Node, treeOf } from "./ast.ts";

/** What an expression's own names stand for. */
export interface Definitions {
  /** Values of `params.<name>`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Sources of `vars.<name>`. */
  readonly vars: Readonly<Record<string, string>>;
  /** Lists and tables of `data.<name>`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** An expression as a file has it. */
export interface Written {
  readonly source: string;
  /** Whether its opposite is meant. */
  readonly negated?: boolean;
  readonly names: Definitions;
}

/**
 * How a condition stands to an earlier one: `wider` is true of everything that the earlier was true of, `narrower` of
 * nothing else, `same` is both, and of `unknown` neither could be shown.
 */
export type Comparison = "same" | "wider" | "narrower" | "unknown";

/** A part of an expression. Equal parts are one object, so that equality costs nothing. */
interface Term {
  readonly id: number;
  /** `value`, `name`, an operator, or what is called. */
  readonly op: string;
  readonly args: readonly Term[];
  /** Of `value`. */
  readonly value?: unknown;
}

/** Most pairs of parts that are looked at: what takes longer is `unknown`. */
const maxPairs = 20_000;
const macros = new Set(["all", "exists", "exists_one", "map", "filter"]);
const flipped: Readonly<Record<string, string>> = {
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
  "==": "==",
  "!=": "!=",
};

/**
 * Compares two conditions, each a list of expressions that must all be true; an empty list is always true.
 *
 * Params, variables and data are put in place of their names, so that a lower param counts like a lower number. It is a
 * proof or it is `unknown`: the shape is looked at (parts added to `&&` and `||`, other bounds, longer and shorter lists),
 * never a request. That an expression may fail for a request is not looked at.
 */
export function compareConditions(earlier: readonly Written[], later: readonly Written[]): Comparison {
  const terms = new Terms();
  const [a, b] = [terms.all(earlier), terms.all(later)];
  const wider = new Prover().implies(a, b);
  const narrower = new Prover().implies(b, a);
  if (wider) return narrower ? "same" : "wider";
  return narrower ? "narrower" : "unknown";
}

/** The names under `params`, `vars` and `data` that an expression reads, through variables as well; such as `params.cap`. */
export function namesRead(source: string, vars: Readonly<Record<string, string>>): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (text: string) => {
    for (const [name] of text.matchAll(/\b(?:params|vars|data)\.\w+/g)) {
      if (found.has(name)) continue;
      found.add(name);
      const variable = name.startsWith("vars.") ? vars[name.slice(5)] : undefined;
      if (variable !== undefined) look(variable);
    }
    for (const [, name] of text.matchAll(/\binSet\(\s*["'](\w+)["']/g)) found.add(`data.${name}`);
  };
  look(source);
  return found;
}

/** Makes terms of expressions; two that mean the same piece by piece are the same object. */
class Terms {
  readonly #env = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: false });
  readonly #known = new Map<string, Term>();
  readonly #vars = new Map<Definitions, Map<string, Term>>();

  all(written: readonly Written[]): Term {
    const terms = written.map(({ source, negated = false, names }) => {
      const term = this.#parse(source, names);
      return negated ? this.#make("!", [term]) : term;
    });
    return terms.length === 0 ? this.#value(true) : terms.reduce((left, right) => this.#make("&&", [left, right]));
  }

  #make(op: string, args: readonly Term[], value?: unknown): Term {
    const key = `${op}\0${args.map(({ id }) => id).join()}\0${typeof value}\0${String(value)}`;
    let term = this.#known.get(key);
    if (term === undefined) {
      term = { id: this.#known.size, op, args, ...(value !== undefined && { value }) };
      this.#known.set(key, term);
    }
    return term;
  }

  #value(value: unknown): Term {
    if (Array.isArray(value))
      return this.#make(
        "list",
        value.map((item) => this.#value(item)),
      );
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).flatMap(([name, item]) => [this.#value(name), this.#value(item)]);
      return this.#make("map", entries);
    }
    // CEL's 1 and 1.0 are equal, and so they are here.
    return this.#make("value", [], typeof value === "bigint" && isExact(value) ? Number(value) : value);
  }

  #parse(source: string, names: Definitions): Term {
    try {
      return this.#of(treeOf(this.#env.parse(source)), names, []);
    } catch {
      return this.#make("unparsed", [], source);
    }
  }

  #of(node: Node, names: Definitions, bound: readonly string[]): Term {
    const of = (part: Node) => this.#of(part, names, bound);
    const { op, args } = node;
    switch (op) {
      case "value":
        return typeof args === "object" ? this.#make("value", [], sourceOf(node)) : this.#value(args);
      case "id": {
        const at = bound.lastIndexOf(args as string);
        return this.#make("name", [], at < 0 ? (args as string) : `\0${at}`);
      }
      case ".": {
        const [root, field] = args as [Node, string];
        return this.#named(root, field, names) ?? this.#make(`.${field}`, [of(root)]);
      }
      case "call": {
        const [name, given] = args as [string, Node[]];
        const set = name === "inSet" ? this.#inSet(given, names, of) : undefined;
        return set ?? this.#make(`${name}()`, given.map(of));
      }
      case "rcall": {
        const [name, receiver, given] = args as [string, Node, Node[]];
        const variable = macros.has(name) && given[0]?.op === "id" ? (given[0].args as string) : undefined;
        if (variable === undefined) return this.#make(`.${name}()`, [receiver, ...given].map(of));
        const inner = [...bound, variable];
        return this.#make(`.${name}{}`, [of(receiver), ...given.slice(1).map((part) => this.#of(part, names, inner))]);
      }
      case "map":
        return this.#make("map", (args as [Node, Node][]).flat().map(of));
      case "!_":
        return this.#make("!", [of(args as Node)]);
      case "-_": {
        const term = of(args as Node);
        return typeof term.value === "number" ? this.#value(-term.value) : this.#make("-", [term]);
      }
      default:
        return this.#make(op, (args as Node[]).map(of));
    }
  }

  #named(root: Node, field: string, names: Definitions): Term | undefined {
    if (root.op !== "id") return undefined;
    if (root.args === "params" && Object.hasOwn(names.params, field)) return this.#value(names.params[field]);
    if (root.args === "data" && Object.hasOwn(names.data, field)) return this.#value(names.data[field]);
    if (root.args === "vars" && Object.hasOwn(names.vars, field)) return this.#variable(field, names);
    return undefined;
  }

  #variable(name: string, names: Definitions): Term {
    let known = this.#vars.get(names);
    if (known === undefined) {
      known = new Map();
      this.#vars.set(names, known);
    }
    let term = known.get(name);
    if (term === undefined) {
      // For one that reads itself, which is refused elsewhere.
      known.set(name, this.#make("name", [], `vars.${name}`));
      term = this.#parse(names.vars[name]!, names);
      known.set(name, term);
    }
    return term;
  }

  #inSet(given: readonly Node[], { data }: Definitions, of: (node: Node) => Term): Term | undefined {
    const [name, value] = given;
    if (value === undefined || typeof name?.args !== "string" || !Object.hasOwn(data, name.args)) return undefined;
    const set = data[name.args];
    return this.#make("in", [of(value), this.#value(Array.isArray(set) ? set : Object.keys(set as object))]);
  }
}

function isExact(value: bigint): boolean {
  return BigInt.asIntN(54, value) === value;
}

function sourceOf({ input, start, end }: Node): string {
  return `\0${input.slice(start, end)}`;
}

/** What a term says of one value: that it is one of some, none of some, or beyond a bound. */
type Fact =
  | { readonly about: Term; readonly kind: "among" | "none"; readonly values: ReadonlySet<unknown> }
  | { readonly about: Term; readonly kind: "<" | "<=" | ">" | ">="; readonly bound: number | bigint };

/** Shows that one term follows from another, where the shape of both lets it be seen. */
class Prover {
  readonly #shown = new Map<string, boolean>();

  implies(a: Term, b: Term): boolean {
    if (a === b || a.value === false || b.value === true) return true;
    const key = `${a.id}>${b.id}`;
    const shown = this.#shown.get(key);
    if (shown !== undefined) return shown;
    if (this.#shown.size >= maxPairs) return false;
    this.#shown.set(key, false);
    const follows = this.#follows(a, b);
    this.#shown.set(key, follows);
    return follows;
  }

  #follows(a: Term, b: Term): boolean {
    if (a.op === "||") return a.args.every((part) => this.implies(part, b));
    if (b.op === "&&") return b.args.every((part) => this.implies(a, part));
    if (a.op === "&&" && a.args.some((part) => this.implies(part, b))) return true;
    if (b.op === "||" && b.args.some((part) => this.implies(a, part))) return true;
    if (a.op === "!" && b.op === "!") return this.implies(b.args[0]!, a.args[0]!);
    if (a.op === b.op && (a.op === ".exists{}" || a.op === ".all{}") && a.args[0] === b.args[0]) {
      return a.args.length === b.args.length && this.implies(a.args[1]!, b.args[1]!);
    }
    const [left, right] = [factOf(a), factOf(b)];
    return left !== null && right !== null && left.about === right.about && factImplies(left, right);
  }
}

function factOf(term: Term): Fact | null {
  if (term.op === "!") {
    const fact = factOf(term.args[0]!);
    // A comparison with a number that is none is false, and so is its opposite.
    if (fact === null || !("values" in fact)) return null;
    return { ...fact, kind: fact.kind === "among" ? "none" : "among" };
  }
  const [left, right] = term.args;
  if (left === undefined || right === undefined || term.args.length !== 2) return null;
  if (term.op === "in") {
    const literal = right.op === "list" && right.args.every(({ op }) => op === "value");
    return literal ? { about: left, kind: "among", values: new Set(right.args.map(({ value }) => value)) } : null;
  }
  const turned = flipped[term.op];
  if (turned === undefined) return null;
  if (right.op === "value") return comparison(left, term.op, right.value);
  return left.op === "value" ? comparison(right, turned, left.value) : null;
}

function comparison(about: Term, op: string, value: unknown): Fact | null {
  if (op === "==" || op === "!=") return { about, kind: op === "==" ? "among" : "none", values: new Set([value]) };
  if (typeof value !== "number" && typeof value !== "bigint") return null;
  return { about, kind: op as "<", bound: value };
}

function factImplies(a: Fact, b: Fact): boolean {
  if (a.kind === "among" && "values" in b) {
    return [...a.values].every((value) => b.values.has(value) === (b.kind === "among"));
  }
  if (a.kind === "none") return b.kind === "none" && [...b.values].every((value) => a.values.has(value));
  if (a.kind === "among") return [...a.values].every((value) => "bound" in b && satisfies(value, b.kind, b.bound));
  if (!("bound" in a)) return false;
  if (b.kind === "none") return [...b.values].every((value) => isNumber(value) && !satisfies(value, a.kind, a.bound));
  if (!("bound" in b) || a.kind[0] !== b.kind[0]) return false;
  // A bound that leaves its own number out lies within one that takes it in, and not the other way round.
  const strictEnough = a.kind.length === 1 || b.kind.length === 2;
  const [tight, loose] = a.kind[0] === ">" ? [a.bound, b.bound] : [b.bound, a.bound];
  return strictEnough ? tight >= loose : tight > loose;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function satisfies(value: unknown, op: "<" | "<=" | ">" | ">=", bound: number | bigint): boolean {
  if (!isNumber(value)) return false;
  if (op === "<") return value < bound;
  if (op === "<=") return value <= bound;
  return op === ">" ? value > bound : value >= bound;
}
