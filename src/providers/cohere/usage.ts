import type { Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import { asCount, asObject, isObject } from "../json.ts";

/**
 * Normalises a chat's usage. `tokens` is what ran, Cohere's own prompt included, and is what limits count; what is charged
 * stands beside it, and is what the call costs. Where only that is told, as of embeddings, it counts for both.
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
    ...readBilled(units),
  };
}

function readBilled(units: JsonObject): Pick<TokenUsage, "billed"> {
  const promptTokens = asCount(units.input_tokens);
  const completionTokens = asCount(units.output_tokens);
  if (promptTokens === null && completionTokens === null) return {};
  return { billed: { promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 } };
}

/** Usage as the provider would tell it. */
export function writeCohereUsage(usage: TokenUsage): JsonObject {
  const { cachedTokens, billed = usage } = usage;
  const counts = (of: NonNullable<TokenUsage["billed"]>) => ({
    input_tokens: of.promptTokens,
    output_tokens: of.completionTokens,
  });
  return {
    billed_units: counts(billed),
    tokens: counts(usage),
    ...(cachedTokens !== null && { cached_tokens: cachedTokens }),
  };
}
