import { isDeepStrictEqual } from "node:util";
import type { FieldChange } from "../core/revisions.ts";
import type { Judged } from "./diff-tendency.ts";
import type { Path, PolicyDocument } from "./document.ts";

/** Collects the differences between two texts, with where they stand. */
export class FieldChanges {
  readonly all: FieldChange[] = [];
  readonly #base: PolicyDocument;
  readonly #head: PolicyDocument;
  readonly #ids = { base: new Map<number, string>(), head: new Map<number, string>() };

  constructor(base: PolicyDocument, head: PolicyDocument) {
    this.#base = base;
    this.#head = head;
  }

  /** Says what the rule at a place is called. */
  name(side: "base" | "head", index: number, id: string): void {
    this.#ids[side].set(index, id);
  }

  /** Notes a value that is not the same; `undefined` is one that is not there. */
  add(path: Path, before: unknown, after: unknown, judge: () => Judged): void {
    if (same(before, after)) return;
    const side = after === undefined ? "base" : "head";
    const document = side === "base" ? this.#base : this.#head;
    const { line, column } = document.problemAt("C023", path, "", "key");
    this.all.push({
      field: path.map((part, i) => this.#part(path, part, i, side)).join("."),
      change: before === undefined ? "added" : after === undefined ? "removed" : "changed",
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
      ...judge(),
      line,
      column,
    });
  }

  #part(path: Path, part: string | number, i: number, side: "base" | "head"): string {
    const isRule = i === 1 && path[0] === "rules" && typeof part === "number";
    return isRule ? (this.#ids[side].get(part) ?? String(part)) : String(part);
  }
}

/** Whether two values of files are the same. */
export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b);
}

/** Every place in two values where one has something else than the other; lists of plain values are one place. */
export function leaves(
  before: unknown,
  after: unknown,
  path: readonly (string | number)[] = [],
): [path: readonly (string | number)[], before: unknown, after: unknown][] {
  if (same(before, after)) return [];
  const inner = [before, after].every((value) => isBranch(value) || (value === undefined && path.length === 0));
  const alike = Array.isArray(before ?? after) === Array.isArray(after ?? before);
  if (!inner || !alike) return [[path, before, after]];
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return keys.flatMap((key) => {
    const part = Array.isArray(before ?? after) ? Number(key) : key;
    const at = (value: unknown) => (value as Record<string, unknown> | undefined)?.[key];
    return leaves(at(before), at(after), [...path, part]);
  });
}

function isBranch(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return !Array.isArray(value) || value.some((item) => typeof item === "object" && item !== null);
}
