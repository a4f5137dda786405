import { type CelValue, celText } from "./cel.ts";

/** Longest value that is shown in the middle of a sentence. */
const maxShown = 120;
const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;

/** How a value has to stand to a limit. */
export interface Relation {
  /** Such as `at most`. */
  readonly words: string;
  /** The limit as text; absent when it is not the same for every request. */
  readonly limit?: string;
  /** Whether the value has to be a smaller one. */
  readonly lower: boolean;
}

/** Whether nothing stands so to both of two limits. */
export function exclude(a: Relation, b: Relation): boolean {
  if (a.lower === b.lower || a.limit === undefined || b.limit === undefined) return false;
  const [most, least] = (a.lower ? [a, b] : [b, a]).map(({ limit }) => Number(limit)) as [number, number];
  // Times are left alone: they are no numbers here.
  const isStrict = [a, b].some(({ words }) => words === "below" || words === "above");
  return most < least || (isStrict && most === least);
}

const ordered: readonly string[] = ["<", "<=", ">", ">="];
const opposites: Readonly<Record<string, string>> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };
const mirrored: Readonly<Record<string, string>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** Whether an operator compares by order. */
export function isOrdered(op: string): boolean {
  return ordered.includes(op);
}

/**
 * What makes an ordered comparison come to what is wanted. Between ints the limit is the last value that does.
 *
 * @returns `null` for what has no order that people speak of, such as texts
 */
export function compare(
  op: string,
  given: {
    /** Whether the value stands on the right. */
    readonly flipped: boolean;
    readonly wanted: boolean;
    /** `undefined` when it depends on the request. */
    readonly limit: CelValue | undefined;
    /** The value as it was; `undefined` when it cannot be told. */
    readonly of: CelValue | undefined;
  },
): Relation | null {
  const { limit, of } = given;
  const turned = given.flipped ? mirrored[op]! : op;
  const operator = given.wanted ? turned : opposites[turned]!;
  const lower = operator.startsWith("<");
  const sample = limit ?? of;
  if (typeof sample === "string" || typeof sample === "boolean" || sample === undefined) return null;
  if (typeof sample === "object") {
    if (!(sample instanceof Date)) return null;
    const words = { "<": "before", "<=": "not after", ">": "after", ">=": "not before" }[operator]!;
    return { words, lower, ...(limit !== undefined && { limit: celText(limit) }) };
  }
  if (limit === undefined) return { words: exact[operator]!, lower };
  if (typeof limit === "bigint" && typeof of === "bigint" && !operator.endsWith("=")) {
    const last = lower ? limit - 1n : limit + 1n;
    if (last >= minInt && last <= maxInt) return { words: lower ? "at most" : "at least", limit: String(last), lower };
  }
  return { words: exact[operator]!, limit: celText(limit), lower };
}

const exact: Readonly<Record<string, string>> = { "<": "below", "<=": "at most", ">": "above", ">=": "at least" };

/** A value as it stands in a sentence: texts in quotes. */
export function quoted(value: CelValue): string {
  return typeof value === "string" ? JSON.stringify(value) : celText(value);
}

/** A text that is not longer than people read in the middle of a sentence. */
export function shortText(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown - 1)}…` : text;
}
