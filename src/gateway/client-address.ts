import { compileNetworks } from "../core/restrictions.ts";
import type { AddressOf } from "./facts.ts";

/**
 * Tells where requests come from: the other end of the connection, or, where that is a trusted proxy, whom it says it
 * had the request from. Of `x-forwarded-for` only what trusted proxies wrote is believed: it is read from its end, and the
 * first address that is no trusted proxy is the client's.
 *
 * @param connectionOf the other end of a request's connection; empty when it has none
 * @param trusted networks of the proxies before the gateway
 */
export function createAddressOf(connectionOf: AddressOf, trusted: readonly string[]): AddressOf {
  if (trusted.length === 0) return connectionOf;
  const isTrusted = compileNetworks(trusted);
  return (request) => {
    let address = connectionOf(request);
    const named = request.headers.get("x-forwarded-for")?.split(",") ?? [];
    while (named.length > 0 && isTrusted(address)) address = withoutPort(named.pop()!.trim());
    return address;
  };
}

/** Some proxies write the port, too: `192.0.2.7:443` and `[2001:db8::1]:443`. */
function withoutPort(text: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
