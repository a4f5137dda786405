import type { Refusal } from "../../core/wire.ts";

/** A refusal in OpenAI's error shape, as JSON text. */
export function writeChatRefusal({ status, code, message, type, sluice }: Refusal): string {
  return JSON.stringify({
    error: { message, type: type ?? errorType(status), code, param: null, ...(sluice && { sluice }) },
  });
}

/**
 * The event on which OpenAI's clients throw. The blank line before it ends an event that the provider may have left
 * open; anywhere else it means nothing.
 */
export function writeChatStreamError(refusal: Refusal): string {
  return `\n\ndata: ${writeChatRefusal(refusal)}\n\n`;
}

function errorType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 402) return "billing_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "api_error";
}
