import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { costNanoUsd } from "./cost.ts";
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

describe("the cost of a call", () => {
  test.each([
    ["nothing used costs nothing", usage(0, 0), price(), 0],
    ["prompt and completion have each their price", usage(1000, 500), price(), 2_500_000 + 5_000_000],
    ["cached tokens are a part of the prompt at their own price", usage(1000, 0, 400), price(), 1_500_000 + 500_000],
    ["without a cached price they cost as input", usage(1000, 0, 400), price({ cachedInput: null }), 2_500_000],
    ["tokens written to the cache have their price", usage(1000, 0, 0, 200), price({ cacheWrite: 3.75 }), 2_750_000],
    ["without a write price they cost as input", usage(1000, 0, 100, 200), price(), 2_250_000 + 125_000],
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
