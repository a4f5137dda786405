import type { JsonObject, TokenUsage } from "../../core/wire.ts";
import { asCount, asObject } from "../json.ts";

/**
 * Normalises a usage object: the prompt is what was read anew and what went through the cache.
 *
 * The top level is the answer the client got; passes that ran before it (compaction, a model that fell back) stand in
 * `iterations` and are not part of it.
 */
export function readMessagesUsage(usage: JsonObject): TokenUsage | null {
  const input = asCount(usage.input_tokens);
  const output = asCount(usage.output_tokens);
  if (input === null && output === null) return null;
  const cachedTokens = asCount(usage.cache_read_input_tokens);
  const cacheWriteTokens = asCount(usage.cache_creation_input_tokens);
  const cacheWriteLongTokens = asCount(asObject(usage.cache_creation).ephemeral_1h_input_tokens);
  const promptTokens = (input ?? 0) + (cachedTokens ?? 0) + (cacheWriteTokens ?? 0);
  const completionTokens = output ?? 0;
  if (promptTokens + completionTokens === 0) return null;
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens,
    cacheWriteTokens,
    ...(cacheWriteLongTokens && { cacheWriteLongTokens }),
    reasoningTokens: asCount(asObject(usage.output_tokens_details).thinking_tokens),
  };
}
