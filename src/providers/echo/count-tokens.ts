import { anthropicCountTokens } from "../anthropic-count-tokens/format.ts";
import { messagesEcho } from "./messages.ts";
import type { EchoSurface } from "./surface.ts";

/** Anthropic's count of a prompt's tokens. */
export const countTokensEcho: EchoSurface = {
  format: anthropicCountTokens,
  idHeader: messagesEcho.idHeader,
  answer: ({ reply }) => JSON.stringify({ input_tokens: reply.promptTokens }),
};
