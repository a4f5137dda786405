import { definePlugin, factsOfScopes, limitScopes, t } from "../../src/sdk/index.ts";

/** What is held has no window; this one stands in its counter's key. */
const noWindow = { every: "second" } as const;

/**
 * Limits how many requests of a caller are under way at once.
 *
 * A place is held from the moment the request is let through until its answer's last byte, streamed or not, and given
 * back whatever the ending. What a crashed process held returns by itself.
 */
export default definePlugin({
  name: "concurrency",
  summary: "Limits how many requests of a caller are under way at once.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    max: t.Integer({ minimum: 1, maximum: 1_000_000, description: "Most requests under way at once." }),
    per: t.Array(t.Union(limitScopes.map((scope) => t.Literal(scope))), {
      minItems: 1,
      uniqueItems: true,
      default: ["app"],
      description: "Whose requests are counted together: one counter for each combination of these.",
    }),
    onStoreDown: t.Union([t.Literal("local"), t.Literal("deny"), t.Literal("allow")], {
      default: "local",
      description: "While the counter store is away: count in this process, deny, or allow.",
    }),
  }),
  reads: [],
  reasons: {
    tooMany: {
      code: "concurrency_exceeded",
      status: 429,
      message: "{used} of {limit} requests are under way at once; try again when one of them has ended.",
    },
  },
  examples: [
    { max: 20, per: ["app"], onStoreDown: "local" },
    { max: 2, per: ["app", "user", "model"], onStoreDown: "local" },
  ],

  create({ max, per, onStoreDown }) {
    const limit = {
      name: "concurrency",
      per,
      unit: "concurrency",
      window: noWindow,
      max,
      amount: 1,
      onStoreDown,
      reason: "tooMany",
    } as const;
    const limits = [limit];
    return { reads: factsOfScopes(per), limits: () => limits };
  },
});
