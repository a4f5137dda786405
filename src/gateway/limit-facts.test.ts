import { expect, test } from "bun:test";
import type { LimitRequest } from "../core/limits.ts";
import { limitFacts, type ReservedLimit } from "./limit-facts.ts";

const reserved = (policy: string, used: number, limit: Partial<LimitRequest> = {}): ReservedLimit => ({
  policy,
  used,
  limit: {
    ...{ name: "tokens/day", per: ["app"], unit: "tokens", window: { every: "day" }, max: 1000, amount: 100 },
    onStoreDown: "local",
    ...limit,
  },
});
const money = { unit: "usd", max: 2_000_000, amount: 500_000 } as const;

test("limits stand by the names of their policies, budgets in money apart", () => {
  const all = [reserved("org/rate-limit", 400), reserved("teams/red/team-budget.v2", 1_500_000, money)];
  expect(limitFacts(all)).toEqual({
    limits: { used: { rate_limit: 400 }, limit: { rate_limit: 1000 }, remaining: { rate_limit: 600 } },
    budget: {
      spent_usd: { team_budget_v2: 1.5 },
      limit_usd: { team_budget_v2: 2 },
      fraction: { team_budget_v2: 0.75 },
    },
  });
});

test("once it is known what the call used, that counts instead of what it reserved", () => {
  const all = [reserved("org/rate", 400), reserved("org/money", 1_500_000, money)];
  const { limits, budget } = limitFacts(all, { tokens: 10, usd: 100_000 });
  expect([limits.used.rate, budget.spent_usd.money]).toEqual([310, 1.1]);
  // A unit that is not settled stays as it was reserved.
  expect(limitFacts(all, {}).limits.used.rate).toBe(400);
});

test("of several limits of one name the tightest is told", () => {
  const all = [
    reserved("org/rate", 400),
    reserved("apps/chat/rate", 30, { unit: "requests", max: 50, amount: 1 }),
    reserved("org/rate", 500),
  ];
  expect(limitFacts(all).limits).toEqual({ used: { rate: 30 }, limit: { rate: 50 }, remaining: { rate: 20 } });
});

test("a limit that is passed has nothing left", () => {
  const { limits, budget } = limitFacts([reserved("org/rate", 1200), reserved("org/money", 3_000_000, money)]);
  expect([limits.remaining.rate, budget.fraction.money]).toEqual([0, 1.5]);
});

test("without limits there is nothing to read", () => {
  expect(limitFacts([])).toEqual({
    limits: { used: {}, limit: {}, remaining: {} },
    budget: { spent_usd: {}, limit_usd: {}, fraction: {} },
  });
});
