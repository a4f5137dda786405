import type { TextMatch, TextScanner } from "../core/stream.ts";
import { replaced } from "./scan.ts";

/** What looking through a stream came to. */
export interface Fed {
  /** What went out. */
  readonly text: string;
  /** The matches, with their places in the whole text. */
  readonly matches: readonly TextMatch[];
  /** Most characters that were held back. */
  readonly held: number;
}

/**
 * Looks through a text that comes in pieces the way a stream is looked through: what is settled goes out, and of it only
 * the last character is kept for context.
 *
 * @throws Error when the scanner breaks what {@link TextScanner} promises
 */
export function feed(scanner: TextScanner, pieces: readonly string[]): Fed {
  let tail = "";
  let from = 0;
  let offset = 0;
  let out = "";
  let held = 0;
  const all: TextMatch[] = [];
  for (let i = 0; i <= pieces.length; i += 1) {
    const last = i === pieces.length;
    tail += last ? "" : pieces[i]!;
    const { matches, settled } = scanner.scan(tail, from, last);
    const inOrder = matches.every(
      (match, j) => match.start >= (matches[j - 1]?.end ?? from) && match.end > match.start,
    );
    if (!inOrder) throw new Error("matches must not overlap, and begin where the looking begins or later");
    if (settled < from || settled > tail.length || (last && settled !== tail.length)) {
      throw new Error(`settled at ${settled} of ${tail.length}, from ${from}`);
    }
    if (matches.some(({ end }) => end > settled)) throw new Error("a match must be settled");
    if (tail.length - settled > scanner.maxHeld) throw new Error(`${tail.length - settled} characters are held back`);
    out += replaced(tail.slice(0, settled), matches).slice(from);
    all.push(...matches.map((match) => ({ ...match, start: match.start + offset, end: match.end + offset })));
    held = Math.max(held, tail.length - settled);
    const kept = Math.max(0, settled - 2);
    offset += kept;
    tail = tail.slice(kept);
    from = settled - kept;
  }
  return { text: out, matches: all, held };
}

/** A text in pieces, cut at these places; places beyond its end are taken to be within it. */
export function cutAt(text: string, places: readonly number[]): string[] {
  const cuts = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((place, i) => text.slice(place, cuts[i] ?? text.length));
}
