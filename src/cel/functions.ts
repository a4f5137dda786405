import { BlockList, isIPv4, isIPv6 } from "node:net";
import type { Environment } from "@marcbachmann/cel-js";
import type { Duration } from "@marcbachmann/cel-js/evaluator";
import { compileGlob } from "../core/glob.ts";
import { compilePattern, maxPatternText, type Pattern } from "../sdk/pattern.ts";
import { NumberSet, TextSet } from "./data.ts";
import { within64 } from "./ints.ts";
import { DURATION, TIMESTAMP } from "./types.ts";

/** A regular expression that takes time linear in the text, whatever either of them is. */
export class LinearRegex {
  readonly #pattern: Pattern;
  /** Instructions that a character of the worst text takes. */
  readonly size: number;

  /** @throws Error with a sentence for people when the pattern is not valid or too large */
  constructor(source: string) {
    this.#pattern = compilePattern(source);
    const { states, size } = this.#pattern;
    this.size = states === null ? size : 1;
  }

  test(text: string): boolean {
    return this.#pattern.test(text);
  }
}

/** A glob with `*` and `?`, ignoring ASCII case. */
export class GlobPattern {
  readonly pattern: string;
  readonly test: (text: string) => boolean;
  /** How often it goes over a text, at most. */
  readonly size: number;

  constructor(pattern: string) {
    this.pattern = pattern;
    const test = compileGlob(pattern);
    this.test = (text) => test(within(text));
    // What is between two stars is searched for: quickly where each of its characters is known.
    const searched = pattern.split("*").slice(1, -1);
    this.size = searched.reduce((sum, part) => sum + (part.includes("?") ? 8 * part.length : 1), 2);
  }
}

/** A block of addresses, such as 10.0.0.0/8. An IPv4 address written as IPv6 counts as the IPv4 address. */
export class AddressBlock {
  readonly #list = new BlockList();

  /** @throws Error with a sentence for people when it is not a block in CIDR form */
  constructor(cidr: string) {
    const [address = "", prefix = "", ...rest] = cidr.split("/");
    const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : null;
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === null || rest.length > 0 || !(bits <= (family === "ipv4" ? 32 : 128))) {
      throw new Error(`'${cidr}' is not an address block; expected one such as 10.0.0.0/8 or 2001:db8::/32`);
    }
    this.#list.addSubnet(address, bits, family);
  }

  test(address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    if (isIPv4(plain)) return this.#list.check(plain, "ipv4");
    return isIPv6(plain) && this.#list.check(plain, "ipv6");
  }
}

function within(text: string): string {
  if (text.length > maxPatternText) throw new Error(`a text of ${text.length} characters is too long for a pattern`);
  return text;
}

/**
 * Names that a call gets instead of the library's own implementation, which differs from the specification (its
 * conversions, ASCII case, milliseconds of a span) or is slow (string sizes), and cannot be overridden.
 */
export const replacements: Readonly<Record<string, string>> = {
  int: "strictInt",
  double: "strictDouble",
  size: "quickSize",
  lowerAscii: "asciiLower",
  upperAscii: "asciiUpper",
  getMilliseconds: "millisecondsPart",
};

/** The call that `re.matches(text, pattern)` becomes. */
export const regexMethod = "matchesLinear";

/** Registers what policies can call beside the library's own functions. All are pure and synchronous. */
export function registerFunctions(env: Environment): void {
  const add = (signature: string, handler: (...args: never[]) => unknown) =>
    env.registerFunction(signature, handler, { async: false });

  for (const ctor of [LinearRegex, GlobPattern, AddressBlock, TextSet, NumberSet]) env.registerType(ctor.name, ctor);
  add(`string.${regexMethod}(LinearRegex): bool`, (text: string, regex: LinearRegex) => regex.test(text));
  add("glob(string, GlobPattern): bool", (text: string, glob: GlobPattern) => glob.test(text));
  add("inCidr(string, AddressBlock): bool", (address: string, block: AddressBlock) => block.test(address));

  add("inSet(TextSet, string): bool", (set: TextSet, text: string) => set.has(text));
  add("inSet(NumberSet, int): bool", (set: NumberSet, number: bigint) => set.has(number));

  for (const [type, zero] of [["int", 0n] as const, ["double", 0] as const]) {
    type N = typeof zero;
    add(`least(${type}, ${type}): ${type}`, (a: N, b: N) => (a < b ? a : b));
    add(`greatest(${type}, ${type}): ${type}`, (a: N, b: N) => (a > b ? a : b));
    add(`clamp(${type}, ${type}, ${type}): ${type}`, (x: N, low: N, high: N) => (x < low ? low : x > high ? high : x));
  }

  add("strictInt(int): int", (value: bigint) => value);
  add("strictInt(double): int", (value: number) => {
    if (!(Math.abs(value) < 2 ** 63)) throw new Error("int() of a double that is outside its range");
    return BigInt(Math.trunc(value));
  });
  add("strictInt(string): int", (text: string) => {
    if (!/^[-+]?\d{1,19}$/.test(text)) throw new Error("int() of a text that is no integer");
    return within64(BigInt(text));
  });
  add("strictDouble(double): double", (value: number) => value);
  add("strictDouble(int): double", (value: bigint) => Number(value));
  add("strictDouble(string): double", (text: string) => {
    if (text.length > 64 || !/^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)) {
      throw new Error("double() of a text that is no number");
    }
    return Number(text);
  });

  for (const form of ["quickSize(string)", "string.quickSize()"]) {
    add(`${form}: int`, (text: string) => BigInt(codePoints(text)));
  }
  for (const form of ["quickSize(list)", "list.quickSize()"]) {
    add(`${form}: int`, (list: readonly unknown[]) => BigInt(list.length));
  }
  for (const form of ["quickSize(map)", "map.quickSize()"]) {
    add(`${form}: int`, (map: object) => BigInt(Object.keys(map).length));
  }
  add("string.asciiLower(): string", lowerAscii);
  add("string.asciiUpper(): string", upperAscii);

  add(`${TIMESTAMP}.millisecondsPart(): int`, (moment: Date) => BigInt(moment.getUTCMilliseconds()));
  add(`${DURATION}.millisecondsPart(): int`, (span: Duration) => BigInt(Math.trunc(span.nanos / 1_000_000)));
}

/** Size in code points, as CEL counts; for ASCII that is the length, which costs next to nothing to find out. */
export function codePoints(text: string): number {
  if (Buffer.byteLength(text) === text.length) return text.length;
  let count = text.length;
  for (let i = 0; i < text.length - 1; i += 1) {
    // Two halves of one character. A half alone counts as one.
    if ((text.charCodeAt(i) & 0xfc00) !== 0xd800 || (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) continue;
    count -= 1;
    i += 1;
  }
  return count;
}

/** In ASCII, which most texts are, the engine's own is the same. */
export function lowerAscii(text: string): string {
  return Buffer.byteLength(text) === text.length ? text.toLowerCase() : mapAscii(text, 65, 90);
}

/** As {@link lowerAscii}, the other way round. */
export function upperAscii(text: string): string {
  return Buffer.byteLength(text) === text.length ? text.toUpperCase() : mapAscii(text, 97, 122);
}

/** Changes the case of the letters between two codes and leaves all else, halves of characters included. */
function mapAscii(text: string, from: number, to: number): string {
  const bytes = Buffer.from(text, "utf16le");
  for (let i = 0; i < bytes.length; i += 2) {
    const code = bytes[i]!;
    if (code >= from && code <= to && bytes[i + 1] === 0) bytes[i] = code ^ 32;
  }
  return bytes.toString("utf16le");
}
