import { inCalm, median, noteOf, quantile, type Turn, type Turns } from "./calm.ts";
import { runner, Servers, type Target, connections as usual } from "./servers.ts";

/** How the throughput of two servers is compared. */
export interface Comparison<N extends string> {
  /** The one that is judged, and its yardstick. */
  readonly names: readonly [N, N];
  /** Starts both. */
  readonly begin: (servers: Servers) => Promise<Readonly<Record<N, Target>>>;
  /** What every request asks. */
  readonly body: string;
  /** Requests that each answers first: a server that has run for a minute is measured, not one just started. */
  readonly warmUp: number;
  /** Requests under way at once, where it is not the usual number. */
  readonly connections?: number;
  readonly quick: boolean;
}

/** What came of it. */
export interface Throughput<N extends string> {
  /** Answers a second, in the middle of all turns. */
  readonly perSecond: Readonly<Record<N, number>>;
  /** Of the judged one to its yardstick, in the middle of all turns. */
  readonly ratio: number;
  readonly note: string;
}

/**
 * Compares how many answers a second two servers give, on a machine that they have to themselves, in turns of two slices.
 *
 * The ratio is taken within each turn: a processor's speed drifts by more than what is looked for. And both are started
 * anew several times: as the compiler and the heap happen to turn out, the same code differs by 8 % between processes, for
 * as long as they live.
 */
export async function compareThroughput<N extends string>(comparison: Comparison<N>): Promise<Throughput<N>> {
  const { names, begin, body, warmUp, connections = usual, quick } = comparison;
  const times = quick ? 1 : 3;
  const turns: Turn<N>[] = [];
  let [calm, of] = [0, 0];
  for (let time = 0; time < times; time += 1) {
    await using servers = new Servers();
    const run = runner(await begin(servers), body);
    for (const name of names) await run(name, { requests: warmUpOf(warmUp, quick) });
    const measured = await inCalm(names, turnsOf(quick), (name) =>
      run(name, { connections, seconds: secondsOf(quick) }),
    );
    turns.push(...measured.turns);
    calm += measured.calm;
    of += measured.of;
  }
  const [judged, yardstick] = names;
  const middleOf = (name: N) => median(turns.map((turn) => turn[name].perSecond));
  const ratios = turns.map((turn) => turn[judged].perSecond / turn[yardstick].perSecond);
  const middle = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2)).join(" to ");
  return {
    perSecond: { [judged]: middleOf(judged), [yardstick]: middleOf(yardstick) } as Record<N, number>,
    ratio: median(ratios),
    note: `half are ${middle}; ${noteOf({ turns, calm, of })}; started ${times} times`,
  };
}

/** Requests that a server answers before it is measured. */
export function warmUpOf(full: number, quick: boolean): number {
  return quick ? full / 20 : full;
}

/** How long a slice is by which throughput is compared. */
export function secondsOf(quick: boolean): number {
  return quick ? 0.4 : 2;
}

/** How many of them there are. A quick run shows that all of it works, and little more. */
export function turnsOf(quick: boolean): Turns {
  return quick ? { enough: 1, most: 1 } : { enough: 6, most: 9 };
}
