import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Facts } from "../core/facts.ts";
import type { LimitRequest } from "../core/limits.ts";
import { completionDemand, dollars, factsOfScopes, limitScopes, limitWords } from "./limits.ts";

describe("micro-dollars read as dollars", () => {
  test.each([
    [0, "0.00"],
    [1, "0.000001"],
    [10, "0.00001"],
    [500_000, "0.50"],
    [1_000_000, "1.00"],
    [1_230_000, "1.23"],
    [1_234_000, "1.234"],
    [499_999_999, "499.999999"],
    [1e15, "1000000000.00"],
  ])("%d is %s", (micro, text) => {
    expect(dollars(micro)).toBe(text);
  });

  test("exactly, and with two decimals at least", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (micro) => {
        const text = dollars(micro);
        expect(text).toMatch(/^\d+\.\d{2,6}$/);
        expect(Math.round(Number(text) * 1e6)).toBe(micro);
      }),
    );
  });
});

const limit: LimitRequest = {
  name: "usd/day",
  per: ["app"],
  unit: "usd",
  window: { every: "day" },
  max: 2_500_000,
  amount: 7_500,
  onStoreDown: "local",
};

test("a limit is told in words, with its day where that is known", () => {
  expect(limitWords(limit, { used: 1_000_000, resetSeconds: 60, resetDate: "2026-12-01" })).toEqual({
    limit: "2.50",
    used: "1.00",
    amount: "0.0075",
    unit: "USD",
    window: "day",
    reset_seconds: 60,
    reset: "on 2026-12-01",
  });
  const tokens: LimitRequest = { ...limit, unit: "prompt_tokens", window: { sliding: 90 }, max: 9, amount: 1 };
  expect(limitWords(tokens, { used: 8, resetSeconds: 5 })).toEqual({
    limit: 9,
    used: 8,
    amount: 1,
    unit: "prompt tokens",
    window: "90 s",
    reset_seconds: 5,
    reset: "in 5 s",
  });
});

test("every scope has its fact", () => {
  expect(new Set(factsOfScopes(limitScopes)).size).toBe(8);
  expect(factsOfScopes(["user", "model"])).toEqual(["user.id", "request.model"]);
});

describe("the completion that a request may take", () => {
  test.each([
    ["is what the client asks for", { max_tokens_requested: 50, max_tokens: 50, choices: 1 }, 900, 50, false],
    [
      "else what is assumed, for each choice",
      { max_tokens_requested: 0, max_tokens: 4000, choices: 2 },
      900,
      1800,
      false,
    ],
    ["else the model's own maximum", { max_tokens_requested: 0, max_tokens: 4000, choices: 2 }, undefined, 4000, true],
    ["else 4,096 for each choice", { max_tokens_requested: 0, max_tokens: 0, choices: 2 }, undefined, 8192, true],
    [
      "is none where nothing is written",
      { surface: "embeddings", max_tokens_requested: 9, max_tokens: 9 },
      900,
      0,
      false,
    ],
    ["of one choice where none is named", { max_tokens_requested: 0, max_tokens: 0, choices: 0 }, 900, 900, false],
  ])("%s", (_, request, assumed, tokens, isOpen) => {
    expect(completionDemand(request as Facts["request"], assumed)).toEqual({ tokens, isOpen });
  });
});
