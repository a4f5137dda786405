import { compileGlobs, compilePattern, type Pattern, PluginConfigError } from "../../src/sdk/index.ts";
import { parsePath, type Value, valuesAt } from "./paths.ts";

/** What a condition may ask of a value. */
export const conditionOps = [
  "eq",
  "ne",
  "in",
  "not_in",
  "contains",
  "starts_with",
  "glob",
  "matches",
  "gt",
  "gte",
  "lt",
  "lte",
  "present",
  "absent",
] as const;

/** One of the {@link conditionOps}. */
export type ConditionOp = (typeof conditionOps)[number];

/** A condition on the arguments of a call, as configs have it. */
export interface Condition {
  readonly path: string;
  readonly op: ConditionOp;
  readonly value?: unknown;
}

/** Whether the arguments of a call fulfil something. */
export type Test = (given: Value) => boolean;

/** Longest value that an expression is tried on. */
const longest = 262_144;

/**
 * Makes the test of a condition. It is fulfilled when any value at its path is as asked; for `ne`, `not_in` and `absent`
 * when none is otherwise.
 *
 * @param at where in the config it stands
 * @throws PluginConfigError when its value does not go with its operator
 */
export function compileCondition({ path, op, value }: Condition, at: string): Test {
  const place = parsePath(path);
  const fulfils = compileOp(op, value, at);
  switch (op) {
    case "present":
      return (given) => valuesAt(given, place).length > 0;
    case "absent":
      return (given) => valuesAt(given, place).length === 0;
    case "ne":
    case "not_in":
      return (given) => valuesAt(given, place).every(fulfils);
    default:
      return (given) => valuesAt(given, place).some(fulfils);
  }
}

function compileOp(op: ConditionOp, value: unknown, at: string): (one: Value) => boolean {
  switch (op) {
    case "present":
    case "absent":
      if (value !== undefined) throw new PluginConfigError(`${at}.value`, `'${op}' takes no value`);
      return () => true;
    case "eq":
    case "ne": {
      const scalar = isScalar(value) ? value : refuse(at, op, "a string, a number or a bool");
      return (one) => same(one, scalar) === (op === "eq");
    }
    case "in":
    case "not_in": {
      const list = Array.isArray(value) && value.length > 0 && value.every(isScalar) ? value : refuse(at, op, "a list");
      return (one) => list.some((item) => same(one, item as Scalar)) === (op === "in");
    }
    case "gt":
    case "gte":
    case "lt":
    case "lte": {
      const bound = typeof value === "number" ? value : refuse(at, op, "a number");
      return (one) => compares(op, number(one), bound);
    }
    case "contains":
    case "starts_with": {
      const part = aText(at, op, value).toLowerCase();
      return (one) => {
        const text = shown(one).toLowerCase();
        return op === "contains" ? text.includes(part) : text.startsWith(part);
      };
    }
    case "glob": {
      const globs = compileGlobs([aText(at, op, value)]);
      return (one) => globs(shown(one));
    }
    case "matches": {
      const pattern = expression(aText(at, op, value), at);
      // A value that is too long to be tried fulfils it: what cannot be looked through is not let pass.
      return (one) => shown(one).length > longest || pattern.test(shown(one));
    }
  }
}

type Scalar = string | number | boolean;

function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** Models write numbers as texts and the other way round. */
function same(one: Value, scalar: Scalar): boolean {
  return one === scalar || (isScalar(one) && String(one) === String(scalar));
}

function number(one: Value): number {
  if (typeof one === "number") return one;
  return typeof one === "string" && one.trim() !== "" ? Number(one) : Number.NaN;
}

/** What is no number is neither above nor below a bound, and yet is not known to be within it. */
function compares(op: "gt" | "gte" | "lt" | "lte", one: number, bound: number): boolean {
  if (Number.isNaN(one)) return true;
  if (op === "gt") return one > bound;
  if (op === "gte") return one >= bound;
  return op === "lt" ? one < bound : one <= bound;
}

/** A value as text: what is no text as the JSON of it. */
function shown(one: Value): string {
  return typeof one === "string" ? one : JSON.stringify(one);
}

function aText(at: string, op: string, value: unknown): string {
  return typeof value === "string" && value !== "" ? value : refuse(at, op, "a string");
}

function expression(source: string, at: string): Pattern {
  try {
    return compilePattern(source, longest);
  } catch (error) {
    throw new PluginConfigError(`${at}.value`, (error as Error).message);
  }
}

function refuse(at: string, op: string, what: string): never {
  throw new PluginConfigError(`${at}.value`, `'${op}' takes ${what}`);
}
