/** What came over the connection, for the requests that stand for it. Weak: entries go with their requests. */
const received = new WeakMap<Request, Request>();

/**
 * The request under a URL whose path is found by whoever looks for it behind the shortest name that hosts have in the
 * internet, as the framework does. With a shorter host, or a host header that names none, it would find another path in the
 * middle of the one that was asked for: not the one that whoever guards paths before the gateway let pass.
 */
export function plainRequest(request: Request): Request {
  const { url } = request;
  if (/^https?:\/\/[^/]{4}/.test(url) && URL.canParse(url)) return request;
  // Without a host that can be read there is nothing in it but the path.
  const at = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const plain = new Request(`http://sluice.invalid${at < 0 ? "/" : url.slice(at)}`, request);
  received.set(plain, request);
  return plain;
}

/** The request as it came over the connection, which is what its server knows it by. */
export function receivedRequest(request: Request): Request {
  return received.get(request) ?? request;
}
