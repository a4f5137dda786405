import type { Refusal } from "../../core/wire.ts";

/** A refusal in Cohere's error shape, as JSON text. Cohere's own errors have no code; ours is added. */
export function writeCohereRefusal({ message, code, type, sluice }: Refusal): string {
  return JSON.stringify({ message, code, ...(type && { type }), ...(sluice && { sluice }) });
}

/**
 * The end of a message that failed, as Cohere tells it. The blank line before it ends an event that the provider may have
 * left open; anywhere else it means nothing.
 */
export function writeCohereStreamError({ message, code, sluice }: Refusal): string {
  const delta = { finish_reason: "ERROR", usage: {}, error: message, error_type: code, ...(sluice && { sluice }) };
  return `\n\nevent: message-end\ndata: ${JSON.stringify({ type: "message-end", delta })}\n\ndata: [DONE]\n\n`;
}
