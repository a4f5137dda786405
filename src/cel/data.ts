import { type Int, narrow } from "./ints.ts";

/** The types that named data can have; the names are CEL's. */
export const dataTypes = [
  "list<string>",
  "list<int>",
  "map<string, string>",
  "map<string, int>",
  "map<string, double>",
] as const;
/** One of the {@link dataTypes}. */
export type DataType = (typeof dataTypes)[number];
/** A list or table as YAML gives it; ints are JavaScript numbers. */
export type DataValue = readonly (string | number)[] | Readonly<Record<string, string | number>>;

/** A named list or table that expressions read as `data.<name>`: a constant of the policy set. */
export interface CelData {
  readonly type: DataType;
  readonly value: DataValue;
}

/** The texts of a named list, or the names of a table, for `inSet`: looked up without going over them. */
export class TextSet {
  readonly #texts: ReadonlySet<string>;

  constructor(texts: Iterable<string>) {
    this.#texts = new Set(texts);
  }

  has(text: string): boolean {
    return this.#texts.has(text);
  }
}

/** The numbers of a named list, for `inSet`. */
export class NumberSet {
  readonly #numbers: ReadonlySet<Int>;

  constructor(numbers: Iterable<bigint>) {
    this.#numbers = new Set([...numbers].map(narrow));
  }

  has(number: bigint): boolean {
    return this.hasInt(narrow(number));
  }

  /** For compiled expressions. */
  hasInt(number: Int): boolean {
    return this.#numbers.has(number);
  }
}

/** Data as expressions compute with it: ints are BigInts. */
export function dataConstant({ type, value }: CelData): unknown {
  if (type === "list<int>") return (value as readonly number[]).map(BigInt);
  if (type !== "map<string, int>") return value;
  return Object.fromEntries(Object.entries(value).map(([name, number]) => [name, BigInt(number)]));
}

/** What `inSet` looks values up in: the elements of a list, the names of a table. */
export function dataSet({ type, value }: CelData): TextSet | NumberSet {
  if (type === "list<int>") return new NumberSet((value as readonly number[]).map(BigInt));
  return new TextSet(type === "list<string>" ? (value as readonly string[]) : Object.keys(value));
}
