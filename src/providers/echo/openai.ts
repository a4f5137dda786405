import type { RequestView } from "../../core/wire.ts";
import type { EchoReply } from "./reply.ts";

/** Why an answer of chat or completions ended. */
export function finishReason({ tool, cut }: EchoReply): string {
  return tool ? "tool_calls" : cut ? "length" : "stop";
}

/** The usage of chat and completions. */
export function openaiUsage(view: RequestView, { promptTokens, completionTokens }: EchoReply) {
  const completion = completionTokens * view.choices;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completion,
    total_tokens: promptTokens + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}
