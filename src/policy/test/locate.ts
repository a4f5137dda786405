import { PolicyDocument } from "../document.ts";
import { SourceText } from "../problem.ts";
import type { PolicyFile } from "../tree.ts";

/** Where something stands, lines and columns counted from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Finds parts of a policy file. */
export interface Locator {
  /** Whether the file is made of rules of its own. */
  readonly hasRules: boolean;
  /**
   * Where a part of an expression stands: the first place when the expression is there several times, `null` when it
   * is not, because it is the library's.
   */
  expression(source: string, offset: number, path?: readonly (string | number)[]): Position | null;
  /** Where the value at a path of the content stands. */
  path(path: readonly (string | number)[]): Position;
}

/** Knows where the expressions of a file stand: a whole text of a YAML file, or the body of another one. */
export function createLocator({ label, path, text }: PolicyFile): Locator {
  const document = /\.(yaml|yml|json)$/.test(path) ? new PolicyDocument(label, text) : null;
  const source = new SourceText(label, text);
  const at = (offset: number): Position => {
    const { line, column } = source.problem("C020", "", offset, offset + 1);
    return { file: label, line, column };
  };
  const rules = (document?.value as { readonly rules?: unknown } | null | undefined)?.rules;
  return {
    hasRules: rules !== undefined || path.endsWith(".cel"),
    expression(expression, offset, path) {
      const place = path ?? pathsOf(document?.value, expression)[0];
      const range = place && document?.rangeIn(place, { start: offset, end: offset + 1 });
      if (range) return at(range[0]);
      const from = document === null ? text.indexOf(expression) : -1;
      return from < 0 ? null : at(from + offset);
    },
    path(place) {
      if (document === null) return at(0);
      const { line, column } = document.problemAt("C020", place, "");
      return { file: label, line, column };
    },
  };
}

/** Every path at which this text stands, in order. */
export function pathsOf(value: unknown, text: string): (string | number)[][] {
  if (value === text) return [[]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    pathsOf(inner, text).map((path) => [Array.isArray(value) ? Number(key) : key, ...path]),
  );
}
