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

/** What was measured while the machine had its processors for itself. */
export interface Calm<N extends string> {
  readonly results: Readonly<Record<N, readonly LoadResult[]>>;
  /** How many slices there are of each, and of how many. */
  readonly note: string;
}

/**
 * Measures in turns, in short slices, and leaves out those in which the host took time away: such a pause is as long as all
 * the rest together, and strikes whoever runs more. The order is turned round each time, so that a drift of the machine
 * favours neither. Goes on until there are enough calm slices of both; where that takes too long, those with the least
 * pauses are taken, and the note says so.
 *
 * @param enough slices of each
 * @param most turns at most
 */
export async function inCalm<N extends string>(
  names: readonly [N, N],
  { enough, most }: { readonly enough: number; readonly most: number },
  run: (target: N) => Promise<LoadResult>,
): Promise<Calm<N>> {
  const slices = names.map((name) => ({ name, all: [] as { readonly stolen: number; readonly result: LoadResult }[] }));
  const isCalm = ({ stolen }: { readonly stolen: number }) => stolen <= mostStolen;
  let turns = 0;
  for (; turns < most && slices.some(({ all }) => all.filter(isCalm).length < enough); turns += 1) {
    for (const { name, all } of turns % 2 === 0 ? slices : slices.toReversed()) {
      const before = stolenMs();
      const result = await run(name);
      if (result.errors > 0) throw new Error(`${name}: ${result.errors} of ${result.requests} answers were not 200`);
      all.push({ stolen: (stolenMs() - before) / (result.seconds * 1000 * cpus().length), result });
    }
  }
  const calm = Math.min(...slices.map(({ all }) => all.filter(isCalm).length));
  const results: Partial<Record<N, readonly LoadResult[]>> = {};
  for (const { name, all } of slices) {
    const calmest = all.toSorted((a, b) => a.stolen - b.stolen);
    results[name] = calmest.slice(0, Math.max(enough, calm)).map(({ result }) => result);
  }
  return {
    results: results as Record<N, readonly LoadResult[]>,
    note: calm < enough ? `only ${calm} of ${turns} slices were calm` : `the ${calm} calmest slices of ${turns}`,
  };
}

/** Answers a second, in the middle of these slices. */
export function perSecond(results: readonly LoadResult[]): number {
  return median(results.map((result) => result.perSecond));
}

/** The middle of some figures. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
