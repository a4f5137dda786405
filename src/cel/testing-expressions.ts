import { type FactName, type FactSpec, type FactType, factEntries } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";

/** A seeded source of chance: the same seed gives the same sequence on every machine. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, but not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** Whether something that happens once in so many times happens now. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }
}

/** The types that expressions are made of, by their CEL names. */
export type ExpressionType = FactType | "duration" | "list<int>" | "map<string, int>";

/** Texts that meet edges: empty, other scripts, halves of characters, quotes, words that mean something elsewhere. */
export const oddTexts = [
  "",
  "a",
  "gpt-4o-mini",
  "GPT-4o",
  "x-tier",
  "user",
  "12",
  "-7",
  "1.5",
  "true",
  "10.1.2.3",
  "2001:db8::1",
  "Grüße",
  "😀a😀",
  "\ud83d",
  "\u2028",
  "a,b,,c",
  "constructor",
  "__proto__",
  "toString",
  "$" + "{f}",
  "`'\"\\",
  "*/ //",
  "İK",
] as const;

const ints = ["0", "1", "2", "3", "7", "24", "-1", "-5", "1000", "2147483648", "-2147483649"];
const largeInts = ["9007199254740991", "9007199254740993", "9223372036854775807", "-9223372036854775808", "3037000500"];
const doubles = ["0.0", "1.0", "0.5", "-2.5", "1e300", "3.999", "9007199254740993.0", "1e-9"];
const times = ["2026-03-08T14:30:00Z", "2020-01-01T00:00:00.001Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"];
const spans = ["0s", "1h30m", "-1.5s", "500ms", "1ns", "8760h", "-30m", "87600000h"];
const patterns = ["^gpt", "(?i)GPT-4O", "[0-9]+", "a|b|", "^$", "(a+)+$", "\\\\."];
const globs = ["gpt-*", "*", "?", "*a*", "x-????"];
const blocks = ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"];
const words = ["x", "y", "e", "item"];

/** Names beside facts that an expression may read. */
export interface ExpressionNames {
  readonly phase: Phase;
  /** Such as `params.cap` or `vars.asked`, with their types. */
  readonly extra: readonly (readonly [name: string, type: ExpressionType])[];
}

/** Makes random expressions that the checker will mostly accept. */
export class ExpressionMaker {
  readonly #chance: Chance;
  readonly #names = new Map<ExpressionType, string[]>();
  #bound: (readonly [word: string, type: ExpressionType])[] = [];

  constructor(chance: Chance, { phase, extra }: ExpressionNames) {
    this.#chance = chance;
    const facts = factEntries.filter(([, spec]) => spec.phases.includes(phase));
    for (const [name, type] of [...facts.map(([fact, spec]) => [fact, spec.type] as const), ...extra]) {
      this.#names.set(type, [...(this.#names.get(type) ?? []), name]);
    }
  }

  make(type: ExpressionType, depth: number): string {
    if (depth <= 0) return this.#leaf(type);
    const options = this.#options[type];
    return this.#chance.once(6) ? this.#leaf(type) : this.#chance.pick(options)(depth - 1);
  }

  #leaf(type: ExpressionType): string {
    const bound = this.#bound.filter(([, known]) => known === type);
    if (bound.length > 0 && !this.#chance.once(3)) return this.#chance.pick(bound)[0];
    const names = this.#names.get(type) ?? [];
    return names.length > 0 && !this.#chance.once(3) ? this.#chance.pick(names) : this.#literal(type);
  }

  #literal(type: ExpressionType): string {
    const { pick, once } = bind(this.#chance);
    switch (type) {
      case "string":
        return quote(pick(oddTexts));
      case "int":
        return once(5) ? pick(largeInts) : pick(ints);
      case "double":
        return pick(doubles);
      case "bool":
        return this.#pick("bool", ["request.stream"]);
      case "timestamp":
        return `timestamp(${quote(pick(times))})`;
      case "duration":
        return `duration(${quote(pick(spans))})`;
      case "list<string>":
        return this.#listed(() => quote(pick(oddTexts)));
      case "list<int>":
        return this.#listed(() => (once(5) ? pick(largeInts) : pick(ints)));
      case "map<string, string>":
        return `{"a": ${quote(pick(oddTexts))}, "x-tier": "12"}`;
      case "map<string, double>":
        return `{"a": ${pick(doubles)}, "tier": ${pick(doubles)}}`;
      case "map<string, int>":
        return `{"a": ${pick(ints)}, "user": ${pick(largeInts)}, "": 3}`;
    }
  }

  #pick(type: ExpressionType, otherwise: readonly string[]): string {
    return this.#chance.pick(this.#names.get(type) ?? otherwise);
  }

  #listed(element: () => string): string {
    return `[${Array.from({ length: this.#chance.below(4) }, element).join(", ")}]`;
  }

  #listedOr(type: "list<string>" | "list<int>", depth: number): string {
    const element = type === "list<string>" ? "string" : "int";
    return this.#chance.once(2) ? this.#listed(() => this.make(element, depth)) : this.make(type, depth);
  }

  /** Calls a macro; `body` is made with its variable known. */
  #macro(name: string, range: ExpressionType, depth: number, body: () => string): string {
    if (this.#bound.length >= 2) return this.#leaf(name === "filter" || name === "map" ? range : "bool");
    const word = words.find((free) => !this.#bound.some(([taken]) => taken === free))!;
    const list = this.make(range, depth - 1);
    const outer = this.#bound;
    this.#bound = [...outer, [word, range === "list<int>" ? "int" : "string"]];
    const inner = body();
    this.#bound = outer;
    return `${list}.${name}(${word}, ${inner})`;
  }

  #ranges: readonly ExpressionType[] = ["list<string>", "list<int>", "map<string, string>"];

  readonly #common = (type: ExpressionType) => [
    (depth: number) => `(${this.make("bool", depth)} ? ${this.make(type, depth)} : ${this.make(type, depth)})`,
  ];

  readonly #options: { readonly [T in ExpressionType]: readonly ((depth: number) => string)[] } = {
    bool: [
      ...["&&", "||", "&&", "||"].map((op) => (depth: number) => {
        const operands = Array.from({ length: 2 + this.#chance.below(3) }, () => this.make("bool", depth));
        return `(${operands.join(` ${op} `)})`;
      }),
      (depth) => `!(${this.make("bool", depth)})`,
      ...this.#common("bool"),
      ...(["string", "int", "double", "timestamp", "duration"] as const).map((type) => (depth: number) => {
        const op = this.#chance.pick(["<", "<=", ">", ">=", "==", "!="]);
        return `(${this.make(type, depth)} ${op} ${this.make(type, depth)})`;
      }),
      (depth) => `(${this.make("int", depth)} ${this.#chance.pick(["<", ">="])} ${this.make("double", depth)})`,
      (depth) =>
        `(${this.make("list<string>", depth)} ${this.#chance.pick(["==", "!="])} ${this.make("list<string>", depth)})`,
      (depth) => `(${this.make("list<int>", depth)} == ${this.make("list<int>", depth)})`,
      (depth) => `(${this.make("map<string, string>", depth)} != ${this.make("map<string, string>", depth)})`,
      (depth) => `(${this.make("string", depth)} in ${this.#listedOr("list<string>", depth)})`,
      (depth) => `(${this.make("int", depth)} in ${this.#listedOr("list<int>", depth)})`,
      (depth) => `(${this.make("string", depth)} in ${this.make("map<string, string>", depth)})`,
      ...["startsWith", "endsWith", "contains"].map(
        (name) => (depth: number) => `${this.make("string", depth)}.${name}(${this.make("string", depth)})`,
      ),
      (depth) => `glob(${this.make("string", depth)}, ${quote(this.#chance.pick(globs))})`,
      (depth) => `re.matches(${this.make("string", depth)}, "${this.#chance.pick(patterns)}")`,
      (depth) => `inCidr(${this.make("string", depth)}, ${quote(this.#chance.pick(blocks))})`,
      (depth) => `bool(${this.make("string", depth)})`,
      () =>
        `has(${this.#chance.pick(["request.headers", "app.labels", "org.labels"])}.${this.#chance.pick(["tier", "a"])})`,
      ...["all", "exists", "exists_one", "all", "exists"].map(
        (name) => (depth: number) =>
          this.#macro(name, this.#chance.pick(this.#ranges), depth, () => this.make("bool", depth)),
      ),
    ],
    int: [
      ...["+", "-", "*", "/", "%"].map(
        (op) => (depth: number) => `(${this.make("int", depth)} ${op} ${this.make("int", depth)})`,
      ),
      ...this.#common("int"),
      (depth) => `-(${this.make("int", depth)})`,
      (depth) => `size(${this.make("string", depth)})`,
      (depth) => `${this.make("list<string>", depth)}.size()`,
      (depth) => `size(${this.make("map<string, string>", depth)})`,
      (depth) => `int(${this.make("double", depth)})`,
      (depth) => `int(${this.make("string", depth)})`,
      (depth) => `least(${this.make("int", depth)}, ${this.make("int", depth)})`,
      (depth) => `greatest(${this.make("int", depth)}, ${this.make("int", depth)})`,
      (depth) => `clamp(${this.make("int", depth)}, ${this.make("int", depth)}, ${this.make("int", depth)})`,
      (depth) => `${this.make("string", depth)}.indexOf(${this.make("string", depth)})`,
      (depth) => `${this.make("string", depth)}.lastIndexOf(${this.make("string", depth)}, ${this.make("int", depth)})`,
      (depth) => `${this.make("list<int>", depth)}[${this.make("int", depth)}]`,
      (depth) => `${this.make("map<string, int>", depth)}[${this.make("string", depth)}]`,
      (depth) => `${this.make("timestamp", depth)}.${this.#chance.pick(dateParts)}()`,
      (depth) => `${this.make("duration", depth)}.${this.#chance.pick(spanParts)}()`,
    ],
    double: [
      ...["+", "-", "*", "/"].map(
        (op) => (depth: number) => `(${this.make("double", depth)} ${op} ${this.make("double", depth)})`,
      ),
      ...this.#common("double"),
      (depth) => `-(${this.make("double", depth)})`,
      (depth) => `double(${this.make("int", depth)})`,
      (depth) => `double(${this.make("string", depth)})`,
      (depth) => `least(${this.make("double", depth)}, ${this.make("double", depth)})`,
      (depth) => `clamp(${this.make("double", depth)}, 0.5, ${this.make("double", depth)})`,
      (depth) => `${this.make("map<string, double>", depth)}[${this.make("string", depth)}]`,
    ],
    string: [
      (depth) => `(${this.make("string", depth)} + ${this.make("string", depth)})`,
      ...this.#common("string"),
      ...["lowerAscii", "upperAscii", "trim"].map(
        (name) => (depth: number) => `${this.make("string", depth)}.${name}()`,
      ),
      (depth) => `${this.make("string", depth)}.substring(${this.make("int", depth)})`,
      (depth) => `${this.make("string", depth)}.substring(0, ${this.make("int", depth)})`,
      (depth) => `${this.make("list<string>", depth)}[${this.make("int", depth)}]`,
      (depth) => `${this.make("list<string>", depth)}.join(${this.make("string", depth)})`,
      (depth) => `${this.make("map<string, string>", depth)}[${this.make("string", depth)}]`,
      () => `${this.#chance.pick(["request.headers", "app.labels"])}.${this.#chance.pick(["tier", "a"])}`,
    ],
    timestamp: [
      ...this.#common("timestamp"),
      (depth) => `(${this.make("timestamp", depth)} + ${this.make("duration", depth)})`,
      (depth) => `(${this.make("timestamp", depth)} - ${this.make("duration", depth)})`,
    ],
    duration: [
      ...this.#common("duration"),
      (depth) => `(${this.make("timestamp", depth)} - ${this.make("timestamp", depth)})`,
      (depth) => `(${this.make("duration", depth)} + ${this.make("duration", depth)})`,
      (depth) => `(${this.make("duration", depth)} - ${this.make("duration", depth)})`,
    ],
    "list<string>": [
      ...this.#common("list<string>"),
      (depth) => this.#listed(() => this.make("string", depth)),
      (depth) => `(${this.make("list<string>", depth)} + ${this.make("list<string>", depth)})`,
      (depth) => `${this.make("string", depth)}.split(${this.make("string", depth)})`,
      (depth) => `${this.make("string", depth)}.split(",", ${this.make("int", depth)})`,
      (depth) => this.#macro("filter", "list<string>", depth, () => this.make("bool", depth)),
      (depth) => this.#macro("map", "list<string>", depth, () => this.make("string", depth)),
      (depth) =>
        this.#macro("map", "list<string>", depth, () => `${this.make("bool", depth)}, ${this.make("string", depth)}`),
    ],
    "list<int>": [
      ...this.#common("list<int>"),
      (depth) => this.#listed(() => this.make("int", depth)),
      (depth) => `(${this.make("list<int>", depth)} + ${this.make("list<int>", depth)})`,
      (depth) => this.#macro("filter", "list<int>", depth, () => this.make("bool", depth)),
      (depth) => this.#macro("map", "list<int>", depth, () => this.make("int", depth)),
    ],
    "map<string, string>": [(depth) => `{"a": ${this.make("string", depth)}, "tier": ${this.make("string", depth)}}`],
    "map<string, double>": [(depth) => `{"a": ${this.make("double", depth)}, "tier": ${this.make("double", depth)}}`],
    "map<string, int>": [(depth) => `{"a": ${this.make("int", depth)}, "b c": ${this.make("int", depth)}}`],
  };
}

const dateParts =
  "getFullYear getMonth getDate getDayOfMonth getDayOfWeek getHours getMinutes getSeconds getMilliseconds".split(" ");
const spanParts = "getHours getMinutes getSeconds getMilliseconds".split(" ");

/** A CEL literal of a text. Half characters cannot be written there. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(/\$/g, "\\u0024");
}

function bind(chance: Chance): { pick: Chance["pick"]; once: Chance["once"] } {
  return { pick: (values) => chance.pick(values), once: (times) => chance.once(times) };
}

const oddInts = [0, 1, -1, 23, 2_000, 2 ** 31, 2 ** 53 - 1, 2 ** 53 + 2, 2 ** 63, -(2 ** 63), 1e19, 0.5, Number.NaN];

/** A random value of a fact: mostly what it may be, now and then what it must not. */
export function oddFact(chance: Chance, name: FactName, { type, max = 1, values }: FactSpec): unknown {
  switch (type) {
    case "string":
      if (values !== undefined && !chance.once(4)) return chance.pick(values);
      return chance.once(60) ? "a".repeat(max + 1) : chance.pick(oddTexts).slice(0, max);
    case "int":
      return chance.once(8) ? chance.pick(oddInts) : chance.below(30);
    case "double":
      return chance.pick([0, -0, 0.5, 1, 2.5, 1e300, -1, Number.NaN, Number.POSITIVE_INFINITY]);
    case "bool":
      return chance.once(2);
    case "timestamp":
      return new Date(Date.UTC(2026, chance.below(12), chance.below(28), chance.below(24)) + chance.below(86_400_000));
    case "list<string>":
      if (chance.once(60)) return Array.from({ length: max + 1 }, () => "a");
      return Array.from({ length: chance.below(5) }, () => (chance.once(80) ? "b".repeat(257) : chance.pick(oddTexts)));
    case "map<string, string>":
      return Object.fromEntries(
        ["tier", "a", "x-tier", ""].filter(() => chance.once(2)).map((key) => [key, chance.pick(oddTexts)]),
      );
    case "map<string, double>":
      return Object.fromEntries(
        ["tier", "a", "x-tier", ""].filter(() => chance.once(2)).map((key) => [key, chance.pick([0, -0, 0.5, 1e300])]),
      );
    default:
      throw new Error(`no values for ${name}`);
  }
}
