import type { Node } from "./ast.ts";
import type { FunctionWriter } from "./code.ts";
import { regexMethod } from "./functions.ts";
import type { Helper } from "./runtime.ts";
import { DURATION, TIMESTAMP } from "./types.ts";

/** How a call is written once its arguments are. */
export interface Template {
  /** Whether it can fail even when its arguments do not. */
  readonly fails: boolean;
  write(writer: FunctionWriter, ...args: readonly string[]): string;
}

const by = (write: (...args: string[]) => string, fails = false): Template => ({
  fails,
  write: (_, ...args) => write(...args),
});
const calls = (helper: Helper, fails = false, ...more: readonly string[]): Template => ({
  fails,
  write: (writer, ...args) => writer.call(helper, ...args, ...more),
});
const same = by((value) => value);
const length = by((list) => `${list}.length`);
const entries = by((map) => `Object.keys(${map}).length`);
const matches = by((text, pattern) => `${pattern}.test(${text})`, true);
const ofDate = (method: string, more = ""): Template => ({
  fails: true,
  write: (writer, date) => writer.call("part", `${date}.${method}()${more}`),
});

/** Every call there is code for, by its signature: methods begin with a dot, their receiver is the first argument. */
export const callTemplates: Readonly<Record<string, Template | undefined>> = {
  "strictInt(int)": same,
  "strictInt(double)": calls("truncate", true),
  "strictInt(string)": calls("parseInteger", true),
  "strictDouble(double)": same,
  "strictDouble(int)": by((value) => `Number(${value})`),
  "strictDouble(string)": calls("parseDouble", true),
  "bool(bool)": same,
  "bool(string)": calls("parseBool", true),
  "string(string)": same,
  "string(bool)": by((value) => `String(${value})`),
  "string(int)": by((value) => `String(${value})`),

  "quickSize(string)": calls("codePoints"),
  ".quickSize(string)": calls("codePoints"),
  "quickSize(list)": length,
  ".quickSize(list)": length,
  "quickSize(map)": entries,
  ".quickSize(map)": entries,

  ".startsWith(string, string)": by((text, part) => `${text}.startsWith(${part})`),
  ".endsWith(string, string)": by((text, part) => `${text}.endsWith(${part})`),
  ".contains(string, string)": by((text, part) => `${text}.includes(${part})`),
  ".asciiLower(string)": calls("lowerAscii"),
  ".asciiUpper(string)": calls("upperAscii"),
  ".trim(string)": by((text) => `${text}.trim()`),
  ".indexOf(string, string)": by((text, part) => `${text}.indexOf(${part})`),
  ".indexOf(string, string, int)": calls("indexOf", true),
  ".lastIndexOf(string, string)": by((text, part) => `${text}.lastIndexOf(${part})`),
  ".lastIndexOf(string, string, int)": calls("lastIndexOf", true),
  ".substring(string, int)": calls("substring", true),
  ".substring(string, int, int)": calls("substring", true),
  ".split(string, string)": by((text, separator) => `${text}.split(${separator})`),
  ".split(string, string, int)": calls("split"),
  ".join(list)": calls("joined", false, '""'),
  ".join(list, string)": calls("joined"),

  [`.${regexMethod}(string, LinearRegex)`]: matches,
  "glob(string, GlobPattern)": matches,
  "inCidr(string, AddressBlock)": matches,
  "inSet(TextSet, string)": by((set, text) => `${set}.has(${text})`),
  "inSet(NumberSet, int)": by((set, number) => `${set}.hasInt(${number})`),
  "least(int, int)": calls("least"),
  "least(double, double)": calls("least"),
  "greatest(int, int)": calls("greatest"),
  "greatest(double, double)": calls("greatest"),
  "clamp(int, int, int)": calls("clamp"),
  "clamp(double, double, double)": calls("clamp"),

  [`.getFullYear(${TIMESTAMP})`]: ofDate("getUTCFullYear"),
  [`.getMonth(${TIMESTAMP})`]: ofDate("getUTCMonth"),
  [`.getDate(${TIMESTAMP})`]: ofDate("getUTCDate"),
  [`.getDayOfMonth(${TIMESTAMP})`]: ofDate("getUTCDate", " - 1"),
  [`.getDayOfWeek(${TIMESTAMP})`]: ofDate("getUTCDay"),
  [`.getHours(${TIMESTAMP})`]: ofDate("getUTCHours"),
  [`.getMinutes(${TIMESTAMP})`]: ofDate("getUTCMinutes"),
  [`.getSeconds(${TIMESTAMP})`]: ofDate("getUTCSeconds"),
  [`.millisecondsPart(${TIMESTAMP})`]: ofDate("getUTCMilliseconds"),
  [`.getHours(${DURATION})`]: calls("spanSeconds", false, "3600"),
  [`.getMinutes(${DURATION})`]: calls("spanSeconds", false, "60"),
  [`.getSeconds(${DURATION})`]: calls("spanSeconds", false, "1"),
  [`.millisecondsPart(${DURATION})`]: calls("spanMilliseconds"),
};

/** What signatures tell apart: the name of the type, without what a list or map holds. */
export function kindOf({ checkedType }: Node): string {
  return checkedType?.kind === "list" || checkedType?.kind === "map" ? checkedType.kind : (checkedType?.name ?? "?");
}
