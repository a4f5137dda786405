import type { Json, JsonObject, TokenUsage } from "../../core/wire.ts";
import { asCount, isObject } from "../json.ts";

/**
 * Normalises usage metadata. What tools put into the prompt is counted beside it, and thinking beside the candidates;
 * what is read from the cache is inside the prompt. Counts that are zero are left out by the provider; metadata without
 * any count tells nothing.
 */
export function readGeminiUsage(metadata: Json | undefined): TokenUsage | null {
  if (!isObject(metadata)) return null;
  const prompt = asCount(metadata.promptTokenCount);
  const reasoning = asCount(metadata.thoughtsTokenCount);
  const completionTokens = (asCount(metadata.candidatesTokenCount) ?? 0) + (reasoning ?? 0);
  const toolUse = asCount(metadata.toolUsePromptTokenCount) ?? 0;
  const total = asCount(metadata.totalTokenCount) ?? 0;
  // Some answers leave the prompt's count out and have it in the total all the same.
  const promptTokens = (prompt ?? Math.max(0, total - completionTokens - toolUse)) + toolUse;
  if (promptTokens + completionTokens === 0) return null;
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens: asCount(metadata.cachedContentTokenCount),
    cacheWriteTokens: null,
    reasoningTokens: reasoning,
  };
}

/** Usage as the provider would tell it. */
export function writeGeminiUsage({ promptTokens, completionTokens, ...usage }: TokenUsage): JsonObject {
  const thoughts = usage.reasoningTokens ?? 0;
  return {
    promptTokenCount: promptTokens,
    candidatesTokenCount: completionTokens - thoughts,
    totalTokenCount: promptTokens + completionTokens,
    ...(usage.cachedTokens !== null && { cachedContentTokenCount: usage.cachedTokens }),
    ...(thoughts > 0 && { thoughtsTokenCount: thoughts }),
  };
}
