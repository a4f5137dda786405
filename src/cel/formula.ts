import { type FactSpec, factCatalogue, isFactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";
import type { CompiledCel } from "./cel.ts";
import { sliceOf } from "./slices.ts";

/** Assignments tried for one question; beyond that it has no answer. */
const maxTrials = 4_096;
/** Parts that a variable may have to be looked into. */
const maxParts = 200;

type Value = number | string | boolean;
type Values = ReadonlyMap<string, Value>;

/** Something that has a value of its own for each request, and what it is compared with. */
interface Term {
  readonly kind: "number" | "text" | "bool";
  readonly literals: ReadonlySet<Value>;
  readonly whole: boolean;
  readonly min: number;
  readonly max: number;
}

/**
 * A condition as a boolean formula over terms: what can be told of it without a request.
 *
 * A comparison of a number or a text with literals is known exactly; everything else is a term that may be true or
 * false. Terms are taken to be independent of each other, so what is found to be impossible is.
 */
export interface Formula {
  readonly terms: ReadonlyMap<string, Term>;
  /** How often a term stands in it. */
  readonly mentions: number;
  /** Every part of the condition that is itself a formula, inner ones first. */
  readonly parts: readonly { readonly node: Node; readonly formula: Formula }[];
  test(values: Values): boolean;
}

/**
 * The formula of a condition, with the variables of the policy that it reads. Params are taken as if they could have any
 * value: most of them can.
 */
export function formulaOf(condition: Pick<CompiledCel, "tree" | "names">): Formula {
  const variables = condition.names.vars ?? new Map<string, CompiledCel>();
  const known = new Map<string, Draft>();
  return formulaOfNode(condition.tree);

  function formulaOfNode(node: Node): Formula {
    const parts: { node: Node; formula: Formula }[] = [];
    const whole = draft(node, (part, made) => parts.push({ node: part, formula: { ...made, parts: [] } }));
    return { ...whole, parts };
  }

  function draft(node: Node, note: (part: Node, made: Draft) => void): Draft {
    const made = make(node, note);
    note(node, made);
    return made;
  }

  function make(node: Node, note: (part: Node, made: Draft) => void): Draft {
    const inner = (part: Node) => draft(part, note);
    switch (node.op) {
      case "&&":
      case "||": {
        const [left, right] = (node.args as Node[]).map(inner) as [Draft, Draft];
        const both = node.op === "&&";
        return join([left, right], (v) => (both ? left.test(v) && right.test(v) : left.test(v) || right.test(v)));
      }
      case "!_": {
        const part = inner(node.args as Node);
        return join([part], (v) => !part.test(v));
      }
      case "?:": {
        const [test, yes, no] = (node.args as Node[]).map(inner) as [Draft, Draft, Draft];
        return join([test, yes, no], (v) => (test.test(v) ? yes.test(v) : no.test(v)));
      }
      case "id":
        return variable(node) ?? opaque(node);
      default:
        return comparison(node, inner) ?? opaque(node);
    }
  }

  /** A boolean variable is what its expression is. */
  function variable(node: Node): Draft | null {
    const name = node.args as string;
    const found = name.startsWith("vars.") ? variables.get(name.slice("vars.".length)) : undefined;
    if (found === undefined || found.type !== "bool") return null;
    let made = known.get(name);
    if (made === undefined) {
      made = make(found.tree, () => undefined);
      if (made.size > maxParts) made = opaque(node);
      known.set(name, made);
    }
    return made;
  }

  function comparison(node: Node, inner: (part: Node) => Draft): Draft | null {
    const parts = children(node);
    const [left, right] = parts;
    if (left === undefined || right === undefined || parts.length !== 2) return null;
    if (node.op === "in") {
      const values = listOf(right);
      return values === null ? null : among(left, values);
    }
    const order = orders[node.op];
    if (order === undefined) return null;
    const [a, b] = [literalOf(left), literalOf(right)];
    if (isBool(left) && isBool(right) && (node.op === "==" || node.op === "!="))
      return same(node.op, left, right, inner);
    if (b !== null && a === null) return compared(left, b, (value) => order(value, b));
    if (a !== null && b === null) return compared(right, a, (value) => order(a, value));
    return null;
  }

  function same(op: string, left: Node, right: Node, inner: (part: Node) => Draft): Draft | null {
    const [a, b] = [left, right].map((part) => {
      const literal = literalOf(part);
      return literal === null ? inner(part) : constant(literal as boolean);
    }) as [Draft, Draft];
    return join([a, b], (v) => (a.test(v) === b.test(v)) === (op === "=="));
  }

  function compared(node: Node, literal: Value, holds: (value: Value) => boolean): Draft | null {
    if (typeof literal === "boolean") return null;
    return overTerm(node, [literal], holds);
  }

  function among(node: Node, values: readonly Value[]): Draft | null {
    return overTerm(node, values, (value) => values.includes(value));
  }

  function overTerm(node: Node, literals: readonly Value[], holds: (value: Value) => boolean): Draft | null {
    const term = aliasOf(node);
    const kind = kindOf(term);
    if (kind === null) return null;
    const key = keyOf(term);
    const terms = new Map([[key, { kind, literals: new Set(literals), ...domainOf(term) }]]);
    return { terms, mentions: 1, size: 1, test: (v) => holds(v.get(key)!) };
  }

  function opaque(node: Node): Draft {
    const key = `? ${keyOf(node)}`;
    const term: Term = { kind: "bool", literals: new Set(), ...anything };
    return { terms: new Map([[key, term]]), mentions: 1, size: 1, test: (v) => v.get(key) as boolean };
  }

  /** What a variable stands for that is another name for a fact. */
  function aliasOf(node: Node): Node {
    const name = node.op === "id" ? (node.args as string) : "";
    const found = name.startsWith("vars.") ? variables.get(name.slice("vars.".length))?.tree : undefined;
    return found?.op === "id" ? aliasOf(found) : node;
  }

  /** The literal that a node is; `null` for none, and for a param, whose value stands where its name did. */
  function literalOf(node: Node): Value | null {
    if (node.op === "-_") {
      const inner = literalOf(node.args as Node);
      return typeof inner === "number" ? -inner : null;
    }
    if (node.op !== "value" || isParam(node)) return null;
    const value = node.args;
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : null;
    return typeof value === "number" || typeof value === "string" || typeof value === "boolean" ? value : null;
  }

  function listOf(node: Node): readonly Value[] | null {
    if (node.op !== "list") return null;
    const values = children(node).map(literalOf);
    return values.every((value) => value !== null && typeof value !== "boolean") ? (values as Value[]) : null;
  }
}

/** Whether a formula has this value whatever its terms have; `null` when there are too many of those to try. */
export function isAlways({ terms, test }: Pick<Formula, "terms" | "test">, wanted: boolean): boolean | null {
  const points = [...terms].map(([key, term]) => [key, pointsOf(term)] as const);
  if (points.reduce((product, [, values]) => product * values.length, 1) > maxTrials) return null;
  const values = new Map<string, Value>();
  return fill(0);

  function fill(at: number): boolean {
    const point = points[at];
    if (point === undefined) return test(values) === wanted;
    const [key, candidates] = point;
    return candidates.every((value) => {
      values.set(key, value);
      return fill(at + 1);
    });
  }
}

/** Numbers that a term can have, in words; empty when it can have any. */
export function domainWords(node: Node): string {
  const { min, max } = domainOf(node);
  if (min === Number.NEGATIVE_INFINITY) return "";
  const name = sliceOf(node).text;
  return max === Number.POSITIVE_INFINITY ? `${name} is at least ${min}` : `${name} is from ${min} to ${max}`;
}

interface Draft {
  readonly terms: ReadonlyMap<string, Term>;
  readonly mentions: number;
  readonly size: number;
  test(values: Values): boolean;
}

const anything = { whole: false, min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY } as const;

const orders: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

function constant(value: boolean): Draft {
  return { terms: new Map(), mentions: 0, size: 1, test: () => value };
}

function join(parts: readonly Draft[], test: (values: Values) => boolean): Draft {
  return {
    terms: merge(parts.map(({ terms }) => terms)),
    mentions: parts.reduce((sum, { mentions }) => sum + mentions, 0),
    size: parts.reduce((sum, { size }) => sum + size, 1),
    test,
  };
}

function merge(all: readonly ReadonlyMap<string, Term>[]): ReadonlyMap<string, Term> {
  const merged = new Map<string, Term>();
  for (const terms of all) {
    for (const [key, term] of terms) {
      const other = merged.get(key);
      merged.set(
        key,
        other === undefined ? term : { ...term, literals: new Set([...other.literals, ...term.literals]) },
      );
    }
  }
  return merged;
}

/** One value of each kind that no comparison tells apart. */
function pointsOf({ kind, literals, whole, min, max }: Term): readonly Value[] {
  if (kind === "bool") return [false, true];
  // No text of a policy holds this.
  if (kind === "text") return [...literals, "\u0000"];
  const ends = [min, max].filter(Number.isFinite);
  const sorted = [...new Set([...(literals as ReadonlySet<number>), ...ends])].sort((a, b) => a - b);
  const between = whole
    ? sorted.flatMap((value) => [Math.ceil(value) - 1, Math.floor(value), Math.ceil(value), Math.floor(value) + 1])
    : sorted
        .flatMap((value, i) => [value, i === 0 ? value - 1 : (value + sorted[i - 1]!) / 2])
        .concat(sorted.at(-1)! + 1);
  return [...new Set(between)].filter((value) => value >= min && value <= max);
}

/** What a node is by its meaning: however it is spelt, and whatever its variables are called. */
function keyOf(node: Node): string {
  if (node.op === "id") return node.args as string;
  if (node.op === "value") return isParam(node) ? sliceOf(node).text : valueKey(node);
  const name = node.op === "call" || node.op === "rcall" ? (node.args as [string])[0] : node.op;
  const field = node.op === "." ? `.${(node.args as [Node, string])[1]}` : "";
  return `${name}(${children(node).map(keyOf).join(", ")})${field}`;
}

/** Values that were made of literals at load are known by their spelling. */
function valueKey(node: Node): string {
  return typeof node.args === "object" ? sliceOf(node).text : `${typeof node.args} ${String(node.args)}`;
}

/** Compiling puts the value of a param in the place of its name. */
function isParam(node: Node): boolean {
  return /^params\b/.test(node.input.slice(node.start, node.end));
}

function isBool(node: Node): boolean {
  return node.checkedType?.name === "bool";
}

function kindOf(node: Node): "number" | "text" | null {
  const type = node.checkedType?.name ?? (node.op === "id" ? typeOfFact(node.args as string) : undefined);
  if (type === "int" || type === "double") return "number";
  return type === "string" ? "text" : null;
}

function typeOfFact(name: string): string | undefined {
  return isFactName(name) ? factCatalogue[name].type : undefined;
}

/** The numbers that a term can have. */
function domainOf(node: Node): Pick<Term, "whole" | "min" | "max"> {
  const whole = node.checkedType?.name === "int";
  const sized = sizedFact(node);
  if (sized !== null) return { whole: true, min: 0, max: sized.max ?? Number.POSITIVE_INFINITY };
  const spec = node.op === "id" ? factOf(node) : null;
  if (spec === null || (spec.type !== "int" && spec.type !== "double")) return { ...anything, whole };
  const [min, max] = spec.range ?? [0, Number.POSITIVE_INFINITY];
  return { whole: spec.type === "int", min, max };
}

/** The fact whose size a call asks for. */
function sizedFact(node: Node): FactSpec | null {
  if (!["call", "rcall"].includes(node.op) || (node.args as [string])[0] !== "quickSize") return null;
  const [of] = children(node);
  return of?.op === "id" ? factOf(of) : null;
}

function factOf(node: Node): FactSpec | null {
  const name = node.args as string;
  return isFactName(name) ? factCatalogue[name] : null;
}
