import { RE2JS } from "re2js";
import { maxPatternSource } from "./pattern.ts";

/** One expression of a {@link ScanProgram}. */
export interface ProgramPattern {
  /** In RE2's syntax. */
  readonly pattern: string;
  /** A class such as `[0-9.]`: no match begins after such a character. */
  readonly notAfter?: string;
  /** A class: no match ends before such a character. */
  readonly notBefore?: string;
}

/** What an instruction does. The numbers are the engine's. */
export const op = { alt: 1, altMatch: 2, capture: 3, emptyWidth: 4, match: 6, nop: 7, rune: 8 } as const;

/** What an assertion asks for. The numbers are the engine's. */
export const assertion = { beginLine: 1, endLine: 2, beginText: 4, endText: 8, word: 16, noWord: 32 } as const;

/** Several expressions as one list of instructions, with the classes of characters that they tell apart. */
export interface ScanProgram {
  readonly op: Uint8Array;
  readonly out: Int32Array;
  /** The other way of an alternative, what an assertion asks for, or of a match the index of its expression. */
  readonly arg: Int32Array;
  /** By instruction that takes a character: which classes it takes. */
  readonly takes: readonly (Uint8Array | undefined)[];
  /** Where each expression begins; in order of preference. */
  readonly starts: readonly number[];
  readonly classes: number;
  /** By class. */
  readonly isWord: Uint8Array;
  readonly isNewline: Uint8Array;
  /** By expression, by class; absent where there is no such condition. */
  readonly notAfter: readonly (Uint8Array | undefined)[];
  readonly notBefore: readonly (Uint8Array | undefined)[];
  /** Whether what stands before a place matters for more than the characters already taken. */
  readonly looksBehind: boolean;
  /** The class of a code point. */
  classOf(codePoint: number): number;
  /** Classes of the code points below 128. */
  readonly ascii: Uint16Array;
  /** Most UTF-16 units of a match, or infinity. */
  readonly longest: number;
}

/** Most instructions of a program: what bounds the time to make one state of its automaton. */
const maxInstructions = 32_000;

/** The engine's instructions, as far as they are read here. Undocumented, so the engine's version is pinned and a test watches this. */
interface Inst {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  matchRune(codePoint: number): boolean;
}
interface Automaton {
  readonly failed: boolean;
  readonly classBounds: ArrayLike<number>;
  readonly prog: { readonly start: number; numInst(): number; getInst(pc: number): Inst };
}

const runeAny = 10;
const runeAnyNotNewline = 11;
const lastOp = 11;

/**
 * Compiles expressions into one program.
 *
 * @throws Error with a sentence for people when one of them is not valid or too large
 */
export function scanProgram(patterns: readonly ProgramPattern[]): ScanProgram {
  const automata = patterns.map(({ pattern }) => automatonOf(pattern));
  const behind = patterns.map(({ notAfter }) => (notAfter === undefined ? undefined : classPredicate(notAfter)));
  const ahead = patterns.map(({ notBefore }) => (notBefore === undefined ? undefined : classPredicate(notBefore)));
  const bounds = new Set<number>([10, 11]);
  for (const [low, high] of [
    [48, 58],
    [65, 91],
    [95, 96],
    [97, 123],
  ] as const)
    bounds.add(low).add(high);
  for (const { classBounds } of automata) for (const bound of Array.from(classBounds)) bounds.add(bound);
  for (const set of [...behind, ...ahead]) for (const bound of set?.bounds ?? []) bounds.add(bound);
  bounds.delete(0);
  const sorted = Int32Array.from(bounds).sort();
  const samples = [0, ...sorted];

  const total = automata.reduce((sum, { prog }) => sum + prog.numInst(), 0);
  if (total > maxInstructions)
    throw new Error(`the patterns compile to ${total} instructions, the most is ${maxInstructions}`);
  const ops = new Uint8Array(total);
  const out = new Int32Array(total);
  const arg = new Int32Array(total);
  const takes: (Uint8Array | undefined)[] = [];
  const starts: number[] = [];
  let base = 0;
  let assertions = false;
  for (const [index, { prog }] of automata.entries()) {
    starts.push(base + prog.start);
    for (let pc = 0; pc < prog.numInst(); pc += 1) {
      const inst = prog.getInst(pc);
      const at = base + pc;
      ops[at] = Math.min(inst.op, op.rune);
      out[at] = base + inst.out;
      arg[at] =
        inst.op === op.match ? index : inst.op === op.alt || inst.op === op.altMatch ? base + inst.arg : inst.arg;
      assertions ||= inst.op === op.emptyWidth;
      takes.push(inst.op >= op.rune && inst.op <= lastOp ? taken(inst, samples) : undefined);
    }
    base += prog.numInst();
  }
  const byClass = (test: (codePoint: number) => boolean) => Uint8Array.from(samples, (one) => Number(test(one)));
  const classOf = (codePoint: number) => search(sorted, codePoint);
  return {
    op: ops,
    out,
    arg,
    takes,
    starts,
    classes: samples.length,
    isWord: byClass((one) => one < 128 && /\w/.test(String.fromCharCode(one))),
    isNewline: byClass((one) => one === 10),
    notAfter: behind.map((set) => set && byClass(set.test)),
    notBefore: ahead.map((set) => set && byClass(set.test)),
    looksBehind: assertions || behind.some((set) => set !== undefined),
    classOf,
    ascii: Uint16Array.from({ length: 128 }, (_, code) => classOf(code)),
    longest: longest(ops, out, arg, takes, starts, samples),
  };
}

function automatonOf(source: string): Automaton {
  if (source.length > maxPatternSource) {
    throw new Error(`a pattern of ${source.length} characters is too long; the most is ${maxPatternSource}`);
  }
  let program: RE2JS;
  try {
    program = RE2JS.compile(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, "") : String(cause);
    throw new Error(`the pattern is not a valid RE2 expression: ${reason}`, { cause });
  }
  const automaton = (program as unknown as { re2Input: { dfa: Automaton } }).re2Input.dfa;
  if (automaton.failed) throw new Error("the pattern is not a valid RE2 expression: lookbehind is not part of it");
  if (program.test("")) throw new Error("the pattern matches the empty text, and so every text");
  return automaton;
}

/** A class of characters, with the bounds at which it changes. */
function classPredicate(source: string) {
  const { classBounds, prog } = automatonOf(source);
  const insts = Array.from({ length: prog.numInst() }, (_, pc) => prog.getInst(pc)).filter((one) => one.op >= op.rune);
  if (insts.length !== 1) throw new Error(`'${source}' is not a class of characters`);
  return { bounds: Array.from(classBounds), test: (codePoint: number) => matches(insts[0]!, codePoint) };
}

function matches(inst: Inst, codePoint: number): boolean {
  if (inst.op === runeAny) return true;
  return inst.op === runeAnyNotNewline ? codePoint !== 10 : inst.matchRune(codePoint);
}

function taken(inst: Inst, samples: readonly number[]): Uint8Array {
  return Uint8Array.from(samples, (one) => Number(matches(inst, one)));
}

/** How many of the bounds are not above the code point. */
function search(bounds: Int32Array, codePoint: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bounds[middle]! <= codePoint) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The longest way through the instructions, in UTF-16 units; infinity where there is a way back. */
function longest(
  ops: Uint8Array,
  out: Int32Array,
  arg: Int32Array,
  takes: readonly (Uint8Array | undefined)[],
  starts: readonly number[],
  samples: readonly number[],
): number {
  const units = new Map<Uint8Array, number>();
  const unitsOf = (pc: number) => {
    const set = takes[pc]!;
    // A class reaches up to the next one's sample, so the last one below 65,536 may reach above it.
    const wide = set.some((one, i) => one === 1 && (samples[i + 1] ?? 0x110000) > 0x10000);
    const known = units.get(set) ?? (wide ? 2 : 1);
    units.set(set, known);
    return known;
  };
  const done = new Map<number, number>();
  const open = new Set<number>();
  const stack = [...starts];
  // Depth first without recursion: an instruction is finished when it is met again on top of what follows it.
  while (stack.length > 0) {
    const pc = stack[stack.length - 1]!;
    if (done.has(pc)) {
      stack.pop();
      continue;
    }
    const kind = ops[pc]!;
    const next = kind === op.match || kind === 5 ? [] : kind <= op.altMatch ? [out[pc]!, arg[pc]!] : [out[pc]!];
    if (!open.has(pc)) {
      open.add(pc);
      for (const one of next) {
        if (open.has(one) && !done.has(one)) return Number.POSITIVE_INFINITY;
        stack.push(one);
      }
      continue;
    }
    stack.pop();
    open.delete(pc);
    done.set(pc, Math.max(0, ...next.map((one) => done.get(one)!)) + (takes[pc] === undefined ? 0 : unitsOf(pc)));
  }
  return Math.max(...starts.map((pc) => done.get(pc)!));
}
