import type { Refusal } from "../../core/wire.ts";

/** A refusal in Anthropic's error shape, as JSON text. Anthropic's own errors have no code; ours is added. */
export function writeMessagesRefusal({ status, code, message, sluice }: Refusal): string {
  return JSON.stringify({
    type: "error",
    error: { type: errorType(status), message, code, ...(sluice && { sluice }) },
  });
}

/**
 * The error event with which Anthropic ends a broken stream. The blank line before it ends an event that the provider
 * may have left open; anywhere else it means nothing.
 */
export function writeMessagesStreamError(refusal: Refusal): string {
  return `\n\nevent: error\ndata: ${writeMessagesRefusal(refusal)}\n\n`;
}

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
  529: "overloaded_error",
};

function errorType(status: number): string {
  return types[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
}
