import {
  completionFacts,
  definePlugin,
  type FactName,
  PluginConfigError,
  t,
  writesNothing,
} from "../../src/sdk/index.ts";

const tokens = (description: string) => t.Optional(t.Integer({ minimum: 1, description }));

/**
 * Limits the tokens of one request.
 *
 * A client that names a maximum of completion tokens is held to it: too much is refused. A client that names none
 * would be cut off by any limit below the model's own maximum if it were judged by that, and would slip under the
 * limit if it were not; so its request is given the largest maximum that fits, and passes.
 */
export default definePlugin({
  name: "token_limit",
  summary: "Limits the prompt, completion and total tokens of a request.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({
    max_prompt_tokens: tokens("Most tokens of the prompt, counted before the call."),
    max_completion_tokens: tokens("Most completion tokens, all choices together."),
    max_total_tokens: tokens("Most tokens of the prompt and completion together."),
  }),
  reads: completionFacts,
  reasons: {
    promptTooLong: {
      code: "token_limit_exceeded",
      message: "The prompt is {tokens} tokens, the most accepted is {max}.",
    },
    completionTooLong: {
      code: "token_limit_exceeded",
      message: "The request asks for {tokens} completion tokens, the most accepted is {max}.",
    },
    totalTooLong: {
      code: "token_limit_exceeded",
      message: "The prompt and completion may take {tokens} tokens together, the most accepted is {max}.",
    },
    completionCapped: {
      code: "token_limit_capped",
      message: "The request names no maximum of completion tokens and is given {max}.",
    },
  },
  examples: [{ max_completion_tokens: 4096 }, { max_prompt_tokens: 32_000, max_total_tokens: 36_000 }],

  create({ max_prompt_tokens, max_completion_tokens, max_total_tokens }, { deny, modify }) {
    const maxPrompt = max_prompt_tokens ?? Number.POSITIVE_INFINITY;
    const maxCompletion = max_completion_tokens ?? Number.POSITIVE_INFINITY;
    const maxTotal = max_total_tokens ?? Number.POSITIVE_INFINITY;
    if (Math.min(maxPrompt, maxCompletion, maxTotal) === Number.POSITIVE_INFINITY) {
      throw new PluginConfigError("", "set at least one of max_prompt_tokens, max_completion_tokens, max_total_tokens");
    }
    // A prompt is never alone, and neither is a completion: the total is reached first.
    const parts = { max_prompt_tokens, max_completion_tokens };
    const notes = Object.entries(parts).flatMap(([path, max]) =>
      max === undefined || max < maxTotal
        ? []
        : [{ path, message: `${max} is never reached: prompt and completion together may take ${maxTotal} tokens` }],
    );
    const readsPrompt = max_prompt_tokens !== undefined || max_total_tokens !== undefined;
    const reads: readonly FactName[] = readsPrompt ? ["request.estimated_tokens"] : [];

    return {
      notes,
      reads,
      // Fewer prompt tokens leave more room and never cause a hit.
      monotone: reads,
      request({ request }) {
        const prompt = readsPrompt ? request.estimated_tokens : 0;
        if (prompt > maxPrompt) return deny("promptTooLong", { tokens: prompt, max: maxPrompt });

        if (writesNothing(request)) {
          return prompt > maxTotal ? deny("totalTooLong", { tokens: prompt, max: maxTotal }) : null;
        }
        const completion = request.max_tokens;
        if (request.max_tokens_requested > 0) {
          if (completion > maxCompletion) {
            return deny("completionTooLong", { tokens: completion, max: maxCompletion });
          }
          if (prompt + completion > maxTotal) {
            return deny("totalTooLong", { tokens: prompt + completion, max: maxTotal });
          }
          return null;
        }

        const room = Math.min(maxCompletion, maxTotal - prompt);
        // A model whose own maximum is unknown (0) may write any amount.
        if (completion > 0 && completion <= room) return null;
        if (room === Number.POSITIVE_INFINITY) return null;
        const choices = Math.max(1, request.choices);
        const each = Math.floor(room / choices);
        if (each < 1) {
          // Not one token for each choice.
          return maxCompletion < choices
            ? deny("completionTooLong", { tokens: choices, max: maxCompletion })
            : deny("totalTooLong", { tokens: prompt + choices, max: maxTotal });
        }
        return modify("completionCapped", { max: each }, [{ op: "cap", path: "max_tokens", value: each }]);
      },
    };
  },
});
