import { LRUCache } from "lru-cache";
import type { Modification } from "../core/decision.ts";
import { type Redaction, redactedText, ScannerRedaction } from "../core/modifiable.ts";
import { jsonScanner } from "../core/scan-json.ts";
import { compilePattern, type Pattern } from "../sdk/pattern.ts";
import { redactText, replaced } from "../sdk/scan.ts";
import { decodeString, type JsonNode, type Splice, skipSpace, skipString, skipWord, spliced } from "./json-tree.ts";
import { textOfDataUrl } from "./media.ts";

/** What becomes of one text. */
export interface Redact {
  (text: string): string;
  /** The same of JSON, where values are looked at together with their keys; value by value when absent. */
  readonly json?: (text: string) => string;
}

/** Characters of one request that expressions and scanners are tried on at most: a quarter of a second on a slow machine. */
export const maxPatternCharacters = 2 ** 21;

/** Redactions are written in policies, so there are few; compiled, they are kept. */
const patterns = new LRUCache<string, Pattern>({ max: 256 });
const literals = new LRUCache<string, RegExp>({ max: 256 });

/**
 * Makes the function that redacts a text of one request, by all redactions in their order.
 *
 * It throws when expressions meet more text than {@link maxPatternCharacters}: what was not looked through is not sent.
 *
 * @throws Error when an expression is not valid
 */
export function redactor(changes: readonly Modification[]): Redact {
  const steps = changes.map(({ value }) => redactStep(value as Redaction));
  const redact: Redact = (text) =>
    steps.reduce((redacted, step) => (redacted === "" ? redacted : step(redacted)), text);
  if (steps.every(({ json }) => json === undefined)) return redact;
  const json = (text: string) => steps.reduce((redacted, step) => redactJson(redacted, step), text);
  return Object.assign(redact, { json });
}

function redactStep(redaction: Redaction): Redact {
  if (isList(redaction)) return replaceLiterals(redaction, redactedText);
  if (redaction instanceof ScannerRedaction) return scanStep(redaction);
  const { replace = redactedText } = redaction;
  if ("literals" in redaction) return replaceLiterals(redaction.literals, replace);
  let pattern = patterns.get(redaction.pattern);
  if (pattern === undefined) {
    pattern = compilePattern(redaction.pattern, maxPatternCharacters);
    patterns.set(redaction.pattern, pattern);
  }
  const within = bound();
  return (text) => {
    within(text);
    return pattern.test(text) ? pattern.replaceAll(text, replace) : text;
  };
}

function scanStep({ scanner }: ScannerRedaction): Redact {
  const within = bound();
  return Object.assign((text: string) => redactText(scanner, within(text)), {
    json(text: string) {
      const compound = /^\s*[[{]/.test(text);
      if (!compound) return redactValues(text, (value) => redactText(scanner, within(value)));
      return replaced(text, jsonScanner(scanner).scan(within(text), 0, true).matches);
    },
  });
}

/** Keeps account of what is looked through. */
function bound(): (text: string) => string {
  let looked = 0;
  return (text) => {
    looked += text.length;
    if (looked > maxPatternCharacters) {
      throw new Error(`redaction looks through at most ${maxPatternCharacters} characters of a request`);
    }
    return text;
  };
}

/** One pass for all, the longest first where several begin at one place. Nothing in it can backtrack. */
function replaceLiterals(list: readonly string[], replace: string): Redact {
  const key = JSON.stringify(list);
  let any = literals.get(key);
  if (any === undefined) {
    const sources = [...list].sort((a, b) => b.length - a.length).map(escaped);
    any = new RegExp(sources.join("|"), "g");
    literals.set(key, any);
  }
  const found = any;
  return (text) => text.replace(found, () => replace);
}

function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function isList(redaction: Redaction): redaction is readonly string[] {
  return Array.isArray(redaction);
}

/**
 * Redacts every string and number of a JSON value, keys included. It stays valid: a number that holds something to
 * redact becomes a string.
 *
 * @param text valid JSON
 */
export function redactJson(text: string, redact: Redact): string {
  return redact.json === undefined ? redactValues(text, redact) : redact.json(text);
}

function redactValues(text: string, redact: Redact): string {
  const splices: Splice[] = [];
  for (let at = skipSpace(text, 0); at < text.length; at = skipSpace(text, at)) {
    const code = text.charCodeAt(at);
    const string = code === 34;
    if (string || code === 45 || (code >= 48 && code <= 57)) {
      const end = string ? skipString(text, at + 1) : skipWord(text, at);
      const value = string ? decodeString(text, at, end) : text.slice(at, end);
      const redacted = redact(value);
      if (redacted !== value) splices.push({ start: at, end, text: JSON.stringify(redacted) });
      at = end;
    } else {
      at += 1;
    }
  }
  return spliced(text, splices);
}

/** Redacts a text that may be JSON, such as the arguments of a tool call: what was JSON is JSON afterwards. */
export function redactArguments(text: string, redact: Redact): string {
  return isJson(text) ? redactJson(text, redact) : redact(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Members that hold bytes, seals, or words of the format itself: nothing that a model reads as text. */
const formal = new Set([
  ...[
    "type",
    "role",
    "id",
    "tool_call_id",
    "call_id",
    "tool_use_id",
    "file_id",
    "server_name",
    "tool_name",
    "media_type",
  ],
  ...["data", "file_data", "signature", "encrypted_content", "encrypted_index", "cache_control"],
  ...["image_url", "video_url"],
]);
/** Members of calls, and blocks that are calls: in them a name is what ties the call to its tool. */
const calls = new Set(["function", "custom", "function_call", "tool_use", "server_tool_use", "mcp_tool_use"]);

/** Gathers what changes when the texts of a prompt are redacted. */
export class PromptRedaction {
  readonly splices: Splice[] = [];
  readonly #text: string;
  readonly #redact: Redact;

  /** @param text the JSON text that the nodes to come were read from */
  constructor(text: string, redact: Redact) {
    this.#text = text;
    this.#redact = redact;
  }

  /**
   * Everything that a model reads in a message, a part of one or a block: all strings, whatever the kind, save those
   * that belong to the format. What tools were called with is looked through to the last number.
   */
  content(node: JsonNode): void {
    this.#content(node, false);
  }

  /** The descriptions in a definition, at any depth; everything else in it has to stay as it is. */
  descriptions(node: JsonNode): void {
    for (const item of node.items) this.descriptions(item);
    for (const { key, value } of node.members) {
      if (key === "description" && value.kind === "string") this.#string(value, this.#redact);
      else this.descriptions(value);
    }
  }

  #content(node: JsonNode, isCall: boolean): void {
    if (node.kind === "string") this.#string(node, this.#redact);
    for (const item of node.items) this.#content(item, false);
    const kinds = this.#kinds(node);
    const ties = isCall || kinds.some((kind) => calls.has(kind));
    for (const { key, value } of node.members) {
      if (key === "source") this.#source(kinds, value);
      else if (key !== "name" || !ties) this.#member(key, value);
    }
  }

  #member(key: string, value: JsonNode): void {
    if (key === "arguments" || key === "input") this.#called(key, value);
    else if (key === "file_data" && value.kind === "string") this.#file(value);
    else if (!formal.has(key)) this.#content(value, calls.has(key));
  }

  /** A file that is a text; any other is bytes. */
  #file(node: JsonNode): void {
    const url = decodeString(this.#text, node.start, node.end);
    const text = textOfDataUrl(url);
    const redacted = text === null ? null : this.#redact(text);
    if (redacted === null || redacted === text) return;
    const head = url.slice(0, url.indexOf(",")).replace(/;base64$/i, "");
    const data = `${head};base64,${Buffer.from(redacted).toString("base64")}`;
    this.splices.push({ start: node.start, end: node.end, text: JSON.stringify(data) });
  }

  /** Arguments are JSON in a string, or JSON itself; the input of a tool of free form is a text. */
  #called(key: string, value: JsonNode): void {
    if (value.kind === "string") {
      const ofArguments: Redact = (text) => redactArguments(text, this.#redact);
      this.#string(value, key === "input" ? this.#redact : ofArguments);
      return;
    }
    const before = this.#text.slice(value.start, value.end);
    const after = redactJson(before, this.#redact);
    if (after !== before) this.splices.push({ start: value.start, end: value.end, text: after });
  }

  /** Of a document its text; images and files are bytes or addresses. What says to be both is looked through. */
  #source(parents: readonly string[], source: JsonNode): void {
    const kinds = this.#kinds(source);
    const bytes = (kind: string) => kind === "url" || kind === "base64" || kind === "file";
    if (parents.length > 0 && parents.every((kind) => kind === "image")) return;
    if (kinds.length > 0 && kinds.every(bytes)) return;
    if (source.kind !== "object") this.#content(source, false);
    for (const { key, value } of source.members) {
      if (key === "data" && kinds.includes("text")) this.#content(value, false);
      else this.#member(key, value);
    }
  }

  /** What an object says to be, if it does. */
  #kinds(node: JsonNode): string[] {
    return node.members
      .filter(({ key, value }) => key === "type" && value.kind === "string")
      .map(({ value }) => decodeString(this.#text, value.start, value.end));
  }

  #string(node: JsonNode, redact: Redact): void {
    const value = decodeString(this.#text, node.start, node.end);
    const redacted = redact(value);
    if (redacted !== value) this.splices.push({ start: node.start, end: node.end, text: JSON.stringify(redacted) });
  }
}
