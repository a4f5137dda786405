import { expect, test } from "bun:test";
import type { Counters, LimitRequest, Reservation } from "../core/limits.ts";
import type { CompiledPolicy, RuleHit } from "../core/policy.ts";
import { createMemoryCounters } from "../limits/memory.ts";
import { createTestLogger, TestClock } from "../store/testing.ts";
import { Allowance, type SlicedLimit } from "./allowance.ts";

const owner = { id: "acme", timeZone: "UTC" };
const logger = createTestLogger();

const policy = (id: string): CompiledPolicy => ({
  ...{ id, description: id, mode: "enforce", onError: "deny", priority: 0, scope: {}, uses: "rate_limit" },
  ...{ reads: [], evaluate: {} },
  limitHit: (limit, { used, resetSeconds }): RuleHit => ({
    ...{ rule: "noRoom", effect: "deny", code: "rate_limit_exceeded", status: 429 },
    message: `${used} of ${limit.max}, ${limit.amount} more, ${resetSeconds} s`,
  }),
});

const limited = (name: string, more: Partial<LimitRequest>, used = 0): SlicedLimit => ({
  policy: policy(`org/${name}`),
  limit: {
    ...{ name, per: ["app"], unit: "tokens", window: { every: "day" }, max: 1000, amount: 150, onStoreDown: "deny" },
    ...{ slice: 100, sliceTokens: 100 },
    ...more,
  },
  standing: { used, resetSeconds: 60 },
});

/** An allowance over counters that hold its limits. */
function granted(...limits: SlicedLimit[]) {
  const counters = createMemoryCounters({ clock: new TestClock() });
  const reservations = limits.map(({ limit }): Reservation => ({ ...limit, key: limit.name }));
  expect(counters.reserve("req", owner, reservations).granted).toBe(true);
  return { counters, reservations, allowance: new Allowance({ counters, logger }, "req", limits) };
}

test("an answer is extended by slices for as long as they fit", () => {
  const { allowance } = granted(limited("a", {}));
  const steps: number[] = [allowance.tokens];
  while (allowance.extend() === true) steps.push(allowance.tokens);
  // 150 and eight times 100 of 1,000.
  expect(steps).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
  expect(allowance.extend()).toBe(false);
  expect(allowance.tokens).toBe(900);
});

test("of several limits all must have room, each in its own unit", () => {
  const money = limited("money", { unit: "usd", max: 5_000, amount: 1_500, slice: 1_000 });
  const { allowance, counters, reservations } = granted(limited("a", {}), money);
  const steps: boolean[] = [];
  for (let i = 0; i < 5; i += 1) steps.push(allowance.extend() as boolean);
  expect(steps).toEqual([true, true, true, false, false]);
  const { states } = counters.reserve(
    "probe",
    owner,
    reservations.map((one) => ({ ...one, amount: 0 })),
  );
  expect(states.map(({ used }) => used)).toEqual([450, 4_500]);
});

test("of several slices the smallest is what is paid for", () => {
  const { allowance } = granted(limited("a", {}), limited("b", { amount: 90, slice: 40, sliceTokens: 40 }));
  expect(allowance.tokens).toBe(40);
  allowance.extend();
  expect(allowance.tokens).toBe(80);
});

test("the end is told in the words of the limit that had least left", () => {
  const { allowance } = granted(limited("a", {}, 150), limited("b", {}, 700));
  expect(allowance.finding()).toMatchObject({
    policy: "org/b",
    rule: "noRoom",
    effect: "deny",
    message: "1000 of 1000, 100 more, 60 s",
  });
});

test("counters that answer later, and counters that fail, are waited for and survived", async () => {
  const answering = (extend: Counters["extend"]) => {
    const { counters } = granted(limited("a", {}));
    return new Allowance({ counters: { ...counters, extend }, logger }, "req", [limited("a", {})]);
  };
  const later = answering(() => Promise.resolve(true));
  expect(await later.extend()).toBe(true);
  expect(later.tokens).toBe(200);
  const failing = [
    () => Promise.reject(new Error("away")),
    () => {
      throw new Error("away");
    },
  ];
  for (const extend of failing) {
    const allowance = answering(extend);
    expect(await allowance.extend()).toBe(false);
    expect(allowance.tokens).toBe(100);
  }
});
