import type { JsonObject } from "../core/wire.ts";

/** Whether an answer says that it is JSON. */
export function isJson(headers: Headers): boolean {
  return headers.get("content-type")?.startsWith("application/json") ?? false;
}

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
