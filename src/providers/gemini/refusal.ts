import type { Refusal } from "../../core/wire.ts";

/**
 * A refusal in Google's error shape, as JSON text. The code is the reason of an `ErrorInfo`, whose metadata is where
 * Google's clients look for more; what the other surfaces have as `sluice` stands there under that name as well.
 */
export function writeGeminiRefusal(refusal: Refusal): string {
  return JSON.stringify({ error: errorOf(refusal) });
}

/**
 * The element with which an event stream that broke off ends. The blank line before it ends an event that the provider
 * may have left open; anywhere else it means nothing.
 */
export function writeGeminiStreamError(refusal: Refusal): string {
  return `\r\n\r\ndata: ${writeGeminiRefusal(refusal)}\r\n\r\n`;
}

function errorOf({ status, code, message, sluice }: Refusal) {
  const info = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: code, domain: "sluice" };
  return {
    code: status,
    message,
    status: statusName(status),
    details: [{ ...info, ...(sluice && { metadata: sluice, sluice }) }],
  };
}

const names: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  402: "RESOURCE_EXHAUSTED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  501: "UNIMPLEMENTED",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function statusName(status: number): string {
  return names[status] ?? (status < 500 ? "FAILED_PRECONDITION" : "INTERNAL");
}
