import type { Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import { asCount, asObject, isObject } from "../json.ts";

/**
 * Normalises a chat's usage. `tokens` is what ran, Cohere's own prompt included, and counts here; what is charged stands
 * beside it. Where only that is told, as of embeddings, it counts.
 */
export function readCohereUsage(usage: Json | undefined): TokenUsage | null {
  if (!isObject(usage)) return null;
  const tokens = asObject(usage.tokens);
  const units = asObject(usage.billed_units);
  const promptTokens = asCount(tokens.input_tokens) ?? asCount(units.input_tokens);
  const completionTokens = asCount(tokens.output_tokens) ?? asCount(units.output_tokens);
  if (promptTokens === null && completionTokens === null) return null;
  return {
    promptTokens: promptTokens ?? 0,
    completionTokens: completionTokens ?? 0,
    totalTokens: (promptTokens ?? 0) + (completionTokens ?? 0),
    cachedTokens: asCount(usage.cached_tokens),
    cacheWriteTokens: null,
    reasoningTokens: null,
  };
}

/** Usage as the provider would tell it. */
export function writeCohereUsage({ promptTokens, completionTokens, cachedTokens }: TokenUsage): JsonObject {
  const counts = { input_tokens: promptTokens, output_tokens: completionTokens };
  return { billed_units: counts, tokens: counts, ...(cachedTokens !== null && { cached_tokens: cachedTokens }) };
}
