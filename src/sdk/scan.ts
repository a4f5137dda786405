import type { TextMatch, TextScan, TextScanner } from "../core/stream.ts";
import { Automaton, atBeginning, type State, type Step } from "./scan-automaton.ts";
import { type ScanProgram, scanProgram } from "./scan-program.ts";

/**
 * What a check says of a text that an expression matches: whether it is one, or which part of it is to be replaced.
 * `null`: it is none, and none of the scanner's expressions is looked for in it, which spares looking again from every
 * place in it; such an expression belongs into a scanner of its own.
 */
export type Checked = boolean | null | readonly [start: number, end: number];

/** An expression to look for. */
export interface ScanPattern {
  /** What it finds; `null` for what is to be passed by, so that nothing else is found in it. */
  readonly type: string | null;
  /** In RE2's syntax. */
  readonly pattern: string;
  /** A class such as `[0-9.]`: no match begins after such a character. */
  readonly notAfter?: string;
  /** A class: no match ends before such a character. */
  readonly notBefore?: string;
  /**
   * Asked about every end that a match could have, so a long one should have but one, by `notBefore`. Linear in what it is
   * given, and pure.
   */
  readonly check?: (text: string) => Checked;
  /** What stands in place of what is found; `[type]` when absent. */
  readonly replacement?: string | ((found: string) => string);
}

/** How much may be held back. */
export interface ScanLimits {
  /** Most characters of a match, for expressions that have no end of their own; 256 when absent. */
  readonly maxLength?: number;
}

const usualLength = 256;
const nothing: readonly [number, number] = [-1, -1];

/**
 * Makes a scanner of expressions in RE2's syntax. It finds what RE2 finds: the match that begins leftmost, of those the
 * one that the first expression prefers; then what follows it. A match has at most `maxLength` characters.
 *
 * What it finds depends on the text from the match's beginning on, and on the one character before it: so it finds the
 * same however a text is split, and wherever it begins again.
 *
 * @throws Error with a sentence for people when an expression is not valid or too large
 */
export function patternScanner(patterns: readonly ScanPattern[], limits: ScanLimits = {}): TextScanner {
  return new PatternScanner(patterns, limits.maxLength ?? usualLength);
}

/** A match whose end may still move. */
interface Pending {
  readonly pattern: number;
  readonly start: number;
  readonly end: number;
  readonly part: readonly [number, number] | null;
}

/** Where looking through a text that goes on has stopped, for a tail that is worth not going over again. */
interface Stop {
  /** The tail, from a little before the earliest open beginning. */
  readonly tail: string;
  /** How much of it stands before that beginning. */
  readonly context: number;
  readonly state: State;
  /** Relative to the tail, as all places here. */
  readonly begins: Int32Array;
  readonly pending: Pending | null;
  readonly refused: number;
  readonly shadowed: boolean;
}

/** Shorter tails are gone over faster than they are remembered. */
const longTail = 128;
/** So many streams with long tails at a time go on where they stopped. */
const mostStops = 16;

class PatternScanner implements TextScanner {
  readonly maxHeld: number;
  readonly #patterns: readonly ScanPattern[];
  readonly #program: ScanProgram;
  readonly #automaton: Automaton;
  readonly #longest: number;
  /** Where the open matches begin; one scanner serves one text at a time, as scanning does not wait. */
  readonly #begins: Int32Array;
  /** Only spares time: what is found is the same without. */
  readonly #stops: Stop[] = [];

  constructor(patterns: readonly ScanPattern[], maxLength: number) {
    this.#patterns = patterns;
    this.#program = scanProgram(patterns);
    const checked = patterns.map(({ check }) => check !== undefined);
    this.#automaton = new Automaton(this.#program, checked);
    this.#longest = Math.min(this.#program.longest, maxLength);
    // One more for half a character at the end of what is there.
    this.maxHeld = this.#longest + 1;
    this.#begins = new Int32Array(this.#program.op.length + 1);
  }

  scan(text: string, from: number, last: boolean): TextScan {
    const matches: TextMatch[] = [];
    let at = from;
    for (;;) {
      const found = this.#search(text, at, last);
      if (typeof found === "number") return { matches, settled: found };
      this.#take(text, found, matches);
      at = found.end;
    }
  }

  /** The first match from a place on; without one the place up to which there is none. */
  #search(text: string, from: number, last: boolean): Pending | number {
    for (let at = from; ; ) {
      const found = this.#attempt(text, at, last);
      if (!(typeof found === "number" && found < 0)) return found;
      at = ~found + widthAt(text, ~found);
    }
  }

  /**
   * Looks from a place on. When no match begins at some place, and what begins after it can be told only by looking from
   * there, it answers with that place's complement. A function without closures: it runs for every character.
   */
  #attempt(text: string, from: number, last: boolean): Pending | number {
    const automaton = this.#automaton;
    const begins = this.#begins;
    const longest = this.#longest;
    const program = this.#program;
    const { ascii, classes } = program;
    const { length } = text;
    let pos = from;
    let state = automaton.idle(this.#classBefore(text, from));
    let pending: Pending | null = null;
    /** The earliest beginning whose matches a check has refused. */
    let refused = -1;
    let shadowed = false;
    const stop = this.#stops.length === 0 ? undefined : this.#resume(text, from);
    if (stop !== undefined) {
      const base = from - stop.context;
      pos = base + stop.tail.length;
      ({ state, refused, shadowed } = stop);
      if (refused !== -1) refused += base;
      for (let i = 0; i < state.groups; i += 1) begins[i] = stop.begins[i]! + base;
      if (stop.pending !== null) pending = moved(stop.pending, base);
    }

    for (;;) {
      let cls = classes;
      let width = 0;
      if (pos < length) {
        const code = text.charCodeAt(pos);
        width = 1;
        if (code < 128) cls = ascii[code]!;
        else if (code < 0xd800 || code > 0xdbff) cls = program.classOf(code);
        else {
          const point = text.codePointAt(pos)!;
          cls = program.classOf(point);
          // Half a character: what it is shows when the other half comes.
          if (point > 0xffff) width = 2;
          else if (!last && pos + 1 === length) width = 0;
        }
      }
      if (width === 0 && !last) {
        const sure = this.#sure(text, state, pos);
        if (sure !== null) return sure;
        if (state.groups === 0) return pos;
        if (pos - begins[0]! >= longTail) this.#remember(text, pos, state, pending, refused, shadowed);
        return begins[0]!;
      }

      let step: Step = state.next[cls] ?? automaton.step(state, cls);
      if (step.idle) {
        if (width === 0) return pos;
        state = step.to;
        pos += width;
        continue;
      }
      if (!step.plain) {
        let part: readonly [number, number] | null = null;
        for (let i = 0; i < step.events.length && part === null; i += 1) {
          const { group, pattern } = step.events[i]!;
          part = this.#check(pattern, text, begins[group]!, pos);
          if (part !== null) step = automaton.passed(state, cls, step, i);
          else if (refused === -1 || begins[group]! < refused) refused = begins[group]!;
        }
        const { match, from: origin } = step;
        if (match !== null) pending = { pattern: match.pattern, start: begins[match.group]!, end: pos, part };
        for (let i = 0; i < origin.length; i += 1) begins[i] = origin[i] === -1 ? pos : begins[origin[i]!]!;
        shadowed ||= step.shadowed;
      }
      state = step.to;
      pos += width;

      if (state.groups > 0 && pos - begins[0]! > longest) {
        if (pending !== null && pending.start === begins[0]) return pending;
        if (shadowed) return ~begins[0]!;
        while (state.groups > 0 && pos - begins[0]! > longest) {
          begins.copyWithin(0, 1, state.groups);
          state = automaton.withoutOldest(state);
        }
      }
      // What a refused match stood before may have begun later; that is known only without it.
      if (refused !== -1 && (state.groups === 0 || begins[0]! > refused)) {
        if (shadowed && (pending === null || pending.start > refused)) return ~refused;
        refused = -1;
      }
      if (pending !== null && (state.groups === 0 || width === 0)) return pending;
      if (width === 0) return pos;
    }
  }

  #remember(
    text: string,
    pos: number,
    state: State,
    pending: Pending | null,
    refused: number,
    shadowed: boolean,
  ): void {
    const first = this.#begins[0]!;
    const context = Math.min(2, first);
    const base = first - context;
    if (this.#stops.length === mostStops) this.#stops.shift();
    this.#stops.push({
      tail: text.slice(base, pos),
      context,
      state,
      begins: this.#begins.slice(0, state.groups).map((begin) => begin - base),
      pending: pending === null ? null : moved(pending, -base),
      refused: refused === -1 ? -1 : refused - base,
      shadowed,
    });
  }

  /** Where looking from this place on has stopped before, if the text is the same up to there. */
  #resume(text: string, from: number): Stop | undefined {
    const stops = this.#stops;
    for (let i = stops.length - 1; i >= 0; i -= 1) {
      const stop = stops[i]!;
      const { context, tail } = stop;
      // With less before it than is looked at, it stood at the text's beginning.
      if ((context < 2 ? from !== context : from < context) || !text.startsWith(tail, from - context)) continue;
      stops.splice(i, 1);
      return stop;
    }
    return undefined;
  }

  /** The class of the character before a place. */
  #classBefore(text: string, at: number): number {
    if (at === 0) return atBeginning;
    const code = text.charCodeAt(at - 1);
    if (code < 128) return this.#program.ascii[code]!;
    const low = code >= 0xdc00 && code <= 0xdfff && at > 1;
    const point = low ? text.codePointAt(at - 2)! : code;
    return this.#program.classOf(point > 0xffff ? point : code);
  }

  /** The match that ends where the text stops for now and cannot become another one. */
  #sure(text: string, state: State, pos: number): Pending | null {
    if (state.groups === 0) return null;
    const tail = this.#automaton.tail(state);
    if (tail === "open") return null;
    const start = this.#begins[tail.group]!;
    if (this.#patterns[tail.pattern]!.check === undefined)
      return { pattern: tail.pattern, start, end: pos, part: null };
    const part = this.#check(tail.pattern, text, start, pos);
    return part === null ? null : { pattern: tail.pattern, start, end: pos, part };
  }

  /** The part that is meant; `null` when the check refuses it. */
  #check(pattern: number, text: string, start: number, end: number): readonly [number, number] | null {
    const said = this.#patterns[pattern]!.check!(text.slice(start, end));
    if (said === false) return null;
    if (said === null) return nothing;
    return said === true ? [0, end - start] : said;
  }

  #take(text: string, { pattern, start, end, part }: Pending, into: TextMatch[]): void {
    const { type, replacement = `[${type}]` } = this.#patterns[pattern]!;
    if (type === null || part === nothing) return;
    const [low, high] = part ?? [0, end - start];
    const [first, past] = [start + low, start + high];
    const words = typeof replacement === "string" ? replacement : replacement(text.slice(first, past));
    into.push({ start, end, type, replacement: text.slice(start, first) + words + text.slice(past, end) });
  }
}

function moved({ pattern, start, end, part }: Pending, by: number): Pending {
  return { pattern, start: start + by, end: end + by, part };
}

function widthAt(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}

/** A text with what a scanner finds replaced. */
export function redactText(scanner: TextScanner, text: string): string {
  return replaced(text, scanner.scan(text, 0, true).matches);
}

/** A text with these matches replaced. */
export function replaced(text: string, matches: readonly TextMatch[]): string {
  if (matches.length === 0) return text;
  let result = "";
  let at = 0;
  for (const { start, end, replacement } of matches) {
    result += text.slice(at, start) + replacement;
    at = end;
  }
  return result + text.slice(at);
}
