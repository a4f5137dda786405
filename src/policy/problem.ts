import { type CheckCode, isWarning } from "./checks.ts";

/** One thing wrong with a policy file. Lines and columns count from 1; columns in UTF-16 units. */
export interface Problem {
  readonly code: CheckCode;
  /** As people know it: the policies folder's name and the path inside it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** How many columns of the line are meant. */
  readonly length: number;
  /** The line itself; absent when the problem is not in a text. */
  readonly excerpt?: string;
  /** Of what is probably not meant and keeps nothing from being live; absent of everything else. */
  readonly severity?: "warning";
}

/** A text with the positions of its lines. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
  }

  /** A problem with the text from `start` to `end`; what reaches beyond the line is cut. */
  problem(code: CheckCode, message: string, start: number, end: number): Problem {
    const at = Math.min(Math.max(start, 0), this.text.length);
    let line = this.#lineStarts.findLastIndex((begin) => begin <= at);
    if (line < 0) line = 0;
    const begin = this.#lineStarts[line]!;
    const next = this.#lineStarts[line + 1];
    const excerpt = this.text.slice(begin, next === undefined ? undefined : next - 1).replace(/\r$/, "");
    const column = at - begin;
    const length = Math.min(end - at, excerpt.trimEnd().length - column);
    const place = { file: this.file, line: line + 1, column: column + 1, length: Math.max(1, length) };
    return { code, ...place, message, excerpt, ...severityOf(code) };
  }
}

/** A problem with a file as a whole. */
export function fileProblem(code: CheckCode, file: string, message: string): Problem {
  return { code, file, line: 1, column: 1, message, length: 1, ...severityOf(code) };
}

function severityOf(code: CheckCode): Pick<Problem, "severity"> {
  return isWarning(code) ? { severity: "warning" } : {};
}

/**
 * By file, then position, then code: the order in which problems are reported. Each is there once, even when several
 * policies import the file it is in.
 */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const sorted = [...problems].sort(compareProblems);
  return sorted.filter((problem, i) => i === 0 || compareProblems(problem, sorted[i - 1]!) !== 0);
}

function compareProblems(a: Problem, b: Problem): number {
  return (
    compare(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compare(a.code, b.code) ||
    compare(a.message, b.message)
  );
}

/**
 * A problem as it is shown everywhere: one line that says where and what, then the source line with carets under what
 * is meant.
 */
export function formatProblem(problem: Problem): string {
  const { file, line, column, code, message, length, excerpt, severity } = problem;
  const head = `${file}:${line}:${column}  ${code}  ${severity === undefined ? "" : "warning: "}${message}`;
  if (excerpt === undefined || excerpt.trim() === "") return head;
  const gutter = String(line).padStart(5);
  // Tabs stay tabs, so that the carets stand under what they mean.
  const pad = excerpt.slice(0, column - 1).replace(/[^\t]/g, " ");
  return `${head}\n${gutter} | ${excerpt}\n${" ".repeat(gutter.length)} | ${pad}${"^".repeat(length)}`;
}

/** A problem as an annotation of a pull request on GitHub. */
export function formatGithub({ code, message, length, severity, ...place }: Problem): string {
  return githubAnnotation(severity ?? "error", { ...place, endColumn: place.column + length, title: code }, message);
}

/** Where an annotation of a pull request stands, and what it is called. */
export interface GithubPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn?: number;
  readonly title: string;
}

/** An annotation of a pull request on GitHub that says what is wrong. */
export function githubError(place: GithubPlace, message: string): string {
  return githubAnnotation("error", place, message);
}

/** An annotation of a pull request on GitHub: a line that its workflows read. */
export function githubAnnotation(level: "error" | "warning" | "notice", place: GithubPlace, message: string): string {
  const escaped = (text: string) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (text: string) => escaped(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
  const { file, line, column, endColumn, title } = place;
  const end = endColumn === undefined ? "" : `,endColumn=${endColumn}`;
  return `::${level} file=${property(file)},line=${line},col=${column}${end},title=${property(title)}::${escaped(message)}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
