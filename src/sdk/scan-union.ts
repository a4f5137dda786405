import type { TextMatch, TextScan, TextScanner } from "../core/stream.ts";

/** Characters looked at in one go beyond what may be held back: no more are looked at again where matches cross each other. */
const block = 1_024;

/**
 * Makes one scanner of several: what begins leftmost is found, of what begins at one place the longest, and of equals
 * the first scanner's. Looking goes on after it, so what another one finds across its end is not found.
 */
export function unionScanner(scanners: readonly TextScanner[]): TextScanner {
  if (scanners.length === 1) return scanners[0]!;
  const maxHeld = Math.max(0, ...scanners.map((scanner) => scanner.maxHeld));
  return {
    maxHeld,
    scan(text, from, last) {
      const matches: TextMatch[] = [];
      let at = from;
      // What one of them holds back stays together: looked through in parts it would be gone over for each of them.
      for (let end = from + maxHeld + block; end < text.length; end += maxHeld + block) {
        at = scanBlock(scanners, text.slice(0, end), at, false, matches);
      }
      return { matches, settled: scanBlock(scanners, text, at, last, matches) };
    },
  };
}

/** What one of them has found and not yet given. */
interface Ahead {
  found: TextScan;
  at: number;
}

/** @returns the place up to which the text is settled */
function scanBlock(
  scanners: readonly TextScanner[],
  text: string,
  from: number,
  last: boolean,
  into: TextMatch[],
): number {
  const ahead: Ahead[] = scanners.map((scanner) => ({ found: scanner.scan(text, from, last), at: 0 }));
  for (;;) {
    const settled = Math.min(...ahead.map(({ found }) => found.settled));
    const first = firstOf(ahead, settled);
    if (first === undefined) return settled;
    into.push(first);
    const { end } = first;
    for (const [i, one] of ahead.entries()) {
      const { matches } = one.found;
      while (one.at < matches.length && matches[one.at]!.end <= end) one.at += 1;
      const next = matches[one.at];
      // A match that began before this end is none any more, and hid what begins after it.
      if (one.found.settled < end || (next !== undefined && next.start < end)) {
        ahead[i] = { found: scanners[i]!.scan(text, end, last), at: 0 };
      }
    }
  }
}

function firstOf(ahead: readonly Ahead[], settled: number): TextMatch | undefined {
  let first: TextMatch | undefined;
  for (const { found, at } of ahead) {
    const match = found.matches[at];
    if (match === undefined || match.start >= settled) continue;
    if (first === undefined || match.start < first.start || (match.start === first.start && match.end > first.end)) {
      first = match;
    }
  }
  return first;
}
