import type { Transport } from "../core/ports.ts";

/**
 * Makes the transport that sends requests over HTTP with `fetch`, which keeps and reuses connections.
 *
 * Redirects are not followed: they would take the credentials elsewhere. Time is bounded by whoever holds the signal.
 */
export function createTransport(fetchFn: typeof fetch = fetch): Transport {
  return ({ target, path, body, headers, signal }) => {
    for (const name in target.authHeaders) headers.set(name, target.authHeaders[name]!);
    const init = {
      method: "POST",
      headers,
      body,
      signal,
      redirect: "manual",
      timeout: false,
    } as const;
    return fetchFn(target.baseUrl + path, init);
  };
}
