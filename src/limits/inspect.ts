import type { CounterPage, InspectQuery } from "../core/limits.ts";
import type { Counter } from "./counters.ts";
import type { Holding } from "./requests.ts";

/** How many counters a page has when nobody says. */
export const pageSize = 100;

/** One page of the counters in memory, in the order of their keys; the cursor is the last key told. */
export function inspectCounters({
  counters,
  holdings,
  owner,
  now,
  prefix = "",
  cursor = "",
  limit = pageSize,
}: InspectQuery & {
  readonly counters: ReadonlyMap<string, Counter>;
  readonly holdings: Iterable<Holding>;
  readonly owner: string;
  readonly now: number;
}): CounterPage {
  const keys: string[] = [];
  for (const [key, counter] of counters) {
    if (key <= cursor || !key.startsWith(prefix) || counter.counted.owner !== owner) continue;
    if (!counter.isIdle(now) && counter.usedAt(now) > 0) keys.push(key);
  }
  keys.sort();
  const page = keys.slice(0, limit);
  const held = new Map<Counter, number>();
  for (const { reservations, cells } of holdings) {
    for (const [i, cell] of cells.entries()) {
      if (cell.isOver(now)) continue;
      held.set(cell.counter, (held.get(cell.counter) ?? 0) + reservations[i]!.amount);
    }
  }
  return {
    counters: page.map((key) => {
      const counter = counters.get(key)!;
      const { unit, window } = counter.counted;
      const used = counter.usedAt(now);
      return {
        ...{ key, unit, window, used, held: held.get(counter) ?? 0 },
        ...{ max: counter.max, resetSeconds: counter.resetSeconds(now) },
      };
    }),
    next: keys.length > limit ? page.at(-1)! : null,
  };
}
