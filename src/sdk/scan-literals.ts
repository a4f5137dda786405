import type { TextMatch, TextScan, TextScanner } from "../core/stream.ts";

/** A text to look for as it stands. */
export interface ScanLiteral {
  readonly text: string;
  readonly type: string;
  /** `[type]` when absent. */
  readonly replacement?: string;
}

/** A place in the tree of all literals: what has been read of one. */
interface Node {
  readonly next: Map<number, Node>;
  readonly depth: number;
  /** What has been read of another literal that begins later: the longest one. */
  fail: Node | null;
  /** The longest literal that ends here. */
  ends: ScanLiteral | null;
}

/**
 * Makes a scanner of literals, one pass for all of them: it finds the one that begins leftmost, the longest where
 * several begin there. Nothing is held back but what is the beginning of one.
 *
 * @param ignoreCase whether letters are the same in both cases, where both have the same length
 */
export function literalScanner(literals: readonly ScanLiteral[], ignoreCase = false): TextScanner {
  return new LiteralScanner(literals, ignoreCase);
}

class LiteralScanner implements TextScanner {
  readonly maxHeld: number;
  readonly #root: Node;
  readonly #ignoreCase: boolean;

  constructor(literals: readonly ScanLiteral[], ignoreCase: boolean) {
    if (literals.some(({ text }) => text === "")) throw new Error("a literal has at least 1 character");
    this.#ignoreCase = ignoreCase;
    this.#root = tree(literals, ignoreCase);
    this.maxHeld = Math.max(0, ...literals.map(({ text }) => text.length));
  }

  scan(text: string, from: number, last: boolean): TextScan {
    const root = this.#root;
    const matches: TextMatch[] = [];
    let node = root;
    let found: TextMatch | null = null;
    let pos = from;
    for (;;) {
      // What is found stands when nothing that begins as early can still become longer.
      const open = node.next.size > 0 && !(last && pos === text.length);
      if (found !== null && (pos - node.depth > found.start || !open)) {
        matches.push(found);
        pos = found.end;
        found = null;
        node = root;
        continue;
      }
      if (pos === text.length) break;
      const unit = this.#ignoreCase ? lower(text.charCodeAt(pos)) : text.charCodeAt(pos);
      let next = node.next.get(unit);
      while (next === undefined && node.fail !== null) {
        node = node.fail;
        next = node.next.get(unit);
      }
      node = next ?? root;
      pos += 1;
      const { ends } = node;
      if (ends === null) continue;
      const start = pos - ends.text.length;
      if (found !== null && start > found.start) continue;
      found = { start, end: pos, type: ends.type, replacement: ends.replacement ?? `[${ends.type}]` };
    }
    if (last) return { matches, settled: pos };
    return { matches, settled: Math.min(found?.start ?? pos, pos - node.depth) };
  }
}

/** The tree of all literals; from each place there is a way to the one that is to be tried next. */
function tree(literals: readonly ScanLiteral[], ignoreCase: boolean): Node {
  const root: Node = { next: new Map(), depth: 0, fail: null, ends: null };
  for (const literal of literals) {
    let node = root;
    for (let i = 0; i < literal.text.length; i += 1) {
      const unit = ignoreCase ? lower(literal.text.charCodeAt(i)) : literal.text.charCodeAt(i);
      let next = node.next.get(unit);
      if (next === undefined) {
        next = { next: new Map(), depth: node.depth + 1, fail: root, ends: null };
        node.next.set(unit, next);
      }
      node = next;
    }
    node.ends ??= literal;
  }
  // A list is gone over while it grows: level by level, as what fails is always nearer to the root.
  const nodes = [...root.next.values()];
  for (const node of nodes) {
    for (const [unit, next] of node.next) {
      let fail = node.fail;
      while (fail !== null && !fail.next.has(unit)) fail = fail.fail;
      next.fail = fail?.next.get(unit) ?? root;
      next.ends ??= next.fail.ends;
      nodes.push(next);
    }
  }
  return root;
}

const lowerCase = Uint16Array.from({ length: 65_536 }, (_, unit) => {
  const lowered = String.fromCharCode(unit).toLowerCase();
  return lowered.length === 1 ? lowered.charCodeAt(0) : unit;
});

function lower(unit: number): number {
  return lowerCase[unit]!;
}
