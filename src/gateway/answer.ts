import type { JsonObject } from "../core/wire.ts";

/**
 * Whether an answer to a request for a stream is one JSON object all the same, as errors and some providers' answers are.
 * Content types lie, in both directions: its first byte says what it is.
 *
 * @param first its first chunk; `undefined` when it has none
 */
export function comesWhole(first: Uint8Array | undefined, headers: Headers): boolean {
  const begin = first?.find((byte) => !blank.has(byte));
  if (begin !== undefined) return begin === openingBrace;
  return headers.get("content-type")?.startsWith("application/json") ?? false;
}

/** White space, and the bytes of a BOM. */
const blank = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
const openingBrace = 0x7b;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The body as JSON object, or `null` when it is none: error bodies of proxies and CDNs often are not. */
export function parseObject(bytes: Uint8Array): JsonObject | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

/** Whether a body repeats the credentials we sent. Providers mask them; a proxy between may not. */
export function leaksCredentials(bytes: Uint8Array, auth: Readonly<Record<string, string>>): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.values(auth).some((value) => {
    const secret = value.replace(/^Bearer /i, "");
    return secret.length >= 8 && text.includes(secret);
  });
}
