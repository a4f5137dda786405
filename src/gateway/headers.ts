import { SluiceError } from "../errors.ts";

/** Headers as plain object with lower-case names: for reading, which is several times cheaper than from Headers. */
export type PlainHeaders = Record<string, string>;

/** Headers that belong to one connection (RFC 9110 section 7.6.1) or that the relay sets itself. */
const connectionHeaders = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "content-encoding",
];

/** What a client may not tell the provider: credentials, cookies, addresses, and whose account is charged. */
const clientOnly = new Set([
  ...connectionHeaders,
  "host",
  "expect",
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "cookie",
  "origin",
  "referer",
  "forwarded",
  "via",
  "x-real-ip",
  "openai-organization",
  "openai-project",
  "x-goog-user-project",
  // Google's servers take the method from it.
  "x-http-method-override",
]);

/** What a provider may not tell the client. */
const providerOnly = new Set([
  ...connectionHeaders,
  "set-cookie",
  "set-cookie2",
  "authorization",
  "alt-svc",
  "server-timing",
  "openai-organization",
  "anthropic-organization-id",
]);

/** Where SDKs put their key, in the order looked at. */
const keyHeaders = ["x-api-key", "api-key", "x-goog-api-key"] as const;

/** The paths whose clients may put their key into the query, as Google's do: a method of a model. */
const keyInQuery = /^https?:\/\/[^/]+\/(?:v1beta|v1|v1alpha)\/(?:models|tunedModels)\/[^?#]*(?::|%3A)[^/?#]*\?/i;

/**
 * The gateway key of a request, from wherever the client's SDK puts its API key.
 *
 * @param url of the call: on Gemini's paths the key may stand there as `key`, and goes no further
 * @throws SluiceError `missing_key`
 */
export function presentedKey(headers: PlainHeaders, url = ""): string {
  const { authorization } = headers;
  if (authorization !== undefined && /^bearer /i.test(authorization)) return authorization.slice(7).trim();
  for (const name of keyHeaders) {
    const value = headers[name];
    if (value !== undefined && value !== "") return value;
  }
  if (keyInQuery.test(url)) {
    const value = new URL(url).searchParams.get("key");
    if (value) return value;
  }
  throw new SluiceError("missing_key", { accepted: "authorization: Bearer, x-api-key, api-key or x-goog-api-key" });
}

/**
 * The client's headers that go on to the provider: `headers` itself, without what is not for it. Taking a few away
 * costs a fraction of what making new ones does.
 *
 * @param read the same headers, as they were read
 */
export function towardsProvider(headers: Headers, read: PlainHeaders): Headers {
  const named = connectionNamed(read.connection);
  for (const name in read) {
    const kept = !clientOnly.has(name) && !name.startsWith("sluice-") && !name.startsWith("x-forwarded-");
    if (!kept || named?.has(name)) headers.delete(name);
  }
  // The relay reads the answer, so compression between it and the provider would only be undone here.
  headers.set("accept-encoding", "identity");
  if (read["content-type"] !== "application/json") headers.set("content-type", "application/json");
  return headers;
}

/** The provider's headers that go back to the client: `headers` itself, without what is not for it. */
export function towardsClient(headers: Headers): Headers {
  const all = headers.toJSON();
  const named = connectionNamed(all.connection);
  for (const name in all) {
    if (providerOnly.has(name) || named?.has(name)) headers.delete(name);
  }
  return headers;
}

/** Headers that a Connection header names are for this hop only, too. */
function connectionNamed(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || /^(keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}
