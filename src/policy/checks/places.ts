import type { CheckCode } from "../checks.ts";
import { PolicyCode } from "../code.ts";
import type { CompiledFile } from "../compile.ts";
import type { Path } from "../document.ts";
import { isLibraryId } from "../library.ts";
import { fileProblem, type Problem } from "../problem.ts";
import type { PolicyFileContent } from "../schema.ts";

/** A part of a text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds where parts of a policy's content stand in its file, whatever its form. What stands in the library that a file
 * uses has no place in it: the library's own file has, and is looked at by itself.
 */
export class Places {
  readonly #file: CompiledFile;
  /** What the file itself says; `undefined` when that is all there is. */
  readonly #given: PolicyFileContent | undefined;
  #code: PolicyCode | undefined;

  constructor(file: CompiledFile) {
    this.#file = file;
    const given = file.document?.value as PolicyFileContent | undefined;
    this.#given = isLibraryId(given?.uses) ? given : undefined;
  }

  /** A problem with what stands at a path of the content, or with a part of its text; `null` when the library says it. */
  problem(code: CheckCode, path: Path, message: string, at: "key" | "value" | Range = "value"): Problem | null {
    const own = this.#ownPath(path);
    if (own === null) return null;
    const { document, file } = this.#file;
    if (document !== undefined) {
      const found = typeof at === "object" ? document.rangeIn(own, at) : undefined;
      if (found !== undefined) return document.source.problem(code, message, ...found);
      return document.problemAt(code, own, message, typeof at === "object" ? "value" : at);
    }
    if (file.kind !== "typescript") return fileProblem(code, file.label, message);
    this.#code ??= new PolicyCode(file.label, file.text);
    return this.#code.problemAt(code, own, message, typeof at === "object" ? "value" : at);
  }

  /** Where the file itself says what stands at a path of the content. */
  #ownPath(path: Path): Path | null {
    const given = this.#given;
    if (given === undefined) return path;
    const [root, key] = path;
    switch (root) {
      case undefined:
        return path;
      case "match": {
        // The library's gates come first.
        const before = (this.#file.content?.match?.length ?? 0) - (given.match?.length ?? 0);
        const at = Number(key) - before;
        return at >= 0 ? ["match", at] : null;
      }
      case "params":
        return has(given.with, key) ? ["with", key!] : null;
      case "scope":
        return has(given.scope, key) ? path : null;
      case "with":
        return has(given.with, key) ? path : null;
      default:
        return has(given, root) ? path : null;
    }
  }
}

function has(section: object | undefined, key: string | number | undefined): boolean {
  return section !== undefined && (key === undefined || Object.hasOwn(section, key));
}
