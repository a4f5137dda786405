import { describeValue } from "../sdk/describe.ts";
import { suggestion } from "../sdk/suggest.ts";
import { type Place, PolicyDocument } from "./document.ts";
import { type Problem, SourceText } from "./problem.ts";

/** A `*.cel` file, read but not compiled. */
export interface CelFile {
  /** Holds the header as the content of a policy with one rule, whose condition is still missing. */
  readonly document: PolicyDocument;
  /** The expression that must be true. */
  readonly body: string;
}

/** Header keys whose value is taken as it is written, to the end of the line. */
const textKeys = ["description", "owner"] as const;
/** Header keys whose value is YAML. */
const yamlKeys = ["phase", "mode", "onError", "priority", "scope", "match", "params", "variables"] as const;
/** Header keys that say what happens when the body is not true. */
const effectKeys = ["deny", "warn"] as const;
const headerKeys: readonly string[] = [...effectKeys, ...textKeys, ...yamlKeys];

const forms = `'//! deny: <code> <status> "<message>"' or '//! warn: <code> "<message>"'`;
const example = `shell_tool 403 "shell tools are not allowed"`;
const headerLine = /^\/\/! ([A-Za-z_]+):[ \t]*(.*?)[ \t]*$/;
const effectValue = /^([^\s"]+)(?:[ \t]+(\d+))?(?:[ \t]+("(?:[^"\\]|\\.)*"))?$/;

/** A line of the header that was understood: where its parts stand, from the file's first character. */
interface HeaderLine {
  readonly key: string;
  readonly value: string;
  readonly keyAt: readonly [start: number, end: number];
  readonly valueAt: readonly [start: number, end: number];
}

/**
 * Reads a `*.cel` file: a header of `//!` lines that say what the policy is, then one expression that says what must be
 * true. It becomes the content of a policy with one rule that knows where its parts stand in the file.
 */
export function readCelFile(file: string, text: string): CelFile {
  const source = new SourceText(file, text);
  const problems: Problem[] = [];
  const { lines, bodyAt } = readHeader(source, problems);
  const places = new Map<string, Place>();
  const known = new Map<string, HeaderLine>();
  for (const line of lines) {
    const earlier = known.get(line.key);
    if (earlier !== undefined) {
      problems.push(source.problem("C021", `the key '${line.key}' is there twice`, ...line.keyAt));
    } else if (!headerKeys.includes(line.key)) {
      const message = `unknown key '${line.key}'${suggestion(line.key, headerKeys, "known keys")}`;
      problems.push(source.problem("C022", message, ...line.keyAt));
    } else known.set(line.key, line);
  }

  const content: Record<string, unknown> = {};
  for (const key of textKeys) {
    const line = known.get(key);
    if (line === undefined) continue;
    content[key] = line.value;
    places.set(key, { key: line.keyAt, value: line.valueAt });
  }
  const rule = readEffect(source, known, places, problems);
  const body = text.slice(bodyAt);
  if (body.trim() === "") {
    const message = "the body is missing; it is the expression that must be true";
    problems.push(source.problem("C040", message, text.trimEnd().length, text.length));
  }
  const whole = [bodyAt, bodyAt + body.trimEnd().length] as const;
  places.set("rules.0.must", { key: whole, value: whole, offset: (offset) => bodyAt + offset });

  const yaml = yamlOf(text, lines);
  const document = new PolicyDocument(file, text, {
    yaml,
    places,
    content: (header) => ({ ...(header as object | null), ...content, ...(rule && { rules: [rule] }) }),
  });
  document.problems.push(...problems);
  return { document, body };
}

/** The header ends where something stands that is neither a header line, nor a comment, nor nothing. */
function readHeader(source: SourceText, problems: Problem[]): { lines: HeaderLine[]; bodyAt: number } {
  const lines: HeaderLine[] = [];
  let bodyAt: number | undefined;
  let at = 0;
  for (const raw of source.text.split("\n")) {
    const line = raw.replace(/\r$/, "");
    const isHeader = line.trimStart().startsWith("//!");
    if (isHeader && bodyAt !== undefined) {
      const message = "a header line stands before the body; here it is a comment without effect";
      problems.push(source.problem("C040", message, at + line.indexOf("//!"), at + line.length));
    } else if (isHeader) {
      const parts = headerLine.exec(line);
      if (parts === null) {
        const got = describeValue(line.trim());
        const message = `expected '//! key: value' at the beginning of a line, such as //! owner: platform; got ${got}`;
        problems.push(source.problem("C040", message, at, at + line.length));
      } else {
        const [, key = "", value = ""] = parts;
        const valueStart = at + line.trimEnd().length - value.length;
        const keyAt = [at + 4, at + 4 + key.length] as const;
        lines.push({ key, value, keyAt, valueAt: [valueStart, valueStart + value.length] });
      }
    } else if (!line.trimStart().startsWith("//") && line.trim() !== "") bodyAt ??= at;
    at += raw.length + 1;
  }
  return { lines, bodyAt: bodyAt ?? source.text.length };
}

/** The rule that the header's `deny` or `warn` makes; `undefined` after noting what is wrong with it. */
function readEffect(
  source: SourceText,
  known: ReadonlyMap<string, HeaderLine>,
  places: Map<string, Place>,
  problems: Problem[],
): object | undefined {
  const [first, second] = effectKeys.flatMap((key) => known.get(key) ?? []).sort((a, b) => a.keyAt[0] - b.keyAt[0]);
  if (first === undefined) {
    const message = `the header says what happens when the body is not true: ${forms}; this one does not`;
    problems.push(source.problem("C040", message, 0, 1));
    return undefined;
  }
  if (second !== undefined) {
    const message = `'${second.key}' stands beside '${first.key}'; a .cel file has one of them`;
    problems.push(source.problem("C040", message, ...second.keyAt));
  }
  const parts = effectValue.exec(first.value);
  const message = parts?.[3] === undefined ? undefined : unquote(parts[3]);
  if (parts === null || message === null) {
    const text = `expected <code> <status> "<message>", such as ${example}; got ${describeValue(first.value)}`;
    problems.push(source.problem("C040", text, ...first.valueAt));
    return undefined;
  }
  const [, code = "", status, quoted] = parts;
  const start = first.valueAt[0];
  const place = (from: number, length: number): Place => {
    const range = [start + from, start + from + length] as const;
    return { key: range, value: range };
  };
  places.set("rules.0", { key: first.keyAt, value: first.valueAt });
  places.set("rules.0.then", { key: first.keyAt, value: first.keyAt });
  places.set("rules.0.code", place(0, code.length));
  if (status !== undefined)
    places.set("rules.0.status", place(first.value.indexOf(status, code.length), status.length));
  if (quoted !== undefined) {
    const from = first.value.length - quoted.length;
    const { value } = place(from, quoted.length);
    places.set("rules.0.message", { key: value, value, offset: offsetsInQuotes(quoted, start + from) });
  }
  return {
    // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
    then: first.key,
    code,
    ...(status !== undefined && { status: Number(status) }),
    ...(message !== undefined && { message }),
  };
}

function unquote(text: string): string | null {
  try {
    return JSON.parse(text) as string;
  } catch {
    return null;
  }
}

function offsetsInQuotes(quoted: string, start: number): (offset: number) => number {
  const positions: number[] = [];
  for (let at = 1; at < quoted.length; at += 1) {
    positions.push(start + at);
    if (quoted[at] === "\\") at += quoted[at + 1] === "u" ? 5 : 1;
  }
  return (offset) => positions[offset] ?? start + quoted.length - 1;
}

/** The file with everything but the header's YAML made blank, so that what is left stands where it stood. */
function yamlOf(text: string, lines: readonly HeaderLine[]): string {
  let yaml = "";
  for (const { key, keyAt, valueAt } of lines) {
    if (!(yamlKeys as readonly string[]).includes(key)) continue;
    yaml += blank(text.slice(yaml.length, keyAt[0])) + text.slice(keyAt[0], valueAt[1]);
  }
  return yaml + blank(text.slice(yaml.length));
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
