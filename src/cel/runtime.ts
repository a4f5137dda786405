import { Duration } from "@marcbachmann/cel-js/evaluator";
import { maxSteps } from "./cost.ts";
import { absorbable, fail, StepsSpent } from "./failure.ts";
import { codePoints, lowerAscii, upperAscii } from "./functions.ts";
import {
  add,
  divide,
  type Int,
  modulo,
  multiply,
  narrow,
  negate,
  parseInteger,
  subtract,
  truncate,
  within64,
} from "./ints.ts";
import { addSpans, compareSpans, momentAfter, momentBefore, spanBetween, subtractSpans } from "./time.ts";

/**
 * What generated code calls. Its names are the only ones that generated code refers to, beside its own.
 *
 * Values are held as they are outside, except for ints: see {@link Int}.
 */
export const runtime = {
  absorbable,
  fail,
  add,
  subtract,
  multiply,
  divide,
  modulo,
  negate,
  truncate,
  parseInteger,
  parseDouble,
  parseBool,
  addSpans,
  subtractSpans,
  compareSpans,
  spanBetween,
  momentAfter,
  momentBefore,
  codePoints,
  equal,
  includes,
  joined,
  split,
  indexOf,
  lastIndexOf,
  substring,
  lowerAscii,
  upperAscii,
  least,
  greatest,
  clamp,

  /** A fact of type int. Later phases fill facts in, so each is looked at when it is read. */
  int(value: unknown): Int {
    const short = (value as number) | 0;
    return short === value ? short : wideInt(value);
  },

  double(value: unknown): number {
    return typeof value === "number" ? value : wrongType();
  },

  bool(value: unknown): boolean {
    return value === true || value === false ? value : wrongType();
  },

  time(value: unknown): Date {
    return value instanceof Date ? value : wrongType();
  },

  map(value: unknown): object {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : wrongType();
  },

  /** A fact of type string; one that is larger than what costs are computed from is a failure. */
  text(value: unknown, most: number, name: string): string {
    if (typeof value !== "string") return wrongType();
    if (value.length > most) throw new Error(`${name} is longer than ${most} characters`);
    return value;
  },

  /** A fact of type list<string>. */
  texts(value: unknown, most: number, longest: number, name: string): readonly string[] {
    if (!Array.isArray(value)) return wrongType();
    if (value.length > most) throw new Error(`${name} has more than ${most} elements`);
    for (let i = 0; i < value.length; i += 1) {
      const text: unknown = value[i];
      if (typeof text !== "string") return wrongType();
      if (text.length > longest) throw new Error(`an element of ${name} is longer than ${longest} characters`);
    }
    return value;
  },

  /** A variable of the policy; `undefined` when there is no scope that has it. */
  known<T>(value: T | undefined): T {
    return value === undefined ? fail("unknown_variable") : value;
  },

  at<T>(list: readonly T[], index: Int): T {
    const value = list[index as number];
    return value === undefined ? fail("index_out_of_bounds") : value;
  },

  has(map: object, key: string): boolean {
    return Object.hasOwn(map, key) && (map as Record<string, unknown>)[key] !== undefined;
  },

  field<T>(map: Readonly<Record<string, T>>, key: string): T {
    const value = Object.hasOwn(map, key) ? map[key] : undefined;
    return value === undefined ? fail("no_such_key") : value;
  },

  /** A value of a map that is a fact. */
  textField(map: Readonly<Record<string, unknown>>, key: string): string {
    const value = Object.hasOwn(map, key) ? map[key] : undefined;
    if (typeof value === "string") return value;
    return fail(value === undefined ? "no_such_key" : "field_type_mismatch");
  },

  /** A part of a date; an invalid date has none. */
  part(value: number): number {
    return Number.isNaN(value) ? fail("invalid_timestamp") : value;
  },

  /** Seconds of a span, rounded towards zero to so many. */
  spanSeconds(span: Duration, unit: number): number {
    return Math.trunc(Number(span.seconds) / unit) + 0;
  },

  spanMilliseconds(span: Duration): number {
    return Math.trunc(span.nanos / 1_000_000) + 0;
  },

  stepsSpent(): never {
    throw new StepsSpent(maxSteps);
  },
} as const;

/** A name of {@link runtime}. */
export type Helper = keyof typeof runtime;

function wrongType(): never {
  return fail("variable_type_mismatch");
}

function wideInt(value: unknown): Int {
  if (Number.isSafeInteger(value)) return value as number;
  // What is no integer at all throws.
  return narrow(within64(BigInt(value as number)));
}

function parseDouble(text: string): number {
  if (text.length > 64 || !/^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) fail("double_conversion_error");
  return Number(text);
}

const bools = new Map([
  ...["1", "t", "true", "TRUE", "True"].map((word) => [word, true] as const),
  ...["0", "f", "false", "FALSE", "False"].map((word) => [word, false] as const),
]);

function parseBool(text: string): boolean {
  return bools.get(text) ?? fail("bool_conversion_error");
}

/** Equality of two values of one type. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((value, i) => equal(value, b[i]));
  }
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime();
  if (a instanceof Duration) return b instanceof Duration && compareSpans(a, b) === 0;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) => Object.hasOwn(b, key) && equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}

function includes(list: readonly unknown[], value: unknown): boolean {
  for (let i = 0; i < list.length; i += 1) if (equal(value, list[i])) return true;
  return false;
}

function joined(list: readonly string[], separator: string): string {
  return list.join(separator);
}

function split(text: string, separator: string, limit: Int): readonly string[] {
  const most = Number(limit);
  if (most === 0) return [];
  const parts = text.split(separator);
  if (most < 0 || parts.length <= most) return parts;
  return [...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)];
}

function indexOf(text: string, search: string, from: Int): Int {
  return search === "" ? from : text.indexOf(search, index(text, from));
}

function lastIndexOf(text: string, search: string, from: Int): Int {
  return search === "" ? from : text.lastIndexOf(search, index(text, from));
}

function index(text: string, from: Int): number {
  const at = Number(from);
  return at < 0 || at >= text.length ? fail("index_out_of_range") : at;
}

function substring(text: string, start: Int, end: Int = text.length): string {
  const from = Number(start);
  const to = Number(end);
  if (from < 0 || from > text.length || to < from || to > text.length) fail("index_out_of_range");
  return text.substring(from, to);
}

function least<T extends Int>(a: T, b: T): T {
  return a < b ? a : b;
}

function greatest<T extends Int>(a: T, b: T): T {
  return a > b ? a : b;
}

function clamp<T extends Int>(value: T, low: T, high: T): T {
  return value < low ? low : value > high ? high : value;
}
