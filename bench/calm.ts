import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import type { LoadResult } from "./load.ts";

/** Share of the processors' time that a machine's host may take from it before what was measured says nothing. */
const mostStolen = 0.02;

/**
 * Milliseconds that the host of this machine gave to others while something here wanted to run, of all processors together;
 * always 0 where the system does not tell ("steal" in /proc/stat, in hundredths of a second; man proc_stat).
 */
function stolenMs(): number {
  try {
    const [, , , , , , , , stolen = "0"] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/);
    return Number(stolen) * 10;
  } catch {
    return 0;
  }
}

/** A slice of each of two, one right after the other. */
export type Turn<N extends string> = Readonly<Record<N, LoadResult>>;

/** How long is measured. */
export interface Turns {
  /** Calm turns that do. */
  readonly enough: number;
  /** Turns at most. */
  readonly most: number;
}

/** What was measured while the machine had its processors for itself. */
export interface Calm<N extends string> {
  readonly turns: readonly Turn<N>[];
  /** How many turns of these were calm, and of how many they are the calmest. */
  readonly calm: number;
  readonly of: number;
}

/**
 * Measures two in turns, in short slices, and leaves out the turns in which the host took time away: such a pause is as
 * long as all the rest together, and strikes whoever runs more. The order is turned round each time, so that a drift of the
 * machine favours neither. Goes on until there are enough calm turns; where that takes too long, those with the least
 * pauses are taken.
 */
export async function inCalm<N extends string>(
  names: readonly [N, N],
  { enough, most }: Turns,
  run: (target: N) => Promise<LoadResult>,
): Promise<Calm<N>> {
  const all: { readonly turn: Turn<N>; readonly stolen: number }[] = [];
  const calm = () => all.filter(({ stolen }) => stolen <= mostStolen).length;
  while (all.length < most && calm() < enough) {
    const turn: Partial<Record<N, LoadResult>> = {};
    let stolen = 0;
    for (const name of all.length % 2 === 0 ? names : names.toReversed()) {
      const before = stolenMs();
      const result = await run(name);
      if (result.errors > 0) throw new Error(`${name}: ${result.errors} of ${result.requests} answers were not 200`);
      stolen = Math.max(stolen, (stolenMs() - before) / (result.seconds * 1000 * cpus().length));
      turn[name] = result;
    }
    all.push({ turn: turn as Turn<N>, stolen });
  }
  const calmest = all.toSorted((a, b) => a.stolen - b.stolen).slice(0, enough);
  return { turns: calmest.map(({ turn }) => turn), calm: Math.min(enough, calm()), of: all.length };
}

/** Says how calm the machine was. */
export function noteOf({ turns, calm, of }: Calm<string>): string {
  return `the ${turns.length} calmest turns of ${of}${calm < turns.length ? `, ${calm} of them calm` : ""}`;
}

/** The middle of some figures. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which such a share of some figures lies, between two of them if need be. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}
