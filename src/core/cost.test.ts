import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { costNanoUsd, dearestRates, estimateMicroUsd, toMicroUsd } from "./cost.ts";
import type { ModelPrice } from "./ports.ts";
import type { TokenUsage } from "./wire.ts";

function price(over: Partial<ModelPrice> = {}): ModelPrice {
  return { input: 2.5, output: 10, cachedInput: 1.25, cacheWrite: null, date: "2026-05-18", ...over };
}

function usage(prompt: number, completion: number, cached: number | null = null, written: number | null = null) {
  return {
    promptTokens: prompt,
    completionTokens: completion,
    totalTokens: prompt + completion,
    cachedTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: null,
  } satisfies TokenUsage;
}

const none = { cachedInput: null, cacheWrite: null };
const tiered = price({
  tiers: [
    { ...none, above: 200, input: 5, output: 15, cachedInput: 0.5 },
    { ...none, above: 400, input: 7, output: 20 },
  ],
});

describe("the cost of a call", () => {
  test.each([
    ["nothing used costs nothing", usage(0, 0), price(), 0],
    ["what no number holds exactly is cut to what one does", usage(2 ** 52, 2 ** 52), price(), Number.MAX_SAFE_INTEGER],
    ["prompt and completion have each their price", usage(1000, 500), price(), 2_500_000 + 5_000_000],
    ["cached tokens are a part of the prompt at their own price", usage(1000, 0, 400), price(), 1_500_000 + 500_000],
    ["without a cached price they cost as input", usage(1000, 0, 400), price({ cachedInput: null }), 2_500_000],
    ["tokens written to the cache have their price", usage(1000, 0, 0, 200), price({ cacheWrite: 3.75 }), 2_750_000],
    ["without a write price they cost as input", usage(1000, 0, 100, 200), price(), 2_250_000 + 125_000],
    [
      "what a provider charges for is what it costs, where it tells that apart",
      { ...usage(1000, 500, 900), billed: { promptTokens: 10, completionTokens: 4 } },
      price(),
      25_000 + 40_000,
    ],
    ["a price of 0.003625 is exact", usage(1, 0, 1), price({ cachedInput: 0.003625 }), 4],
    [
      "a million tokens at 0.003625 are 3625 micro-dollars",
      usage(1e6, 0, 1e6),
      price({ cachedInput: 0.003625 }),
      3_625_000,
    ],
    ["half a nano-dollar is rounded up", usage(1, 0), price({ input: 0.0005 }), 1],
    ["less than half is rounded down", usage(1, 0), price({ input: 0.000499 }), 0],
    ["it is rounded once, at the end", usage(1, 1), price({ input: 0.0004, output: 0.0004 }), 1],
    ["prices in exponent notation are read", usage(1e7, 0), price({ input: 1e-7 }), 1000],
    ["more cached tokens than the prompt are cut to it", usage(10, 0, 50, 50), price({ cacheWrite: 100 }), 12_500],
    [
      "what is written to be kept for long has its price",
      { ...usage(1000, 0, 0, 300), cacheWriteLongTokens: 200 },
      price({ cacheWrite: 4, cacheWriteLong: 6 }),
      700 * 2_500 + 100 * 4_000 + 200 * 6_000,
    ],
    [
      "without one it costs as what is written",
      { ...usage(1000, 0, 0, 300), cacheWriteLongTokens: 900 },
      price({ cacheWrite: 4 }),
      700 * 2_500 + 300 * 4_000,
    ],
    [
      "reasoning is a part of the completion at its own price",
      { ...usage(0, 500), reasoningTokens: 200 },
      price({ reasoning: 20 }),
      300 * 10_000 + 200 * 20_000,
    ],
    ["without one it costs as the rest", { ...usage(0, 500), reasoningTokens: 900 }, price(), 5_000_000],
    ["a prompt at the bound costs as a short one", usage(200, 10), tiered, 200 * 2_500 + 10 * 10_000],
    ["a long prompt makes the whole call dearer", usage(201, 10, 100), tiered, 101 * 5_000 + 100 * 500 + 10 * 15_000],
    ["a longer one more so", usage(401, 0, 100), tiered, 401 * 7_000],
    ["counts that are no counts are nothing", usage(Number.NaN, -5), price(), 0],
  ])("%s", (_name, used, at, nano) => {
    expect(costNanoUsd(used, at)).toBe(nano);
  });

  test("it equals the rational sum, rounded half up", () => {
    // Prices as integers of 10^-6 USD, so that the reference needs no decimal parsing of its own.
    const micro = fc.integer({ min: 0, max: 500_000_000 });
    const count = fc.integer({ min: 0, max: 5_000_000 });
    fc.assert(
      fc.property(micro, micro, fc.option(micro), fc.option(micro), count, count, count, count, (i, o, c, w, ...t) => {
        const at = {
          input: i / 1e6,
          output: o / 1e6,
          cachedInput: c === null ? null : c / 1e6,
          cacheWrite: w === null ? null : w / 1e6,
          date: "2026-01-01",
        };
        const [fresh, cached, written, completion] = t;
        const sum =
          BigInt(fresh) * BigInt(i) +
          BigInt(cached) * BigInt(c ?? i) +
          BigInt(written) * BigInt(w ?? i) +
          BigInt(completion) * BigInt(o);
        const nano = costNanoUsd(usage(fresh + cached + written, completion, cached, written), at);
        expect(BigInt(nano)).toBe((sum + 500n) / 1000n);
      }),
    );
  });

  test("what one side pays, two halves of it pay, but for rounding", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), (a, b) => {
        const at = price();
        const whole = costNanoUsd(usage(a + b, 0), at);
        expect(Math.abs(whole - costNanoUsd(usage(a, 0), at) - costNanoUsd(usage(b, 0), at))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("what is reserved for a call", () => {
  test.each([
    ["is what its tokens cost, in micro-dollars", 1000, 500, { input: 2.5, output: 10 }, 7_500],
    ["is rounded up", 1, 0, { input: 0.0001, output: 0 }, 1],
    ["is not rounded where it is whole", 30, 70, { input: 0.1, output: 0.7 }, 52],
    ["is exact where numbers are not", 2 ** 50, 2 ** 50, { input: 0.25, output: 0.75 }, 2 ** 50],
    ["is nothing where nothing is asked", 0, 0, { input: 75, output: 150 }, 0],
  ])("%s", (_name, prompt, completion, rates, micro) => {
    expect(estimateMicroUsd(prompt, completion, rates)).toBe(micro);
  });

  test.each([
    ["the price of input and output", price(), 10, false, { input: 2.5, output: 10 }],
    [
      "what writing to the cache costs, where that is more",
      price({ cacheWrite: 4 }),
      10,
      false,
      { input: 4, output: 10 },
    ],
    ["input, where writing costs less", price({ cacheWrite: 2 }), 10, false, { input: 2.5, output: 10 }],
    ["keeping for long, when that is asked for", price({ cacheWriteLong: 5 }), 10, true, { input: 5, output: 10 }],
    ["not keeping for long, when it is not", price({ cacheWriteLong: 5 }), 10, false, { input: 2.5, output: 10 }],
    ["input, where nothing is known of keeping", price(), 10, true, { input: 2.5, output: 10 }],
    ["reasoning, where that is more", price({ reasoning: 11 }), 10, false, { input: 2.5, output: 11 }],
    ["the tier of the prompt", tiered, 300, false, { input: 5, output: 15 }],
  ])("the dearest that a token can cost is %s", (_name, at, prompt, long, rates) => {
    expect(dearestRates(at, prompt, long)).toEqual(rates);
  });

  test("is never less than what the same tokens, or fewer, are settled with", () => {
    const micro = fc.integer({ min: 0, max: 200_000_000 }).map((rate) => rate / 1e6);
    const part = fc.integer({ min: 0, max: 300_000 });
    fc.assert(
      fc.property(
        fc.record({ input: micro, output: micro, cacheWrite: fc.option(micro), cachedInput: fc.constant(null) }),
        fc.option(micro, { nil: undefined }),
        fc.option(micro, { nil: undefined }),
        fc.tuple(part, part, part, part, part),
        (rates, cacheWriteLong, reasoning, [fresh, written, long, text, thought]) => {
          const at = {
            ...rates,
            ...(cacheWriteLong !== undefined && { cacheWriteLong }),
            ...(reasoning !== undefined && { reasoning }),
            date: "2026-01-01",
          };
          const used = {
            ...usage(fresh + written + long, text + thought, null, written + long),
            cacheWriteLongTokens: long,
            reasoningTokens: thought,
          };
          const { promptTokens, completionTokens } = used;
          const reserved = estimateMicroUsd(promptTokens, completionTokens, dearestRates(at, promptTokens, true));
          const settled = toMicroUsd(costNanoUsd(used, at));
          expect(settled).toBeLessThanOrEqual(reserved);
          // Without parts of another price the two differ by rounding alone.
          const plain = { input: at.input, output: at.output };
          const same = toMicroUsd(costNanoUsd(usage(promptTokens, completionTokens), { ...at, ...none }));
          expect(estimateMicroUsd(promptTokens, completionTokens, plain) - same).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test.each([
    [1_499, 1],
    [1_500, 2],
    [0, 0],
    [499, 0],
  ])("%d nano-dollars are settled as %d micro-dollars", (nano, micro) => {
    expect(toMicroUsd(nano)).toBe(micro);
  });
});
