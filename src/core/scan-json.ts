import type { TextMatch, TextScan, TextScanner } from "./stream.ts";

const quote = 34;
const backslash = 92;
/** Longest key that is read together with its value. */
const longestKey = 128;
/** Characters that are shown again before a place that is gone on from: one, of two units. */
const shownAgain = 2;

/** Where in a JSON text the last call stopped. */
type Place =
  /** Nothing but space yet. */
  | "start"
  /** No JSON: all of it is looked through as it stands. */
  | "plain"
  | "between"
  | {
      /** What stands before, escapes resolved: the key, or the end of what is settled. */
      readonly before: string;
      /** Where in it to look. */
      readonly from: number;
      /** The string so far, as long as it may be a key. */
      readonly head: string;
    };

/** What was read of one string. */
interface Reading {
  /** Escapes resolved. */
  readonly text: string;
  /** Where each unit of it ends in the JSON text; absent while there are no escapes. */
  readonly ends: readonly number[] | null;
  /** After what was read: the closing quote, or what is not whole yet. */
  readonly end: number;
  readonly closed: boolean;
}

/**
 * Makes a scanner of JSON text that comes in pieces, such as the arguments of tool calls: it looks through every string and
 * number, escapes resolved, together with the key it belongs to; where it finds something, JSON stays JSON. What is
 * no JSON is looked through as it stands.
 *
 * Unlike other scanners it is for one text alone: it goes on where the call before it was settled, and there `from` has
 * to be. What stands in `text` before that does not matter.
 */
export function jsonScanner(scanner: TextScanner): TextScanner {
  return new JsonScanner(scanner);
}

/** What a scanner finds in a text that may be JSON, such as a text of a prompt. */
export function scanWhole(scanner: TextScanner, text: string): readonly TextMatch[] {
  return mayBeJson(text) ? jsonScanner(scanner).scan(text, 0, true).matches : scanner.scan(text, 0, true).matches;
}

function mayBeJson(text: string): boolean {
  const first = /\S/.exec(text)?.[0];
  if (first !== "{" && first !== "[") return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

class JsonScanner implements TextScanner {
  readonly maxHeld: number;
  readonly #scanner: TextScanner;
  #place: Place = "start";
  #key = "";
  #string = "";

  constructor(scanner: TextScanner) {
    this.#scanner = scanner;
    // Each character may be written as an escape of six.
    this.maxHeld = (scanner.maxHeld + shownAgain) * 6;
  }

  scan(text: string, from: number, last: boolean): TextScan {
    const matches: TextMatch[] = [];
    let at = from;
    for (;;) {
      if (this.#place === "plain") {
        const found = this.#scanner.scan(text, at, last);
        return { matches: [...matches, ...found.matches], settled: found.settled };
      }
      if (at >= text.length) return { matches, settled: text.length };
      const place = this.#place;
      const next =
        typeof place === "object"
          ? this.#inString(place, text, at, last, matches)
          : this.#between(text, at, last, matches);
      if (next.stop) return { matches, settled: next.at };
      at = next.at;
    }
  }

  #between(text: string, at: number, last: boolean, matches: TextMatch[]): { at: number; stop: boolean } {
    const code = text.charCodeAt(at);
    if (code === 32 || code === 10 || code === 13 || code === 9) return { at: at + 1, stop: false };
    if (this.#place === "start") {
      // A brace or a bracket: anything else is free text.
      this.#place = code === 123 || code === 91 ? "between" : "plain";
      return { at, stop: false };
    }
    switch (code) {
      case quote: {
        const before = this.#key === "" ? "" : `${this.#key}": "`;
        this.#place = { before, from: 0, head: "" };
        this.#string = "";
        return { at: at + 1, stop: false };
      }
      case 58: // :
        this.#key = this.#string;
        return { at: at + 1, stop: false };
      case 44: // ,
      case 91:
      case 93:
      case 123:
      case 125:
        // The elements of a list belong to the list's key.
        if (code !== 44 && code !== 91) this.#key = "";
        if (code === 44) this.#string = "";
        return { at: at + 1, stop: false };
    }
    return this.#word(text, at, last, matches);
  }

  /** A number, or `true`, `false`, `null`. */
  #word(text: string, at: number, last: boolean, matches: TextMatch[]): { at: number; stop: boolean } {
    let end = at;
    while (end < text.length && isOfWord(text.charCodeAt(end)) && end - at < this.maxHeld) end += 1;
    if (end === text.length && end > at && !last && end - at < this.maxHeld) return { at, stop: true };
    const word = text.slice(at, end);
    if (!/^(?:[-\d]+[-\d.eE+]*|true|false|null)$/.test(word)) {
      this.#place = "plain";
      return { at, stop: false };
    }
    const before = this.#key === "" ? "" : `${this.#key}": `;
    const found = /^[-\d]/.test(word) ? this.#scanner.scan(before + word, 0, true).matches : [];
    const inside = found.flatMap((match) => clipped(match, before));
    if (inside.length > 0) {
      let replaced = "";
      let done = 0;
      for (const { start, end: past, replacement } of inside) {
        replaced += word.slice(done, start) + replacement;
        done = past;
      }
      const replacement = JSON.stringify(replaced + word.slice(done));
      matches.push({ start: at, end, type: inside[0]!.type, replacement });
    }
    return { at: end, stop: false };
  }

  #inString(
    place: Extract<Place, object>,
    text: string,
    at: number,
    last: boolean,
    matches: TextMatch[],
  ): { at: number; stop: boolean } {
    const read = readString(text, at);
    const whole = read.closed || last;
    const seen = place.before + read.text;
    const found = this.#scanner.scan(seen, place.from, whole);
    const offset = (unit: number) => (unit === 0 ? at : read.ends === null ? at + unit : read.ends[unit - 1]!);
    for (const match of found.matches) {
      for (const { start, end, type, replacement } of clipped(match, place.before)) {
        const escaped = JSON.stringify(replacement).slice(1, -1);
        matches.push({ start: offset(start), end: offset(end), type, replacement: escaped });
      }
    }
    const head = (place.head + read.text).slice(0, longestKey + 1);
    if (read.closed) {
      this.#place = "between";
      this.#string = head.length > longestKey ? "" : head;
      return { at: read.end + 1, stop: false };
    }
    const { settled } = found;
    const kept = Math.max(0, settled - shownAgain);
    const units = Math.max(0, settled - place.before.length);
    // What of the string is held back will be read again: it does not belong to its head yet.
    const known = (place.head + read.text.slice(0, units)).slice(0, longestKey + 1);
    this.#place = {
      before: seen.slice(kept, Math.max(settled, place.before.length)),
      from: settled - kept,
      head: known,
    };
    return { at: whole ? text.length : offset(units), stop: true };
  }
}

function isOfWord(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    code === 45 ||
    code === 43 ||
    code === 46
  );
}

/** A match in what stands after a prefix, as offsets in that; without what lies in the prefix. */
function clipped(match: TextMatch, prefix: string): readonly TextMatch[] {
  const { length } = prefix;
  if (match.end <= length) return [];
  const { type, replacement } = match;
  if (match.start >= length) return [{ start: match.start - length, end: match.end - length, type, replacement }];
  const shown = prefix.slice(match.start);
  const rest = replacement.startsWith(shown) ? replacement.slice(shown.length) : replacement;
  return [{ start: 0, end: match.end - length, type, replacement: rest }];
}

/** Reads the inside of a string up to its end, or to an escape that is not whole. */
function readString(text: string, from: number): Reading {
  let at = from;
  let plain = from;
  let value = "";
  let ends: number[] | null = null;
  for (;;) {
    const code = text.charCodeAt(at);
    if (at >= text.length || code === quote || code === backslash) {
      if (at > plain) {
        value += text.slice(plain, at);
        if (ends !== null) for (let i = plain; i < at; i += 1) ends.push(i + 1);
      }
      if (code !== backslash || at >= text.length) return { text: value, ends, end: at, closed: code === quote };
      const size = text.charCodeAt(at + 1) === 117 ? 6 : 2;
      if (at + size > text.length) return { text: value, ends, end: at, closed: false };
      ends ??= Array.from({ length: value.length }, (_, i) => from + i + 1);
      value += unescaped(text.slice(at, at + size));
      at += size;
      ends.push(at);
      plain = at;
      continue;
    }
    at += 1;
  }
}

const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** The one UTF-16 unit that an escape stands for. */
function unescaped(written: string): string {
  const letter = written[1]!;
  return letter === "u" ? String.fromCharCode(Number.parseInt(written.slice(2), 16) || 0) : (escapes[letter] ?? letter);
}
