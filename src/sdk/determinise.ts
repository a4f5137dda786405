import type { RE2JS } from "re2js";

/**
 * The engine's automaton for searches, as far as it is used here. It is not documented, which is why the engine's
 * version is pinned and a test watches this.
 */
interface Automaton {
  readonly failed: boolean;
  /** Texts differ for the pattern only by the classes of their characters: the first code point of all but the first. */
  readonly classBounds: ArrayLike<number>;
  readonly prog: { readonly start: number };
  makeState(instructions: readonly number[], flags: number, ids: readonly number[]): State | null;
  step(state: State, characterClass: number, codePoint: number, anchor: number): State | null;
}

interface State {
  readonly isMatch: boolean;
  /** Instructions that are followed at once. */
  readonly nfaStates: readonly number[];
}

/** Most states an automaton may have, and most instructions looked at to make it: some milliseconds. */
const mostStates = 512;
const mostWork = 100_000;
const unanchored = 0;
/** At the start of the text, which is that of a line as well. */
const atStart = 1 | 4;

/**
 * Makes the whole automaton of a pattern, which the engine then finds ready: each character takes one look-up,
 * whatever the text. Without it the engine makes states as it meets them.
 *
 * @returns how many states it has, or `null` when they are too many: then a text can be found for which each character
 *   takes as long as the pattern has instructions
 */
export function determinise(program: RE2JS): number | null {
  const automaton = (program as unknown as { re2Input: { dfa: Automaton } }).re2Input.dfa;
  if (automaton.failed) return null;
  const first = automaton.makeState([automaton.prog.start], atStart, []);
  if (first === null) return null;
  const found = new Set([first]);
  let work = 0;
  // A set is gone over in the order in which it grows.
  for (const state of found) {
    if (state.isMatch) continue;
    for (let i = 0; i <= automaton.classBounds.length; i += 1) {
      work += state.nfaStates.length + 1;
      const next = automaton.step(state, i, i === 0 ? 0 : automaton.classBounds[i - 1]!, unanchored);
      if (next === null || work > mostWork || found.size > mostStates) return null;
      found.add(next);
    }
  }
  return found.size;
}
