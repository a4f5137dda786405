import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { CelProblem } from "../cel/checks.ts";
import type { ConfigErrors } from "../sdk/config.ts";
import type { CheckCode } from "./checks.ts";
import { type Problem, SourceText } from "./problem.ts";
import { scalarOffsets } from "./scalar.ts";

/** Where a value stands in a document: names of maps and positions in lists. */
export type Path = readonly (string | number)[];

/** Where a value stands that is written in another form than YAML. */
export interface Place {
  readonly key: readonly [start: number, end: number];
  readonly value: readonly [start: number, end: number];
  /** Maps positions in the value's text to positions in the file, where it is a text. */
  readonly offset?: (offset: number) => number;
}

/** How a file that is not YAML as a whole is read. */
export interface Layout {
  /** Of the same length as the file, with what is YAML in it at the place where it stands. */
  readonly yaml: string;
  /** By path, with dots: what is not YAML. */
  readonly places: ReadonlyMap<string, Place>;
  /** Puts the file's content together. */
  readonly content: (yaml: unknown) => unknown;
}

/**
 * A parsed file of YAML or JSON, or of a form that holds some of it, that can say where each of its values stands.
 * Collects the problems found in it.
 */
export class PolicyDocument {
  readonly source: SourceText;
  readonly problems: Problem[] = [];
  /** Names that are declared but could not be compiled, such as `vars.asked`. */
  readonly broken = new Set<string>();
  /** The file's content as plain data; `undefined` when it is not YAML. */
  readonly value: unknown;
  readonly #document: Document.Parsed;
  readonly #places: Layout["places"] | undefined;

  constructor(file: string, text: string, layout?: Layout) {
    this.source = new SourceText(file, text);
    this.#places = layout?.places;
    this.#document = parseDocument(layout?.yaml ?? text, {
      uniqueKeys: true,
      strict: true,
      prettyErrors: false,
      logLevel: "error",
    });
    for (const { code, message, pos } of [...this.#document.errors, ...this.#document.warnings]) {
      const check = code === "DUPLICATE_KEY" ? "C021" : "C020";
      const text = check === "C021" ? this.#duplicate(pos) : yamlMessage(code, message);
      const end = check === "C021" ? this.#wordEnd(pos[0]) : pos[1];
      this.problems.push(this.source.problem(check, text, pos[0], end));
    }
    if (this.problems.length > 0) return;
    try {
      const value: unknown = this.#document.toJS({ maxAliasCount: 100 });
      this.value = layout === undefined ? value : layout.content(value);
    } catch (error) {
      this.problems.push(this.source.problem("C020", `not valid YAML: ${(error as Error).message}`, 0, 1));
    }
  }

  /** Notes a problem with the value at a path, or with its key. */
  report(code: CheckCode, path: Path, message: string, at: "key" | "value" = "value"): void {
    this.problems.push(this.problemAt(code, path, message, at));
  }

  /** A problem with the value at a path, or with its key; it is not noted. */
  problemAt(code: CheckCode, path: Path, message: string, at: "key" | "value" = "value"): Problem {
    const [start, end] = this.#rangeOf(path, at);
    return this.source.problem(code, message, start, end);
  }

  /** Notes a problem with a part of the text at a path. */
  reportRange(code: CheckCode, path: Path, message: string, range: { start: number; end: number }): void {
    const [start, end] = this.rangeIn(path, range) ?? this.#rangeOf(path, "value");
    this.problems.push(this.source.problem(code, message, start, end));
  }

  /** Where a part of the text at a path stands in the file; `undefined` when there is no text. */
  rangeIn(path: Path, range: { start: number; end: number }): readonly [start: number, end: number] | undefined {
    const offset = this.#places?.get(path.join("."))?.offset;
    if (offset !== undefined) {
      return [offset(range.start), range.end > range.start ? offset(range.end - 1) + 1 : offset(range.start) + 1];
    }
    const node = this.#nodeAt(path);
    if (node === null || !isScalar(node) || typeof node.value !== "string") return undefined;
    const offsets = scalarOffsets(node as Scalar<string>, this.source.text);
    const start = offsets(range.start);
    return [start, range.end > range.start ? offsets(range.end - 1) + 1 : start + 1];
  }

  /**
   * Notes what is wrong with the expression at a path.
   *
   * @param code said instead of the problem's own
   */
  reportCel(path: Path, problem: CelProblem, range: { start: number; end: number } = problem, code?: CheckCode): void {
    // What reads a variable that is itself wrong is not wrong on its own account.
    const follows = [...this.broken].some((name) => problem.message.startsWith(`unknown name '${name}'`));
    if (!follows) this.reportRange(code ?? problem.code, path, problem.message, range);
  }

  /** Notes every problem of a config that stands at a path. */
  reportConfig(code: CheckCode, base: Path, { errors }: ConfigErrors): void {
    for (const { path, message, range } of errors) {
      const unknownKey = message.startsWith("unknown key");
      const check = unknownKey ? "C022" : code;
      if (range !== undefined) this.reportRange(check, [...base, ...path], message, range);
      else this.report(check, [...base, ...path], message, unknownKey ? "key" : "value");
    }
  }

  #nodeAt(path: Path): Node | null {
    let node: unknown = this.#document.contents;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(this.#document);
      if (isMap(node)) node = pairOf(node, part)?.value;
      else if (isSeq(node)) node = node.items[Number(part)];
      else return null;
    }
    return (isAlias(node) ? node.resolve(this.#document) : node) as Node | null;
  }

  /** A number as it is written; `undefined` where there is none. */
  numberAt(path: Path): string | undefined {
    const node = this.#nodeAt(path);
    return isScalar(node) && typeof node.value === "number" ? (node as Scalar<number>).source : undefined;
  }

  #rangeOf(path: Path, at: "key" | "value"): readonly [number, number] {
    const place = this.#places?.get(path.join("."));
    if (place !== undefined) return place[at];
    const parent = this.#nodeAt(path.slice(0, -1));
    const pair = isMap(parent) ? pairOf(parent, path.at(-1)!) : undefined;
    const node = path.length === 0 ? this.#document.contents : this.#nodeAt(path);
    const range = (at === "key" ? (pair?.key as Node) : (node ?? (pair?.key as Node)))?.range;
    if (range) return [range[0], range[1]];
    return path.length === 0 ? [0, 1] : this.#rangeOf(path.slice(0, -1), at);
  }

  #duplicate([start]: readonly [number, number]): string {
    const key = this.source.text.slice(start, this.#wordEnd(start));
    return `the key ${key.startsWith('"') || key.startsWith("'") ? key : `'${key}'`} is there twice`;
  }

  #wordEnd(start: number): number {
    const key = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^:\n]+)/.exec(this.source.text.slice(start));
    return start + (key?.[0].trimEnd().length ?? 1);
  }
}

function yamlMessage(code: string, message: string): string {
  if (code === "MULTIPLE_DOCS") return "a file holds one policy; a second document begins here";
  const [said] = message.split("\n");
  // What the parser takes for a mapping is nearly always a text with a colon in it.
  const hint = /compact mapping/i.test(said!) ? "; a text that holds ': ' stands in quotes" : "";
  return `not valid YAML: ${said}${hint}`;
}

function pairOf(map: YAMLMap, key: string | number) {
  return map.items.find((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key) === String(key));
}
