import { compileNetworks } from "./networks.ts";

/** Longest text that is taken for an address: longer ones are none. */
const maxLength = 64;

/**
 * Tells where requests come from: the other end of the connection, or, where that is a trusted proxy, whom it says it
 * had the request from. Of `x-forwarded-for` only what trusted proxies wrote is believed: it is read from its end, and the
 * first address that is no trusted proxy is the client's.
 *
 * @param trusted networks of the proxies before the gateway
 * @returns a function of the request and the other end of its connection, which is empty when it has none
 */
export function createClientAddress(trusted: readonly string[]): (request: Request, connection: string) => string {
  if (trusted.length === 0) return (_, connection) => connection;
  const isTrusted = compileNetworks(trusted);
  return (request, connection) => {
    const named = request.headers.get("x-forwarded-for")?.split(",") ?? [];
    let address = connection;
    while (named.length > 0 && isTrusted(address)) address = withoutPort(named.pop()!.trim());
    return address.slice(0, maxLength);
  };
}

/** Some proxies write the port, too: `192.0.2.7:443` and `[2001:db8::1]:443`. */
function withoutPort(text: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
