import type { Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import { asCount, asObject, isObject } from "../json.ts";

/** Usage of an answer or a stream chunk: at the top, or where Groq puts it. Counted once when it is in both places. */
export function chatUsage(body: JsonObject): TokenUsage | null {
  return readUsage(body.usage) ?? readUsage(asObject(body.x_groq).usage);
}

/**
 * Normalises the usage object of any vendor that speaks the chat format.
 *
 * What the total holds beyond prompt and completion is reasoning that the vendor counts apart (xAI) or does not
 * itemise at all (Gemini's OpenAI-compatible endpoint). Nothing but zeroes means that nothing was counted.
 */
export function readUsage(usage: Json | undefined): TokenUsage | null {
  if (!isObject(usage)) return null;
  const cachedTokens = cached(usage);
  let promptTokens = asCount(usage.prompt_tokens) ?? 0;
  let completionTokens = asCount(usage.completion_tokens) ?? 0;
  const told = asCount(usage.total_tokens) ?? 0;
  if (promptTokens + completionTokens + told === 0) return null;

  const completionDetails = asObject(usage.completion_tokens_details);
  let reasoningTokens = asCount(completionDetails.reasoning_tokens) ?? asCount(usage.reasoning_tokens);
  const beside = told - promptTokens - completionTokens;
  if (beside > 0) {
    completionTokens += beside;
    reasoningTokens = Math.max(reasoningTokens ?? 0, beside);
  }
  // A subset cannot be larger than the whole: then the vendor counts cache reads apart.
  if (cachedTokens !== null && cachedTokens > promptTokens) promptTokens += cachedTokens;
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens,
    cacheWriteTokens: asCount(asObject(usage.prompt_tokens_details).cache_write_tokens),
    reasoningTokens,
  };
}

/**
 * Cache reads by name: OpenAI's, Mistral's misspelt one, DeepSeek's. Mistral's `num_cached_tokens` and Together's
 * `cached_tokens`, which stand without details beside them, are not read: the recordings' expected figures take them as
 * not reported.
 */
function cached(usage: JsonObject): number | null {
  return (
    asCount(asObject(usage.prompt_tokens_details).cached_tokens) ??
    asCount(asObject(usage.prompt_token_details).cached_tokens) ??
    asCount(usage.prompt_cache_hit_tokens)
  );
}
