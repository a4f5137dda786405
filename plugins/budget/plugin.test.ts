import { expect, test } from "bun:test";
import { instantiate } from "../../src/sdk/instantiate.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import budget from "./plugin.ts";

/** A request as facts: prompt tokens, the maximum asked for, else the model's own, and what its tokens cost at most. */
const asks = (
  estimated_tokens: number,
  asked: number,
  { ofModel = 16_384, input = 2.5, output = 10, choices = 1 } = {},
) => ({
  request: {
    model: "gpt-4o",
    estimated_tokens,
    max_tokens_requested: asked * choices,
    max_tokens: (asked || ofModel) * choices,
    choices,
    priced: true,
    input_usd_per_million: input,
    output_usd_per_million: output,
  },
});
const unpriced = (estimated_tokens: number, asked: number) => ({
  request: { ...asks(estimated_tokens, asked, { input: 0, output: 0 }).request, model: "homemade", priced: false },
});
const streamed = <F extends { request: object }>(facts: F) => ({ request: { ...facts.request, stream: true } });

const completionFacts = [
  "request.surface",
  "request.max_tokens",
  "request.max_tokens_requested",
  "request.choices",
] as const;
const money = ["request.priced", "request.input_usd_per_million", "request.output_usd_per_million"] as const;
const assumed = { onUnpriced: "default", default_price: { input: 10, output: 40 } };

testPlugin(budget, {
  dir: import.meta.dir,
  config: { usd_per_month: 500 },
  cases: [
    {
      name: "a request reserves the most that it can cost, in whole micro-dollars",
      facts: asks(1000, 500),
      expects: {
        limits: [
          {
            name: "usd/month",
            per: ["app"],
            unit: "usd",
            window: { every: "month" },
            max: 500_000_000,
            amount: 7_500,
            onStoreDown: "local",
          },
        ],
      },
      reads: ["app.id", "request.estimated_tokens", ...completionFacts, ...money, "request.model"],
      notes: [],
    },
    { name: "a model with a price passes", facts: asks(1000, 500), expects: "allow" },
    {
      name: "parts of a micro-dollar are rounded up",
      facts: asks(1, 0, { ofModel: 1, input: 0.15, output: 0.6 }),
      expects: { limits: [{ amount: 1 }] },
    },
    {
      name: "money and tokens of every period are reserved together",
      config: {
        usd_per_day: 20.5,
        usd_per_week: 100,
        usd_per_month: 300,
        tokens_per_day: 5000,
        tokens_per_week: 20_000,
        tokens_per_month: 60_000,
        per: ["team", "user"],
        onStoreDown: "deny",
      },
      facts: asks(1000, 500),
      expects: {
        limits: [
          { name: "usd/day", max: 20_500_000, amount: 7_500, per: ["team", "user"], onStoreDown: "deny" },
          { name: "usd/week", window: { every: "week" }, max: 100_000_000, amount: 7_500 },
          { name: "usd/month", max: 300_000_000, amount: 7_500 },
          { name: "tokens/day", unit: "tokens", window: { every: "day" }, max: 5000, amount: 1500 },
          { name: "tokens/week", max: 20_000, amount: 1500 },
          { name: "tokens/month", max: 60_000, amount: 1500 },
        ],
      },
      notes: [],
    },
    {
      name: "a budget of tokens alone reads no price",
      config: { tokens_per_day: 5000 },
      facts: unpriced(1000, 500),
      expects: { limits: [{ amount: 1500 }] },
      reads: ["app.id", "request.estimated_tokens", ...completionFacts],
    },
    {
      name: "a request that names no maximum reserves the model's own, for each choice",
      facts: asks(1000, 0, { choices: 2 }),
      expects: { limits: [{ amount: 2_500 + 2 * 163_840 }] },
    },
    {
      name: "but never more than the budget, or it would never pass",
      config: { usd_per_day: 0.05, tokens_per_day: 9000 },
      facts: asks(1000, 0),
      expects: { limits: [{ amount: 50_000 }, { amount: 9000 }] },
    },
    {
      name: "a prompt that costs more than the budget is not shortened",
      config: { usd_per_day: 0.002 },
      facts: asks(1000, 0),
      expects: { limits: [{ amount: 2_500 }] },
    },
    {
      name: "what the client asks for is not shortened either",
      config: { usd_per_day: 0.002 },
      facts: asks(1000, 500),
      expects: { limits: [{ amount: 7_500 }] },
    },
    {
      name: "a configured default takes the place of the model's maximum",
      config: { usd_per_month: 500, default_completion_tokens: 200 },
      facts: asks(1000, 0, { choices: 3 }),
      expects: { limits: [{ amount: 2_500 + 6_000 }] },
    },
    {
      name: "a streamed answer reserves by slices where that is less than it may write",
      config: { usd_per_month: 500, tokens_per_day: 50_000, slice_completion_tokens: 100 },
      facts: streamed(asks(1000, 500)),
      expects: {
        limits: [
          { amount: 3_500, slice: 1_000, sliceTokens: 100 },
          { amount: 1_100, slice: 100, sliceTokens: 100 },
        ],
      },
      reads: ["app.id", "request.estimated_tokens", ...completionFacts, ...money, "request.model", "request.stream"],
    },
    {
      name: "a stream without a maximum takes a slice, and not the whole budget",
      config: { usd_per_day: 0.05, slice_completion_tokens: 100 },
      facts: streamed(asks(1000, 0)),
      expects: { limits: [{ amount: 3_500, slice: 1_000 }] },
    },
    {
      name: "a model without a price is refused",
      facts: unpriced(1000, 500),
      expects: {
        deny: "unpriced",
        code: "model_unpriced",
        status: 403,
        message: "No price is known for the model 'homemade', so its calls cannot be counted towards a budget.",
      },
    },
    {
      name: "or flagged",
      config: { usd_per_month: 500, onUnpriced: "flag" },
      facts: unpriced(1000, 500),
      expects: {
        warn: "uncounted",
        code: "model_unpriced",
        message: "No price is known for the model 'homemade': this call is not counted towards the budget.",
      },
    },
    {
      name: "what is flagged takes no money, and tokens all the same",
      config: { usd_per_month: 500, tokens_per_month: 90_000, onUnpriced: "flag" },
      facts: unpriced(1000, 500),
      expects: { limits: [{ name: "tokens/month", amount: 1500 }] },
    },
    {
      name: "or counted at a price that is assumed, and settled with it",
      config: { usd_per_month: 500, ...assumed },
      facts: unpriced(1000, 500),
      expects: { limits: [{ amount: 30_000, price: { input: 10, output: 40 } }] },
    },
    {
      name: "where one of several targets has a price, at the dearer of the two",
      config: { usd_per_month: 500, ...assumed },
      facts: { request: { ...asks(1000, 500, { input: 20, output: 30 }).request, priced: false } },
      expects: { limits: [{ amount: 40_000, price: { input: 20, output: 40 } }] },
    },
    {
      name: "a price that is known is not assumed",
      config: { usd_per_month: 500, ...assumed },
      facts: asks(1000, 500),
      expects: { limits: [{ amount: 7_500 }] },
    },
    {
      name: "a soft budget counts and does not refuse",
      config: { usd_per_month: 500, hard: false },
      facts: asks(1000, 500),
      expects: { limits: [{ soft: true, max: 500_000_000, amount: 7_500 }] },
    },
    {
      name: "a spent budget is refused with 402, saying when it begins anew",
      facts: asks(1000, 500),
      expects: {
        exhausted: "usd/month",
        used: 499_999_999,
        resetSeconds: 864_000,
        resetDate: "2026-12-01",
        expects: {
          deny: "spent",
          code: "budget_exceeded",
          status: 402,
          message:
            "499.999999 of 500.00 USD of this month's budget are used, and the request may take 0.0075; the budget begins anew on 2026-12-01.",
        },
      },
    },
    {
      name: "a budget of tokens says so",
      config: { tokens_per_day: 2000 },
      facts: asks(1000, 500),
      expects: {
        exhausted: "tokens/day",
        used: 700,
        resetSeconds: 60,
        resetDate: "2026-11-22",
        expects: {
          deny: "spent",
          message:
            "700 of 2000 tokens of this day's budget are used, and the request may take 1500; the budget begins anew on 2026-11-22.",
        },
      },
    },
    {
      name: "a request that is dearer than the whole budget is told so",
      config: { usd_per_day: 0.007 },
      facts: asks(1000, 500),
      expects: {
        exhausted: "usd/day",
        used: 0,
        resetSeconds: 60,
        expects: {
          deny: "neverFits",
          code: "budget_exceeded",
          status: 402,
          message: "The request may take 0.0075 USD, and the whole budget of a day is 0.007; make it smaller.",
        },
      },
    },
    {
      name: "below the first threshold nothing is said",
      facts: asks(1000, 500),
      expects: { granted: "usd/month", used: 374_999_999, resetSeconds: 60, expects: null },
    },
    ...[
      [375_000_000, 75, "375.00"],
      [449_999_999, 75, "449.999999"],
      [450_000_000, 90, "450.00"],
      [500_000_000, 100, "500.00"],
      [700_000_000, 100, "700.00"],
    ].map(([used, percent, shown]) => ({
      name: `from ${percent} % on the answer carries a warning: at ${used}`,
      config: { usd_per_month: 500, hard: false },
      facts: asks(1000, 500),
      expects: {
        granted: "usd/month",
        used: used as number,
        resetSeconds: 60,
        resetDate: "2026-12-01",
        expects: {
          warn: "nearlySpent" as const,
          code: `budget_${percent}`,
          message: `${percent} % of this month's budget are used: ${shown} of 500.00 USD; it begins anew on 2026-12-01.`,
        },
      },
    })),
    {
      name: "thresholds are the deployment's to set, in any order",
      config: { tokens_per_day: 1000, warn_at: [10, 50] },
      facts: asks(100, 50),
      expects: {
        granted: "tokens/day",
        used: 500,
        resetSeconds: 9,
        expects: {
          warn: "nearlySpent",
          code: "budget_50",
          message: "50 % of this day's budget are used: 500 of 1000 tokens; it begins anew in 9 s.",
        },
      },
    },
    {
      name: "without thresholds nothing is said",
      config: { usd_per_day: 1, warn_at: [] },
      facts: asks(1000, 500),
      expects: { granted: "usd/day", used: 990_000, resetSeconds: 9, expects: null },
    },
    {
      name: "budgets that a longer one closes first are told",
      config: { usd_per_day: 20, usd_per_week: 30, usd_per_month: 20, tokens_per_day: 9, tokens_per_week: 9 },
      facts: asks(0, 1),
      expects: { limits: [{}, {}, {}, {}, {}] },
      notes: [
        { at: "usd_per_day", message: "never reached: the month's budget is no larger" },
        { at: "tokens_per_day", message: "never reached: the week's budget is no larger" },
      ],
    },
  ],
  accepts: [
    { usd_per_day: 0.000001 },
    { usd_per_week: 1e9, warn_at: [1, 100] },
    { tokens_per_day: 1, default_completion_tokens: 1, slice_completion_tokens: 1, onStoreDown: "allow" },
    { usd_per_day: 1, onUnpriced: "default", default_price: { input: 0, output: 1e6 } },
    { usd_per_day: 1, default_completion_tokens: 500_000, onUnpriced: "flag" },
  ],
  refuses: [
    { config: {}, at: "", message: "set at least one budget, such as usd_per_month" },
    { config: { per: ["org"] }, at: "" },
    { config: { usd_per_day: 0 }, at: "usd_per_day" },
    { config: { usd_per_day: 1e9 + 1 }, at: "usd_per_day" },
    { config: { tokens_per_day: 0.5 }, at: "tokens_per_day" },
    { config: { usd_per_day: 1, per: [] }, at: "per" },
    { config: { usd_per_day: 1, per: ["app", "app"] }, at: "per" },
    { config: { usd_per_day: 1, warn_at: [0] }, at: "warn_at.0" },
    { config: { usd_per_day: 1, warn_at: [101] }, at: "warn_at.0" },
    { config: { usd_per_day: 1, warn_at: [50, 50] }, at: "warn_at" },
    { config: { usd_per_day: 1, onUnpriced: "allow" }, at: "onUnpriced" },
    {
      config: { usd_per_day: 1, onUnpriced: "default" },
      at: "default_price",
      message: "goes with onUnpriced: default, and that with it",
    },
    { config: { usd_per_day: 1, default_price: { input: 1, output: 1 } }, at: "default_price" },
    { config: { usd_per_day: 1, onUnpriced: "default", default_price: { input: 1 } }, at: "default_price" },
    {
      config: { usd_per_day: 1, onUnpriced: "default", default_price: { input: 1, output: 1_000_001 } },
      at: "default_price.output",
    },
    {
      config: { tokens_per_day: 99, default_completion_tokens: 100 },
      at: "default_completion_tokens",
      message: "100 tokens are more than a day's budget of 99: nothing would ever pass",
    },
    { config: { tokens_per_day: 99, slice_completion_tokens: 100 }, at: "slice_completion_tokens" },
    { config: { usd_per_day: 1, default_completion_tokens: 0 }, at: "default_completion_tokens" },
    { config: { usd_per_day: 1, slice_completion_tokens: 0 }, at: "slice_completion_tokens" },
    { config: { usd_per_day: 1, hard: "yes" }, at: "hard" },
    { config: { usd_per_day: 1, onStoreDown: "open" }, at: "onStoreDown" },
  ],
});

const noCel = () => {
  throw new Error("no expression is expected");
};

test("what is not soft, sliced or assumed is not said to be", () => {
  const { limits } = instantiate(budget, { usd_per_day: 5, slice_completion_tokens: 500 }, noCel);
  const [limit] = limits!(streamed(asks(10, 500)) as never);
  expect(Object.keys(limit!).filter((key) => ["soft", "slice", "sliceTokens", "price"].includes(key))).toEqual([]);
  const { limits: soft } = instantiate(budget, { usd_per_day: 5, hard: false }, noCel);
  const [one] = soft!(asks(10, 500) as never);
  expect(Object.keys(one!).filter((key) => ["slice", "sliceTokens", "price"].includes(key))).toEqual([]);
});

test("where every model's price is known or assumed, nothing is refused for it", () => {
  for (const config of [{ tokens_per_day: 500 }, { usd_per_day: 5, ...assumed }]) {
    expect(instantiate(budget, config, noCel).evaluate).toEqual({});
  }
});
