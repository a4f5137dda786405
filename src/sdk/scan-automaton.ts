import { assertion, op, type ScanProgram } from "./scan-program.ts";

/** An automaton's state: where all threads stand, in order of preference, and which began together. */
export interface State {
  /** Instructions that come next, the most preferred first. Threads that began earlier come before those that began later. */
  readonly pcs: readonly number[];
  /** By thread, with which others it began: 0 for the earliest beginning. */
  readonly groupOf: readonly number[];
  /** How many beginnings there are. */
  readonly groups: number;
  /** What stood before, as far as it matters; see {@link Automaton.idle}. */
  readonly behind: number;
  /** Whether matches may begin here: not any more once one is found that begins earlier. */
  readonly searching: boolean;
  /** By class of the next character; the last one for the end of the text. */
  readonly next: (Step | undefined)[];
  tail?: Tail;
}

/** What the next character does. */
export interface Step {
  readonly to: State;
  /** Neither before nor after it is anything begun or found: nothing has to be looked at. */
  readonly idle: boolean;
  /** The same beginnings as before, and nothing found. */
  readonly plain: boolean;
  /** By beginning of the new state, which of the old one's it is; -1 where it is here. */
  readonly from: readonly number[];
  /** Matches that end here if their check says so, in order of preference. */
  readonly events: readonly Found[];
  /** The match that ends here without any condition, preferred to all that `to` leaves out. */
  readonly match: Found | null;
  /** A thread was left out because one with an earlier beginning stands at the same place. */
  readonly shadowed: boolean;
  /** By event: the step where its check has passed. */
  readonly passed: (Step | undefined)[];
}

/** A match: its beginning, as an index of the old state's, and its expression. */
export interface Found {
  readonly group: number;
  readonly pattern: number;
}

/** What is known where the text goes on and it is not known how: the match that is sure, or that there may be one. */
export type Tail = Found | "open";

/** Most states that are kept: some megabytes. Beyond them it begins anew. */
const maxStates = 2_000;
/** As {@link Automaton.idle} takes it: nothing stands before. */
export const atBeginning = -1;

/**
 * The automaton of a program, whose states are made when a text first needs them. It finds the match that begins
 * leftmost, and of those that begin there the one that the expressions prefer, and knows at every place where the
 * matches that are still possible begin.
 *
 * Each character takes one look-up, and for each beginning that is open at most one more.
 */
export class Automaton {
  readonly #program: ScanProgram;
  readonly #checked: readonly boolean[];
  readonly #states = new Map<string, State>();
  readonly #behindOf: Int32Array;
  /** A class that stands for each kind of what can stand before; -1 for the beginning of the text. */
  readonly #kinds: number[] = [atBeginning];
  readonly #owner: Int32Array;

  /** @param checked by expression, whether a match is one only if a check says so */
  constructor(program: ScanProgram, checked: readonly boolean[]) {
    this.#program = program;
    this.#checked = checked;
    this.#owner = new Int32Array(program.op.length);
    this.#behindOf = this.#kindsOfClasses();
  }

  /** The state before any match has begun, after a character of this class or {@link atBeginning}. */
  idle(behind: number): State {
    return this.#state([], [], 0, behind === atBeginning ? 0 : this.#behindOf[behind]!, true);
  }

  /** The step for a class, or for the end of the text. */
  step(state: State, cls: number): Step {
    const known = state.next[cls];
    if (known !== undefined) return known;
    const step = this.#make(state, cls, -1);
    state.next[cls] = step;
    return step;
  }

  /** The same step where the check of one of its events has passed. */
  passed(state: State, cls: number, step: Step, event: number): Step {
    const known = step.passed[event];
    if (known !== undefined) return known;
    const made = this.#make(state, cls, event);
    step.passed[event] = made;
    return made;
  }

  /** The state without the matches that began first. */
  withoutOldest(state: State): State {
    const kept = state.pcs.map((_, i) => i).filter((i) => state.groupOf[i] !== 0);
    const pcs = kept.map((i) => state.pcs[i]!);
    const groupOf = kept.map((i) => state.groupOf[i]! - 1);
    return this.#state(pcs, groupOf, state.groups - 1, state.behind, state.searching);
  }

  /** What is known where a text stops for now. */
  tail(state: State): Tail {
    state.tail ??= this.#tailOf(state);
    return state.tail;
  }

  #kindsOfClasses(): Int32Array {
    const { classes, isWord, isNewline, notAfter, looksBehind } = this.#program;
    const known = new Map<string, number>();
    return Int32Array.from({ length: classes }, (_, cls) => {
      if (!looksBehind) return 0;
      const key = [isWord[cls], isNewline[cls], ...notAfter.map((set) => set?.[cls] ?? 0)].join("");
      const kind = known.get(key) ?? this.#kinds.length;
      if (!known.has(key)) this.#kinds.push(cls);
      known.set(key, kind);
      return kind;
    });
  }

  #state(
    pcs: readonly number[],
    groupOf: readonly number[],
    groups: number,
    behind: number,
    searching: boolean,
  ): State {
    let key = String.fromCharCode(behind, searching ? 1 : 0);
    for (let i = 0; i < pcs.length; i += 1) key += String.fromCharCode(pcs[i]!, groupOf[i]!);
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= maxStates) this.#states.clear();
    const next = new Array<Step | undefined>(this.#program.classes + 1).fill(undefined);
    const state: State = { pcs, groupOf, groups, behind, searching, next };
    this.#states.set(key, state);
    return state;
  }

  /** @param passing the event whose check has passed: what is less preferred is left out. -1 for none */
  #make(state: State, cls: number, passing: number): Step {
    const { program, assertions, end } = {
      program: this.#program,
      assertions: this.#assertions(state, cls),
      end: this.#program.classes,
    };
    const closure = this.#closure(state, cls, assertions, passing);
    const pcs: number[] = [];
    const groupOf: number[] = [];
    const from: number[] = [];
    const seen = new Map<number, number>();
    let { shadowed } = closure;
    for (let i = 0; cls !== end && i < closure.pcs.length; i += 1) {
      const pc = closure.pcs[i]!;
      if (program.takes[pc]![cls] !== 1) continue;
      const group = closure.groupOf[i]!;
      const out = program.out[pc]!;
      const owner = seen.get(out);
      if (owner !== undefined) {
        shadowed ||= owner !== group;
        continue;
      }
      seen.set(out, group);
      if (from[from.length - 1] !== group) from.push(group);
      pcs.push(out);
      groupOf.push(from.length - 1);
    }
    const here = state.groups;
    const searching = state.searching && closure.match === null;
    const to = this.#state(pcs, groupOf, from.length, cls === end ? 0 : this.#behindOf[cls]!, searching);
    const quiet = closure.events.length === 0 && closure.match === null;
    return {
      to,
      from: from.map((group) => (group === here ? -1 : group)),
      events: closure.events,
      match: closure.match,
      shadowed,
      passed: [],
      idle: quiet && from.length === 0 && state.groups === 0,
      plain: quiet && !shadowed && from.length === state.groups && from.every((group, i) => group === i),
    };
  }

  /** The assertions that hold between what stands before and a class. */
  #assertions(state: State, cls: number): number {
    const { classes, isWord, isNewline } = this.#program;
    const before = this.#kinds[state.behind]!;
    const beginning = before === atBeginning;
    const end = cls === classes;
    const wordBefore = !beginning && isWord[before] === 1;
    const wordAfter = !end && isWord[cls] === 1;
    return (
      (beginning ? assertion.beginText : 0) |
      (beginning || isNewline[before] === 1 ? assertion.beginLine : 0) |
      (end ? assertion.endText : 0) |
      (end || isNewline[cls] === 1 ? assertion.endLine : 0) |
      (wordBefore === wordAfter ? assertion.noWord : assertion.word)
    );
  }

  /** All instructions that take a character next, in order of preference, up to the first match that is sure. */
  #closure(state: State, cls: number, assertions: number, passing: number) {
    const { op: ops, out, arg, starts, notAfter, notBefore, classes } = this.#program;
    const before = this.#kinds[state.behind]!;
    const owner = this.#owner.fill(-1);
    const pcs: number[] = [];
    const groupOf: number[] = [];
    const events: Found[] = [];
    let match: Found | null = null;
    let shadowed = false;
    const here = state.groups;
    const stack: number[] = [];

    const follow = (start: number, group: number): void => {
      stack.push(start);
      while (stack.length > 0 && match === null) {
        const pc = stack.pop()!;
        if (owner[pc] !== -1) {
          shadowed ||= owner[pc] !== group;
          continue;
        }
        owner[pc] = group;
        switch (ops[pc]) {
          case op.alt:
          case op.altMatch:
            stack.push(arg[pc]!, out[pc]!);
            break;
          case op.capture:
          case op.nop:
            stack.push(out[pc]!);
            break;
          case op.emptyWidth:
            if ((arg[pc]! & ~assertions) === 0) stack.push(out[pc]!);
            break;
          case op.match: {
            const pattern = arg[pc]!;
            if (group === here || (cls !== classes && notBefore[pattern]?.[cls] === 1)) break;
            if (!this.#checked[pattern] || events.length === passing) match = { group, pattern };
            else events.push({ group, pattern });
            break;
          }
          case op.rune:
            pcs.push(pc);
            groupOf.push(group);
        }
      }
    };

    for (let i = 0; i < state.pcs.length && match === null; i += 1) follow(state.pcs[i]!, state.groupOf[i]!);
    if (state.searching) {
      for (let i = 0; i < starts.length && match === null; i += 1) {
        if (before === atBeginning || notAfter[i]?.[before] !== 1) follow(starts[i]!, here);
      }
    }
    return { pcs, groupOf, events, match: match as Found | null, shadowed };
  }

  /** Sure is what the most preferred thread has found without looking at what comes. */
  #tailOf(state: State): Tail {
    const { op: ops, out, arg, notBefore } = this.#program;
    const seen = new Set<number>();
    const stack: number[] = [];
    for (let i = 0; i < state.pcs.length; i += 1) {
      stack.push(state.pcs[i]!);
      while (stack.length > 0) {
        const pc = stack.pop()!;
        if (seen.has(pc)) continue;
        seen.add(pc);
        const kind = ops[pc]!;
        if (kind === op.match) {
          const pattern = arg[pc]!;
          return notBefore[pattern] === undefined ? { group: state.groupOf[i]!, pattern } : "open";
        }
        if (kind === op.rune || kind === op.emptyWidth) return "open";
        if (kind === op.alt || kind === op.altMatch) stack.push(arg[pc]!, out[pc]!);
        else if (kind === op.capture || kind === op.nop) stack.push(out[pc]!);
      }
    }
    return "open";
  }
}
