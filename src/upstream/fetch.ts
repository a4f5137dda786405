import type { Upstream } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";

/**
 * Sends requests to providers over HTTP with `fetch`, which keeps and reuses connections.
 *
 * Redirects are not followed: they would take the credentials elsewhere. Only the time to the answer's headers is
 * bounded here; whoever reads the body bounds the time between its chunks.
 *
 * @param firstByteSeconds from sending the request to the answer's headers: connecting, sending and thinking
 */
export function createUpstream(firstByteSeconds: number, fetchFn: typeof fetch = fetch): Upstream {
  return {
    async send({ target, path, body, headers, signal, abort }) {
      let expired = false;
      const timer = setTimeout(() => {
        expired = true;
        abort();
      }, firstByteSeconds * 1000);
      timer.unref();
      try {
        const init = {
          method: "POST",
          headers: { ...headers, ...target.authHeaders },
          body,
          signal,
          redirect: "manual",
          timeout: false,
        } as const;
        return await fetchFn(target.baseUrl + path, init);
      } catch (cause) {
        const { provider } = target;
        if (expired) throw new SluiceError("upstream_timeout", { provider, seconds: firstByteSeconds }, { cause });
        throw new SluiceError("upstream_unreachable", { provider }, { cause });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
