import { entry } from "../core/entry.ts";
import type { ModelInfo } from "../core/ports.ts";

/**
 * What a chat prompt costs beyond its texts.
 *
 * Source: OpenAI cookbook, "How to count tokens with tiktoken"; checked against recorded calls to gpt-3.5-turbo,
 * gpt-4o and gpt-4.1, where plain conversations come out exact. Other vendors' formats are taken to cost the same
 * before their factor is applied.
 */
export const tokensPerMessage = 3;
/** A message that names its author, beside the name itself. Source: as above. */
export const tokensPerName = 1;
/** Every answer is primed with the start of an assistant's message. Source: as above. */
export const replyPriming = 3;
/** The o-series and GPT-5 bill one token less than the cookbook says, in all of the recorded plain calls. */
export const reasoningReplyPriming = 2;

/** The instruction that gpt-oss is served with, in recorded plain calls through three hosts: 60 to 64 tokens. */
export const gptOssPrompt = 64;
/**
 * The result of a tool call and the call it answers, beside their texts. Not published; a recorded conversation with two
 * parallel calls is billed 30 more than its texts.
 */
export const tokensPerToolResult = 15;

/**
 * Each function definition, beside its text, and the end of the list. Source: OpenAI cookbook, "num_tokens_for_tools"
 * (the larger of its two families' figures). The vendor renders definitions in a form of its own that is terser than the
 * compact JSON counted here: recorded calls come out 20 to 50 % below this estimate, never above it.
 */
export const tokensPerTool = 10;
/** Source: as {@link tokensPerTool}. */
export const tokensPerToolList = 12;
/**
 * Claude reads a hidden instruction when tools are offered: 313 to 346 tokens by the vendor's documentation, and up to 600
 * beside the definitions in recorded calls.
 */
export const claudeToolPrompt = 600;

/**
 * Vendors without a public tokenizer are estimated with o200k times this. In recorded plain calls Claude up to 4.6, Gemini,
 * Mistral, DeepSeek, Llama and Command need 0.4 to 1.21 times as many tokens, so this does not undercount them.
 */
export const estimateFactor = 1.25;
/**
 * From 4.7 on Claude cuts text finer: independent measurements with the vendor's own counter find up to 1.46 times
 * the tokens of 4.6, which itself needs up to 1.17 times those of o200k.
 */
export const newClaudeFactor = 1.75;

/** Names of Claude models, through whatever provider. */
export const claude = /\bclaude-/i;
/** Those up to 4.6; a Claude model that is not among them is taken for a newer one. */
export const oldClaude =
  /\bclaude-(?:[123]|instant|(?:opus|sonnet|haiku)-4(?:[-.][0-6])?(?:[-.@:]?\d{8}|[-.@:](?!\d)|$))/i;
const reasoning = /^(?:ft:|.*\/)?(?:o\d|gpt-5)/i;
const gptOss = /\bgpt-oss/i;

/** How many times o200k's count is assumed for a model: 1 when the model's own encoding is known. */
export function factorFor(model: ModelInfo): number {
  if (model.encoding !== "none") return 1;
  return claude.test(model.id) && !oldClaude.test(model.id) ? newClaudeFactor : estimateFactor;
}

/** Tokens that every prompt to this model has before and after its messages. */
export function primingFor(model: ModelInfo): number {
  return entry(primings, model, () => findPriming(model));
}

// Weak: what is known of a model is one object for as long as its name is remembered.
const primings = new WeakMap<ModelInfo, number>();

function findPriming(model: ModelInfo): number {
  if (gptOss.test(model.id)) return replyPriming + gptOssPrompt;
  return reasoning.test(model.id) ? reasoningReplyPriming : replyPriming;
}

/** The most of {@link primingFor}. */
export const mostPriming = replyPriming + gptOssPrompt;

/** Tokens that offering tools costs beyond their definitions; 0 without tools. */
export function toolOverhead(tools: number, model?: ModelInfo): number {
  if (tools === 0) return 0;
  const hidden = model === undefined || claude.test(model.id) ? claudeToolPrompt : 0;
  return tokensPerToolList + tools * tokensPerTool + hidden;
}
