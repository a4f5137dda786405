import { expect } from "bun:test";
import type { Counters, LimitWindow } from "../core/limits.ts";
import type { TestClock } from "./conformance.ts";

const owner = { id: "acme", timeZone: "UTC" };
const max = 100;

/** A use that was granted. */
interface Use {
  readonly at: number;
  readonly amount: number;
}

/** Times and amounts that look random and are the same in every run. */
function* arrivals(count: number, meanMs: number): Generator<{ readonly waitMs: number; readonly amount: number }> {
  let state = 20_260_310;
  const next = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (let i = 0; i < count; i += 1)
    yield { waitMs: Math.floor(next() * 2 * meanMs), amount: 1 + Math.floor(next() * 5) };
}

/**
 * Asks a counter for more than it has, for many windows, and compares each answer with a list of all uses.
 *
 * - A calendar window answers exactly as the list does, always.
 * - A sliding window of length L never grants what the list refuses. It refuses what the list of the last L would grant
 *   only where the list of the last L + L/60 would refuse it too, because room comes back up to a sixtieth late. So of
 *   what is possible it grants at least 60/61 in the long run, 98.4 %.
 *
 * @returns what was granted, in units, and what a list of the last L alone would have
 */
export async function accuracy(
  { clock, counters, key }: { readonly clock: TestClock; readonly counters: Counters; readonly key: string },
  window: LimitWindow,
  requests = 1_000,
  meanMs = 60,
): Promise<{ readonly granted: number; readonly possible: number }> {
  const uses: Use[] = [];
  const exact: Use[] = [];
  const used = (list: readonly Use[], since: number) => {
    let sum = 0;
    for (let i = list.length - 1; i >= 0 && list[i]!.at > since; i -= 1) sum += list[i]!.amount;
    return sum;
  };
  let i = 0;
  for (const { waitMs, amount } of arrivals(requests, meanMs)) {
    clock.advance(waitMs);
    i += 1;
    const now = clock.now();
    const reservation = { key, unit: "tokens", window, max, amount, onStoreDown: "deny" } as const;
    const { granted } = await counters.reserve(`${key}-${i}`, owner, [reservation]);
    if ("every" in window) {
      const start = Math.floor(now / 1000) * 1000;
      expect(granted, `request ${i}`).toBe(used(uses, start - 1) + amount <= max);
    } else {
      const length = window.sliding * 1000;
      if (granted) expect(used(uses, now - length) + amount, `request ${i}`).toBeLessThanOrEqual(max);
      else expect(used(uses, now - length - length / 60) + amount, `request ${i}`).toBeGreaterThan(max);
      if (used(exact, now - length) + amount <= max) exact.push({ at: now, amount });
    }
    if (granted) uses.push({ at: now, amount });
  }
  return { granted: used(uses, Number.NEGATIVE_INFINITY), possible: used(exact, Number.NEGATIVE_INFINITY) };
}
