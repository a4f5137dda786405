import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import budget from "../../plugins/budget/plugin.ts";
import rateLimit from "../../plugins/rate_limit/plugin.ts";
import { costNanoUsd, dearestRates } from "../core/cost.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { ModelPrice } from "../core/ports.ts";
import { Snapshot } from "../core/snapshot.ts";
import { createMemoryCounters } from "../limits/memory.ts";
import { instantiate } from "../sdk/instantiate.ts";
import type { Plugin } from "../sdk/plugin.ts";
import { createTestLogger, TestClock } from "../store/testing.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import type { GatewayDeps } from "./deps.ts";
import { plainUsage } from "./facts.ts";
import { actualAmounts, type LimitOutcome, reserveLimits } from "./limits.ts";

const identity = {
  org: { id: "acme", labels: {}, timeZone: "Europe/Berlin" },
  team: { id: "red" },
  app: { id: "chat", name: "Chat", labels: {} },
  env: "prod",
  key: { id: "key_1" },
};
const price: ModelPrice = { input: 2.5, output: 10, cachedInput: 1.25, cacheWrite: 3.75, date: "2026-01-01" };

const noCel = () => {
  throw new Error("no expression is expected");
};
const policy = (id: string, plugin: unknown, config: object): CompiledPolicy => ({
  ...{ id, description: id, mode: "enforce", onError: "deny", priority: 0, scope: {}, uses: "limits" },
  ...instantiate(plugin as Plugin, config, noCel),
});

const metrics = createMetrics({ dropped: () => ({ usage: 0, decision: 0 }) });

/** A gateway's part that reserves and settles, over counters in memory. */
function limiting(...policies: CompiledPolicy[]) {
  const clock = new TestClock();
  const counters = createMemoryCounters({ clock });
  const deps = {
    ...{ counters, clock, logger: createTestLogger() },
    metrics,
  } as unknown as GatewayDeps;
  const rules = new Snapshot("sha256:0", policies).rulesFor(identity, "gpt-4o", "chat");
  let ids = 0;
  return {
    rules,
    reserve(facts: Facts): LimitOutcome {
      ids += 1;
      const outcome = reserveLimits(deps, `req_${ids}`, identity, rules, facts);
      if (outcome instanceof Promise) throw new Error("counters in memory answer at once");
      return outcome;
    },
    settle(outcome: LimitOutcome, prompt: number, completion: number): number {
      const usage = plainUsage(prompt, completion);
      const actual = actualAmounts(usage, costNanoUsd(usage, price), outcome);
      for (const id of outcome.held) counters.settle(id, actual);
      return actual.usd ?? 0;
    },
    counters: () => counters.inspect(identity.org).counters,
    /** What every counter holds, by its unit. */
    used: () => Object.fromEntries(counters.inspect(identity.org).counters.map((one) => [one.unit, one.used])),
  };
}

function asking(prompt: number, max: number): Facts {
  const facts = emptyFacts();
  const { input, output } = dearestRates(price, prompt, false);
  Object.assign(facts.request, {
    ...{ surface: "chat", model: "gpt-4o", estimated_tokens: prompt, choices: 1, priced: true },
    ...{ max_tokens: max, max_tokens_requested: max, input_usd_per_million: input, output_usd_per_million: output },
  });
  return facts;
}

describe("whatever requests come and end in whatever order", () => {
  const request = fc.record({
    prompt: fc.integer({ min: 0, max: 3_000 }),
    max: fc.integer({ min: 1, max: 3_000 }),
    written: fc.double({ min: 0, max: 1, noNaN: true }),
    /** After how many further requests it ends. */
    lasts: fc.integer({ min: 0, max: 12 }),
  });

  test("what is settled never exceeds a budget, and the counters say exactly what was settled", () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), fc.integer({ min: 1, max: 300_000 }), (requests, micro) => {
        const tokensMax = 20_000;
        const { reserve, settle, used } = limiting(
          policy("org/money", budget, { usd_per_day: micro / 1e6 }),
          policy("org/tokens", rateLimit, { windows: [{ every: "day", tokens: tokensMax, requests: 40 }] }),
        );
        let [paid, tokens, passed] = [0, 0, 0];
        const open: { readonly ends: number; close(): void }[] = [];
        const closeUntil = (now: number) => {
          for (const one of open.filter(({ ends }) => ends <= now)) {
            open.splice(open.indexOf(one), 1);
            one.close();
          }
        };
        for (const [i, { prompt, max, written, lasts }] of requests.entries()) {
          closeUntil(i);
          const outcome = reserve(asking(prompt, max));
          if (outcome.findings.some(({ effect }) => effect === "deny")) {
            expect(outcome.held).toEqual([]);
            continue;
          }
          passed += 1;
          const completion = Math.floor(max * written);
          open.push({
            ends: i + lasts,
            close() {
              paid += settle(outcome, prompt, completion);
              tokens += prompt + completion;
            },
          });
        }
        closeUntil(Number.POSITIVE_INFINITY);
        expect(paid).toBeLessThanOrEqual(micro);
        expect(tokens).toBeLessThanOrEqual(tokensMax);
        expect(passed).toBeLessThanOrEqual(40);
        expect({ usd: 0, tokens: 0, requests: 0, ...used() }).toEqual({ usd: paid, tokens, requests: passed });
      }),
    );
  });
});

describe("what a call used is settled", () => {
  const held = { holdsUsd: true, assumedPrice: undefined };

  test("in money where money is held, and else not", () => {
    const tokens = { tokens: 30, prompt_tokens: 10, completion_tokens: 20, concurrency: 0 };
    expect(actualAmounts(plainUsage(10, 20), 225_500, { ...held, holdsUsd: false })).toEqual(tokens);
    expect(actualAmounts(plainUsage(10, 20), 225_500, held)).toEqual({ ...tokens, usd: 226 });
  });

  test("at the price that was assumed where there is no other", () => {
    const assumed = { ...held, assumedPrice: { input: 5, output: 20 } };
    expect(actualAmounts(plainUsage(10, 20), null, assumed).usd).toBe(450);
  });

  test("as it was reserved where nobody knows a price, and as nothing where nothing was used", () => {
    expect(actualAmounts(plainUsage(10, 20), null, held).usd).toBeUndefined();
    expect(actualAmounts(plainUsage(0, 0), null, held).usd).toBe(0);
  });
});

test("of several assumed prices the dearest is settled with", () => {
  const unpriced = asking(1000, 100);
  Object.assign(unpriced.request, { priced: false, input_usd_per_million: 0, output_usd_per_million: 0 });
  const assuming = (input: number, output: number) => ({
    ...{ usd_per_day: 5, onUnpriced: "default" },
    default_price: { input, output },
  });
  const { reserve } = limiting(policy("org/a", budget, assuming(5, 20)), policy("org/b", budget, assuming(8, 10)));
  expect(reserve(unpriced).assumedPrice).toEqual({ input: 8, output: 20 });
});

test("what was reserved and not used returns", () => {
  const { reserve, settle, used } = limiting(policy("org/money", budget, { usd_per_day: 1 }));
  const outcome = reserve(asking(1000, 100));
  expect(used()).toEqual({ usd: 4_750 });
  settle(outcome, 1000, 10);
  expect(used()).toEqual({ usd: 2_600 });
});

test("a limit that is kept from refusing does not end a stream for want of another slice", () => {
  const overridden = {
    ...policy("org/money", budget, { usd_per_day: 1, slice_completion_tokens: 10 }),
    override: () => ({ label: "break-glass", action: "allow" as const }),
  };
  const { reserve } = limiting(overridden);
  const facts = asking(1000, 100);
  facts.request.stream = true;
  const outcome = reserve(facts);
  expect([outcome.held.length, outcome.sliced]).toEqual([1, undefined]);
});

test("figures of a provider's that nobody can have used stay whole numbers that counters can hold", () => {
  const { tokens, prompt_tokens, usd } = actualAmounts(plainUsage(10.2, 1e300), 1e300, {
    holdsUsd: true,
    assumedPrice: undefined,
  });
  expect([prompt_tokens, tokens, usd]).toEqual([11, 1e15, 1e15]);
});

test("one policy that only observes and has no room keeps none of the others from counting", () => {
  const watching = (id: string, requests: number): CompiledPolicy => ({
    ...policy(id, rateLimit, { windows: [{ every: "day", requests }] }),
    mode: "audit",
  });
  const { reserve, counters } = limiting(watching("org/a", 1), watching("org/b", 100));
  for (let i = 0; i < 3; i += 1) expect(reserve(asking(10, 10)).held).toHaveLength(i === 0 ? 2 : 1);
  expect(counters().map(({ key, used }) => `${key.split("|")[1]} ${used}`)).toEqual(["org/a 1", "org/b 3"]);
});

test("a soft budget refuses nothing, whatever is asked for", () => {
  const { reserve, settle, used } = limiting(policy("org/money", budget, { usd_per_day: 1, hard: false }));
  const outcomes = [1, 2, 3].map(() => reserve(asking(10, Number.MAX_SAFE_INTEGER)));
  expect(outcomes.flatMap(({ findings }) => findings.filter(({ effect }) => effect === "deny"))).toEqual([]);
  for (const outcome of outcomes) settle(outcome, 10, 10);
  expect(used()).toEqual({ usd: 3 * 125 });
});
