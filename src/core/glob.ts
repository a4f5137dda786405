/**
 * A test for glob patterns with `*` (any run of characters) and `?` (one character), matched over the whole value,
 * ignoring ASCII case. No backtracking: what is between two stars is searched for once, from left to right.
 */
export function compileGlob(pattern: string): (value: string) => boolean {
  const test = compileLowered(pattern);
  return (value) => test(value.toLowerCase());
}

/** The test of a value that is in lower case already. */
function compileLowered(pattern: string): (lower: string) => boolean {
  const [head, ...rest] = pattern.toLowerCase().split("*").map(toPiece) as [Piece, ...Piece[]];
  const tail = rest.pop();
  if (tail === undefined) {
    return (value) => value.length === head.length && head.fits(value, 0);
  }
  const middle = rest.filter(({ length }) => length > 0);
  return (value) => {
    const end = value.length - tail.length;
    let at = head.length;
    if (at > end || !head.fits(value, 0) || !tail.fits(value, end)) return false;
    for (const piece of middle) {
      // The first place is as good as any: it leaves the most to the pieces after it.
      const found = piece.find(value, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= end;
  };
}

/** A test whether any of the patterns matches; without patterns none does. */
export function compileGlobs(patterns: readonly string[]): (value: string) => boolean {
  const tests = patterns.map(compileLowered);
  return (value) => {
    const lower = value.toLowerCase();
    for (let i = 0; i < tests.length; i += 1) if (tests[i]!(lower)) return true;
    return false;
  };
}

/** What stands between two stars. */
interface Piece {
  readonly length: number;
  fits(value: string, at: number): boolean;
  /** The first place at or after `from` where it fits, or -1. */
  find(value: string, from: number): number;
}

function toPiece(text: string): Piece {
  const { length } = text;
  if (!text.includes("?")) {
    return {
      length,
      fits: (value, at) => value.startsWith(text, at),
      find: (value, from) => value.indexOf(text, from),
    };
  }
  // Places are looked for by the longest part that is known.
  const known = text.split("?").reduce((longest, part) => (part.length > longest.length ? part : longest));
  const offset = text.indexOf(known);
  const fits = (value: string, at: number): boolean => {
    for (let i = 0; i < length; i += 1) {
      if (text[i] !== "?" && text[i] !== value[at + i]) return false;
    }
    return true;
  };
  return {
    length,
    fits,
    find(value, from) {
      for (let at = from; at + length <= value.length; at += 1) {
        const next = value.indexOf(known, at + offset);
        if (next < 0) return -1;
        at = next - offset;
        if (at + length <= value.length && fits(value, at)) return at;
      }
      return -1;
    },
  };
}
