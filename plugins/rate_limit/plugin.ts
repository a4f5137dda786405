import { definePlugin, PluginConfigError, t } from "../../src/sdk/index.ts";
import {
  amountOf,
  checkLimits,
  completionOf,
  type Demand,
  factOf,
  noCompletion,
  type RateLimit,
  scopes,
  toLimits,
} from "./limits.ts";

const amount = (description: string) => t.Optional(t.Integer({ minimum: 1, description }));

/**
 * Limits requests and tokens per window, in calendar windows or sliding ones.
 *
 * Amounts are reserved before the call and settled to what the provider reports after it, so requests that arrive
 * together cannot all pass on the same reading.
 */
export default definePlugin({
  name: "rate_limit",
  summary: "Limits the requests and tokens of a caller per window of time.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    requests_per_minute: amount("Most requests in one minute of the clock."),
    tokens_per_minute: amount("Most tokens, prompt and completion, in one minute of the clock."),
    windows: t.Optional(
      t.Array(
        t.Object({
          every: t.Optional(
            t.Union(
              [
                t.Literal("second"),
                t.Literal("minute"),
                t.Literal("hour"),
                t.Literal("day"),
                t.Literal("week"),
                t.Literal("month"),
              ],
              { description: "A calendar window in the organisation's time zone; weeks begin on Monday." },
            ),
          ),
          sliding: t.Optional(
            t.Integer({ minimum: 1, maximum: 2_678_400, description: "The last so many seconds, at most 31 days." }),
          ),
          requests: amount("Most requests in the window."),
          tokens: amount("Most tokens in the window, prompt and completion together."),
          prompt_tokens: amount("Most prompt tokens in the window."),
          completion_tokens: amount("Most completion tokens in the window."),
        }),
        { minItems: 1, description: "Windows, each with every or sliding and with what it limits." },
      ),
    ),
    per: t.Array(t.Union(scopes.map((scope) => t.Literal(scope))), {
      minItems: 1,
      uniqueItems: true,
      default: ["app"],
      description: "Whose requests are counted together: one counter for each combination of these.",
    }),
    default_completion_tokens: amount("Completion tokens to reserve for a request that names no maximum."),
    onStoreDown: t.Union([t.Literal("local"), t.Literal("deny"), t.Literal("allow")], {
      default: "local",
      description: "While the counter store is away: count in this process, deny, or allow.",
    }),
  }),
  reads: [],
  reasons: {
    spent: {
      code: "rate_limit_exceeded",
      status: 429,
      message: "{used} of {limit} {unit} per {window} used; try again in {reset_seconds} s.",
    },
    noRoom: {
      code: "rate_limit_exceeded",
      status: 429,
      message:
        "{used} of {limit} {unit} per {window} used, and the request needs {amount}; try again in {reset_seconds} s.",
    },
    neverFits: {
      code: "rate_limit_exceeded",
      status: 429,
      message: "The request needs {amount} {unit} and only {limit} are allowed per {window}; make it smaller.",
    },
  },
  examples: [
    { requests_per_minute: 60, tokens_per_minute: 40_000, per: ["app"], onStoreDown: "local" },
    {
      windows: [
        { every: "minute", requests: 60, tokens: 40_000 },
        { every: "day", requests: 5000 },
        { sliding: 10, requests: 20 },
      ],
      per: ["app", "user"],
      onStoreDown: "deny",
    },
  ],

  create(config) {
    const limits = toLimits(config);
    if (limits.length === 0) {
      throw new PluginConfigError("", "set at least one of requests_per_minute, tokens_per_minute, windows");
    }
    const notes = checkLimits(limits, config.default_completion_tokens);
    const units = new Set(limits.map(({ unit }) => unit));
    const readsPrompt = units.has("tokens") || units.has("prompt_tokens");
    const readsCompletion = units.has("tokens") || units.has("completion_tokens");

    return {
      notes,
      // A limit on requests alone must not cost a token count.
      reads: [
        ...config.per.map(factOf),
        ...(readsPrompt ? (["request.estimated_tokens"] as const) : []),
        ...(readsCompletion
          ? (["request.max_tokens", "request.max_tokens_requested", "request.choices"] as const)
          : []),
      ],
      limits: ({ request }) => {
        const { completion, isOpen } = readsCompletion
          ? completionOf(request, config.default_completion_tokens)
          : noCompletion;
        const demand: Demand = { prompt: readsPrompt ? request.estimated_tokens : 0, completion, isOpen };
        const all: ReturnType<typeof asked>[] = [];
        for (const limit of limits) all.push(asked(limit, amountOf(limit, demand)));
        return all;
      },
    };
  },
});

/** Members by name: spreading the limit would cost several times as much, for each limit of each request. */
function asked({ name, per, unit, window, max, onStoreDown }: RateLimit, amount: number) {
  const reason: Reason = amount > max ? "neverFits" : unit === "requests" ? "spent" : "noRoom";
  return { name, per, unit, window, max, onStoreDown, amount, reason };
}

type Reason = "spent" | "noRoom" | "neverFits";
