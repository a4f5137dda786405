import {
  completionDemand,
  completionFacts,
  definePlugin,
  type FactName,
  factsOfScopes,
  limitScopes,
  PluginConfigError,
  t,
} from "../../src/sdk/index.ts";
import { amountOf, checkLimits, hasCompletion, type RateLimit, toLimits } from "./limits.ts";

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
    per: t.Array(t.Union(limitScopes.map((scope) => t.Literal(scope))), {
      minItems: 1,
      uniqueItems: true,
      default: ["app"],
      description: "Whose requests are counted together: one counter for each combination of these.",
    }),
    default_completion_tokens: amount("Completion tokens to reserve for a request that names no maximum."),
    slice_completion_tokens: amount(
      "Completion tokens that a streamed answer reserves at a time, in place of its maximum; it is ended where no more fit.",
    ),
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
    const { default_completion_tokens: assumed, slice_completion_tokens: sliced } = config;
    const notes = checkLimits(limits, assumed, sliced);
    const readsCompletion = limits.some(hasCompletion);
    const readsPrompt = limits.some(({ unit }) => unit === "tokens" || unit === "prompt_tokens");
    // A limit on requests alone must not cost a token count.
    const reads: FactName[] = factsOfScopes(config.per).slice();
    if (readsPrompt) reads.push("request.estimated_tokens");
    if (readsCompletion) reads.push(...completionFacts);
    if (readsCompletion && sliced !== undefined) reads.push("request.stream");

    return {
      notes,
      reads,
      limits: ({ request }) => {
        const prompt = readsPrompt ? request.estimated_tokens : 0;
        const { tokens: completion, isOpen } = readsCompletion ? completionDemand(request, assumed) : noCompletion;
        const inSlices = sliced !== undefined && readsCompletion && sliced < completion && request.stream;
        const slice = inSlices ? sliced : 0;
        const demand = { prompt, completion, isOpen, slice };
        const all: ReturnType<typeof asked>[] = [];
        for (const limit of limits) all.push(asked(limit, amountOf(limit, demand), slice));
        return all;
      },
    };
  },
});

/** Members by name: spreading the limit would cost several times as much, for each limit of each request. */
function asked(limit: RateLimit, amount: number, slice: number) {
  const { name, per, unit, window, max, onStoreDown } = limit;
  const reason: Reason = amount > max ? "neverFits" : unit === "requests" ? "spent" : "noRoom";
  if (slice === 0 || !hasCompletion(limit)) return { name, per, unit, window, max, onStoreDown, amount, reason };
  return { name, per, unit, window, max, onStoreDown, amount, reason, slice, sliceTokens: slice };
}

/** What limits on requests and prompts need not know. */
const noCompletion = { tokens: 0, isOpen: false } as const;

type Reason = "spent" | "noRoom" | "neverFits";
