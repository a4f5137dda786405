import type { CelProblem } from "../cel/checks.ts";
import type { ParamValues } from "../core/overlay.ts";
import type { ConfigErrors } from "../sdk/config.ts";
import { suggestion } from "../sdk/suggest.ts";
import type { CheckCode } from "./checks.ts";
import type { Notes } from "./context.ts";
import type { Path, PolicyDocument } from "./document.ts";
import { valueProblem } from "./params.ts";
import type { Problem } from "./problem.ts";
import type { PolicyFileContent } from "./schema.ts";

/** What the policies of the library say, by id; `null` of one that has problems of its own. */
export type Library = ReadonlyMap<string, PolicyFileContent | null>;

/** Keys that a library policy has of its own. */
const ownKeys = ["phase", "params", "variables", "rules"] as const;

/** Whether `uses` names a policy of the library and not a policy type. */
export function isLibraryId(uses: string | undefined): uses is string {
  return uses?.startsWith("library/") ?? false;
}

/** Content with these values as its params' defaults; values for params that it does not declare are left out. */
export function withParams(content: PolicyFileContent, values: ParamValues): PolicyFileContent {
  if (content.params === undefined) return content;
  const params = Object.entries(content.params).map(([name, spec]) => {
    return [name, Object.hasOwn(values, name) ? { ...spec, default: values[name] } : spec] as const;
  });
  return { ...content, params: Object.fromEntries(params) };
}

/** A library policy as a file puts it to work. */
export interface UsedPolicy {
  readonly content: PolicyFileContent;
  /** Puts what is wrong where the file that uses it can be changed. */
  readonly notes: Notes;
}

/**
 * Puts a library policy to work: what the using file says holds, what it leaves out is the library's, gates of both
 * must be open, and `with` gives the params their values. `null` after noting why that cannot be.
 */
export function useLibrary(given: PolicyFileContent, library: Library, document: PolicyDocument): UsedPolicy | null {
  const id = given.uses!;
  const base = library.get(id);
  if (base === undefined) {
    const hint = library.size === 0 ? "; library/ holds none" : suggestion(id, [...library.keys()]);
    document.report("C047", ["uses"], `there is no library policy '${id}'${hint}`);
    return null;
  }
  if (base === null) {
    document.report("C047", ["uses"], `'${id}' has problems of its own`);
    return null;
  }
  for (const key of ownKeys) {
    if (given[key] === undefined) continue;
    document.report("C033", [key], `'${key}' does not go with 'uses'; '${id}' has its own`, "key");
  }
  const { uses: _, with: values = {}, params: __, ...own } = given;
  const known = document.problems.length;
  if (base.uses === undefined) checkValues(values, base, id, document);
  if (document.problems.length > known) return null;

  const match = [...(base.match ?? []), ...(given.match ?? [])];
  const merged: PolicyFileContent = {
    ...base,
    ...own,
    ...(match.length > 0 && { match }),
    ...((base.scope ?? given.scope) && { scope: { ...base.scope, ...given.scope } }),
  };
  const content =
    base.uses === undefined
      ? withParams(merged, values as ParamValues)
      : { ...merged, uses: base.uses, with: { ...base.with, ...values } };
  return { content, notes: new UseNotes(document, given, base) };
}

function checkValues(
  values: Readonly<Record<string, unknown>>,
  { params = {} }: PolicyFileContent,
  id: string,
  document: PolicyDocument,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(params, name)) {
      const known = Object.keys(params);
      const hint = known.length === 0 ? `; '${id}' has no params` : suggestion(name, known, "params");
      document.report("C048", ["with", name], `unknown param '${name}'${hint}`, "key");
      continue;
    }
    const problem = valueProblem(params[name]!, value);
    if (problem !== null) document.report("C048", ["with", name], problem);
  }
}

/** Notes problems of a library policy's content in the file that uses it. */
class UseNotes implements Notes {
  readonly problems: Problem[];
  readonly broken: Set<string>;
  readonly #document: PolicyDocument;
  readonly #given: PolicyFileContent;
  readonly #base: PolicyFileContent;
  /** How many gates the library's policy has before those of the file. */
  readonly #gates: number;

  constructor(document: PolicyDocument, given: PolicyFileContent, base: PolicyFileContent) {
    this.problems = document.problems;
    this.broken = document.broken;
    this.#document = document;
    this.#given = given;
    this.#base = base;
    this.#gates = base.match?.length ?? 0;
  }

  report(code: CheckCode, path: Path, message: string, at?: "key" | "value"): void {
    const own = this.#ownPath(path);
    if (own !== null) this.#document.report(code, own, message, at);
    else this.#document.report(code, ["uses"], this.#elsewhere(path, message));
  }

  reportRange(code: CheckCode, path: Path, message: string, range: { start: number; end: number }): void {
    const own = this.#ownPath(path);
    if (own !== null) this.#document.reportRange(code, own, message, range);
    else this.#document.report(code, ["uses"], this.#elsewhere(path, message));
  }

  reportCel(path: Path, problem: CelProblem, range?: { start: number; end: number }, code?: CheckCode): void {
    const own = this.#ownPath(path);
    const param = own === null ? this.#paramIn(path, problem) : undefined;
    if (own !== null) this.#document.reportCel(own, problem, range, code);
    else if (param !== undefined) this.#document.report(code ?? problem.code, ["with", param], problem.message);
    else this.#document.report(code ?? problem.code, ["uses"], this.#elsewhere(path, problem.message));
  }

  reportConfig(code: CheckCode, base: Path, { errors }: ConfigErrors): void {
    for (const { path, message, range } of errors) {
      const unknownKey = message.startsWith("unknown key");
      const check = unknownKey ? "C022" : code;
      if (range !== undefined) this.reportRange(check, [...base, ...path], message, range);
      else this.report(check, [...base, ...path], message, unknownKey ? "key" : "value");
    }
  }

  /** Where the file itself says what stands at a path of the content; `null` when the library does. */
  #ownPath([root, ...rest]: Path): Path | null {
    if (root === "match") {
      const at = Number(rest[0]) - this.#gates;
      return at >= 0 ? ["match", at] : null;
    }
    if (root === "params") return this.#has("with", rest[0]) ? ["with", rest[0]!] : null;
    if (root === "with" || root === "scope") return this.#has(root, rest[0]) ? [root, ...rest] : null;
    return root !== undefined && Object.hasOwn(this.#given, root) ? [root, ...rest] : null;
  }

  /** The one param that the file sets in the wrong part of an expression: with its default the part was right. */
  #paramIn(path: Path, { start, end }: CelProblem): string | undefined {
    const text = path.reduce<unknown>(
      (at, part) => (at as Record<string | number, unknown> | undefined)?.[part],
      this.#base,
    );
    if (typeof text !== "string") return undefined;
    const named = [...text.slice(start, end).matchAll(/\bparams\.(\w+)/g)].map(([, name = ""]) => name);
    const set = [...new Set(named)].filter((name) => this.#has("with", name));
    return set.length === 1 ? set[0] : undefined;
  }

  #has(section: "with" | "scope", name: string | number | undefined): boolean {
    return name !== undefined && Object.hasOwn(this.#given[section] ?? {}, name);
  }

  #elsewhere(path: Path, message: string): string {
    return `${message} (at ${path.join(".")} of '${this.#given.uses}')`;
  }
}
