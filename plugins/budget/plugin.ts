import {
  completionDemand,
  completionFacts,
  definePlugin,
  type FactName,
  type Facts,
  factsOfScopes,
  limitScopes,
  limitWords,
  PluginConfigError,
  t,
} from "../../src/sdk/index.ts";
import { amountOf, type Budget, checkBudgets, type Demand, inUnit, toBudgets } from "./limits.ts";

const usd = (period: string) =>
  t.Optional(
    t.Number({ minimum: 0.000001, maximum: 1e9, description: `US dollars of a calendar ${period}; to six decimals.` }),
  );
const tokens = (period: string) =>
  t.Optional(t.Integer({ minimum: 1, description: `Tokens, prompt and completion, of a calendar ${period}.` }));
const price = (of: string) =>
  t.Number({ minimum: 0, maximum: 1e6, description: `US dollars per 1,000,000 tokens of ${of}.` });

const moneyFacts = [
  "request.priced",
  "request.input_usd_per_million",
  "request.output_usd_per_million",
] as const satisfies readonly FactName[];

/**
 * Keeps what callers spend within budgets, in money or tokens.
 *
 * The most that a request can cost is reserved before the call and settled to what it did cost after it, so requests that
 * run side by side cannot overspend together.
 */
export default definePlugin({
  name: "budget",
  summary: "Keeps what a caller spends within budgets per day, week and month.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    usd_per_day: usd("day"),
    usd_per_week: usd("week, which begins on Monday"),
    usd_per_month: usd("month"),
    tokens_per_day: tokens("day"),
    tokens_per_week: tokens("week, which begins on Monday"),
    tokens_per_month: tokens("month"),
    per: t.Array(t.Union(limitScopes.map((scope) => t.Literal(scope))), {
      minItems: 1,
      uniqueItems: true,
      default: ["app"],
      description: "Whose spending is counted together: one budget for each combination of these.",
    }),
    hard: t.Boolean({
      default: true,
      description: "Whether requests are refused when the budget is spent. Otherwise they only carry a warning.",
    }),
    warn_at: t.Array(t.Integer({ minimum: 1, maximum: 100 }), {
      uniqueItems: true,
      default: [75, 90, 100],
      description: "Percentages of the budget from which on answers carry a warning.",
    }),
    onUnpriced: t.Union([t.Literal("deny"), t.Literal("default"), t.Literal("flag")], {
      default: "deny",
      description:
        "A model whose price is not known: refuse it, count it at default_price, or let it pass with a warning.",
    }),
    default_price: t.Optional(
      t.Object(
        { input: price("the prompt"), output: price("the completion") },
        { description: "Assumed of a model whose price is not known, with onUnpriced: default." },
      ),
    ),
    default_completion_tokens: t.Optional(
      t.Integer({
        minimum: 1,
        description: "Completion tokens to reserve, for each choice, for a request that names no maximum.",
      }),
    ),
    slice_completion_tokens: t.Optional(
      t.Integer({
        minimum: 1,
        description:
          "Completion tokens that a streamed answer reserves at a time, in place of its maximum; it is ended where no more fit.",
      }),
    ),
    onStoreDown: t.Union([t.Literal("local"), t.Literal("deny"), t.Literal("allow")], {
      default: "local",
      description: "While the counter store is away: count in this process, deny, or allow.",
    }),
  }),
  reads: [],
  reasons: {
    spent: {
      code: "budget_exceeded",
      status: 402,
      message:
        "{used} of {limit} {unit} of this {window}'s budget are used, and the request may take {amount}; the budget begins anew {reset}.",
    },
    neverFits: {
      code: "budget_exceeded",
      status: 402,
      message: "The request may take {amount} {unit}, and the whole budget of a {window} is {limit}; make it smaller.",
    },
    nearlySpent: {
      code: "budget_warning",
      message: "{percent} % of this {window}'s budget are used: {used} of {limit} {unit}; it begins anew {reset}.",
    },
    unpriced: {
      code: "model_unpriced",
      message: "No price is known for the model '{model}', so its calls cannot be counted towards a budget.",
    },
    uncounted: {
      code: "model_unpriced",
      message: "No price is known for the model '{model}': this call is not counted towards the budget.",
    },
  },
  examples: [
    { usd_per_month: 500, per: ["team"], hard: true, warn_at: [75, 90, 100], onUnpriced: "deny", onStoreDown: "deny" },
    {
      usd_per_day: 20,
      usd_per_month: 300,
      tokens_per_day: 5_000_000,
      per: ["app", "user"],
      hard: false,
      warn_at: [80, 100],
      onUnpriced: "default",
      default_price: { input: 5, output: 25 },
      slice_completion_tokens: 2000,
      onStoreDown: "local",
    },
  ],

  create(config, { deny, warn }) {
    const { per, hard, onUnpriced, default_price, slice_completion_tokens: sliced } = config;
    const budgets = toBudgets(config);
    if (budgets.length === 0) {
      throw new PluginConfigError("", "set at least one budget, such as usd_per_month");
    }
    if ((onUnpriced === "default") !== (default_price !== undefined)) {
      throw new PluginConfigError("default_price", "goes with onUnpriced: default, and that with it");
    }
    const notes = checkBudgets(budgets, config);
    const inMoney = budgets.some(({ unit }) => unit === "usd");
    const inTokens = budgets.filter(({ unit }) => unit === "tokens");
    const thresholds = [...config.warn_at].sort((a, b) => b - a);
    const reads: FactName[] = [...factsOfScopes(per), "request.estimated_tokens", ...completionFacts];
    if (inMoney) reads.push(...moneyFacts, "request.model");
    if (sliced !== undefined) reads.push("request.stream");

    const limits = ({ request }: Facts) => {
      const { tokens: completion, isOpen } = completionDemand(request, config.default_completion_tokens);
      const rates = inMoney ? ratesOf(request) : undefined;
      const slice = sliced !== undefined && sliced < completion && request.stream ? sliced : 0;
      const demand: Demand = {
        prompt: request.estimated_tokens,
        completion: slice > 0 ? slice : completion,
        isOpen: isOpen && slice === 0,
        rates,
      };
      // What has no price takes nothing: it is refused, or flagged.
      const counted = inMoney && rates === undefined ? inTokens : budgets;
      return counted.map((budget) => asked(budget, demand, slice, inMoney && !request.priced));
    };

    /** The dearest that is known; of a model whose price is not known at least what is assumed. */
    function ratesOf({ priced, input_usd_per_million: input, output_usd_per_million: output }: Facts["request"]) {
      if (priced) return { input, output };
      if (default_price === undefined) return undefined;
      return { input: Math.max(input, default_price.input), output: Math.max(output, default_price.output) };
    }

    function asked(budget: Budget, demand: Demand, slice: number, assumed: boolean) {
      const { name, unit, window, max, onStoreDown } = budget;
      const amount = amountOf(budget, demand);
      const reason = amount > max ? ("neverFits" as const) : ("spent" as const);
      const limit = { name, per, unit, window, max, amount, onStoreDown, reason };
      if (hard && slice === 0 && !assumed) return limit;
      return {
        ...limit,
        ...(!hard && { soft: true as const }),
        ...(slice > 0 && { slice: inUnit(unit, demand, 0, slice), sliceTokens: slice }),
        ...(unit === "usd" && assumed && demand.rates && { price: demand.rates }),
      };
    }

    return {
      notes,
      reads,
      limits,
      granted(limit, standing) {
        const percent = thresholds.find((threshold) => standing.used * 100 >= limit.max * threshold);
        if (percent === undefined) return null;
        const { limit: most, used, unit, window, reset } = limitWords(limit, standing);
        const hit = warn("nearlySpent", { percent, used, limit: most, unit, window, reset });
        return { ...hit, code: `budget_${percent}` };
      },
      ...(inMoney &&
        onUnpriced !== "default" && {
          request({ request: { priced, model } }: Facts) {
            if (priced) return null;
            return onUnpriced === "deny" ? deny("unpriced", { model }) : warn("uncounted", { model });
          },
        }),
    };
  },
});
