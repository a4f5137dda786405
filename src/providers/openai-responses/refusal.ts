import type { Refusal } from "../../core/wire.ts";
import { parseObject } from "../json.ts";
import { writeChatRefusal } from "../openai-chat/refusal.ts";

/**
 * The event with which OpenAI ends a broken stream, nested as its servers send it: its clients throw on that, and lose
 * the reason of the flat one that is documented. The blank line before it ends an event that the provider may have left
 * open; anywhere else it means nothing.
 */
export function writeResponsesStreamError(refusal: Refusal): string {
  const error = parseObject(writeChatRefusal(refusal))?.error;
  return `\n\nevent: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`;
}
