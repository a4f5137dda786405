import { expect } from "bun:test";
import { randomUUID } from "node:crypto";
import fc from "fast-check";
import type { Counters, InspectedCounter, LimitOwner, LimitUnit, LimitWindow, Reservation } from "../core/limits.ts";
import { TestClock } from "./conformance.ts";

const big = Number.MAX_SAFE_INTEGER;

/**
 * Every kind of window and of unit, small maxima and the largest there are. What can be settled to more than was taken
 * has a maximum that leaves room: beyond 2^53 memory does not count exactly.
 */
const kinds: readonly { readonly unit: LimitUnit; readonly window: LimitWindow; readonly max: number }[] = [
  { unit: "requests", window: { every: "second" }, max: 3 },
  { unit: "requests", window: { every: "minute" }, max: 5 },
  { unit: "requests", window: { every: "hour" }, max: big },
  { unit: "tokens", window: { every: "day" }, max: 60 },
  { unit: "prompt_tokens", window: { every: "week" }, max: 90 },
  { unit: "usd", window: { every: "month" }, max: 2 ** 52 + 1 },
  { unit: "tokens", window: { sliding: 60 }, max: 12 },
  { unit: "requests", window: { sliding: 7 }, max: 4 },
  { unit: "completion_tokens", window: { sliding: 3600 }, max: big },
  { unit: "concurrency", window: { every: "minute" }, max: 3 },
];
const zones = ["UTC", "Asia/Kolkata", "America/New_York"];

const amount = fc.oneof({ weight: 8, arbitrary: fc.nat(8) }, fc.constantFrom(big, big - 1, 2 ** 52 + 1, 10 ** 15));
const id = fc.nat(9);
const wants = fc.array(fc.record({ kind: fc.nat(kinds.length - 1), amount }), { minLength: 1, maxLength: 6 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      id,
      wants,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      id,
      actual: fc.record({ tokens: fc.nat(20), usd: fc.nat(2 ** 40), prompt_tokens: fc.nat(9) }, { requiredKeys: [] }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("extend" as const),
      id,
      more: fc.record({ tokens: fc.nat(9), usd: amount, completion_tokens: amount }, { requiredKeys: [] }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const), kind: fc.nat(kinds.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("inspect" as const) }) },
  // Several at once: where they come together, they are answered one after another.
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("crowd" as const), all: fc.array(wants, { minLength: 2, maxLength: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.oneof(
        fc.nat(1000),
        fc.nat(70_000),
        fc.constantFrom(1, 116, 117, 999, 7_000, 59_999, 60_000, 61_000, 100_000, 100_001, 3_600_000, 86_400_000),
      ),
    }),
  },
);

/**
 * Plays random steps, leases that end among them, against two adapters with one clock and compares every answer whole.
 *
 * @param open makes both; their keys are new each time
 */
export async function compareProperty(
  open: (clock: TestClock, leaseSeconds: number) => { left: Counters; right: Counters },
  { numRuns = 100, seed }: { numRuns?: number; seed?: number } = {},
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 80, size: "max" }),
      fc.constantFrom(...zones),
      async (steps, timeZone) => {
        const clock = new TestClock("2026-03-07T22:58:57.250Z");
        const both = open(clock, 100);
        const prefix = randomUUID();
        const owner = { id: "acme", timeZone };
        /** How many requests an id has stood for: ids are not used again once their request ended. */
        const ended = new Map<number, number>();
        const name = (id: number) => `${prefix}-${id}.${ended.get(id) ?? 0}`;
        const reservationsOf = (wants: readonly { readonly kind: number; readonly amount: number }[]): Reservation[] =>
          wants.map(({ kind, amount }) => ({
            ...kinds[kind]!,
            key: `${prefix}|${kind}`,
            amount,
            onStoreDown: "deny",
          }));
        const bothOf = async <T>(ask: (side: Counters) => T | Promise<T>): Promise<[T, T]> => [
          await ask(both.left),
          await ask(both.right),
        ];
        let crowds = 0;
        const renew = (id: number) => ended.set(id, (ended.get(id) ?? 0) + 1);
        try {
          for (const one of steps) {
            if (one.do === "advance") clock.advance(one.ms);
            else if (one.do === "settle") {
              for (const side of [both.left, both.right]) await side.settle(name(one.id), one.actual);
              renew(one.id);
            } else if (one.do === "release") {
              for (const side of [both.left, both.right]) await side.release(name(one.id));
              renew(one.id);
            } else if (one.do === "extend") {
              const [left, right] = await bothOf((side) => side.extend(name(one.id), one.more));
              expect(left).toEqual(right);
            } else if (one.do === "reset") {
              const [left, right] = await bothOf((side) => side.reset(owner, `${prefix}|${one.kind}`));
              expect(left).toEqual(right);
            } else if (one.do === "inspect") {
              const [left, right] = await bothOf((side) => inspectAll(side, owner, prefix));
              expect(left).toEqual(right);
            } else if (one.do === "crowd") {
              crowds += 1;
              const [left, right] = await bothOf((side) =>
                Promise.all(
                  one.all.map((wants, i) =>
                    side.reserve(`${prefix}-crowd${crowds}.${i}`, owner, reservationsOf(wants)),
                  ),
                ),
              );
              expect(left).toEqual(right);
            } else {
              const reservations = reservationsOf(one.wants);
              const [left, right] = await bothOf((side) => side.reserve(name(one.id), owner, reservations));
              expect(left).toEqual(right);
              if (!left.granted) renew(one.id);
            }
          }
        } finally {
          await both.left.close();
          await both.right.close();
        }
      },
    ),
    { numRuns, ...(seed !== undefined && { seed }) },
  );
}

async function inspectAll(counters: Counters, owner: LimitOwner, prefix: string): Promise<InspectedCounter[]> {
  const all = new Map<string, InspectedCounter>();
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await counters.inspect(owner, { prefix, limit: 1000, ...(cursor && { cursor }) });
    for (const one of page.counters) all.set(one.key, one);
    cursor = page.next;
  }
  return [...all.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
