import type { Elysia } from "elysia";
import { plainRequest } from "../core/plain-request.ts";
import type { Certificate } from "./tls.ts";

/** Where an application listens. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Absent for plain HTTP. */
  readonly certificate?: Certificate | undefined;
}

/** An application that listens. */
export interface Listener {
  readonly port: number;
  /** Gives new connections another certificate. Requests and streams that run go on as they are; idle connections end. */
  renew(certificate: Certificate): void;
  /**
   * Takes no more connections. Resolves when the last one is idle.
   *
   * @param cutOff ends those that run
   */
  stop(cutOff?: boolean): Promise<void>;
}

/**
 * Bun's own limits are set aside: bodies are bounded, with an answer that says so, where they are read, and a model
 * may think for longer than any idle time-out before its first byte. Its page for developers shows source text to
 * whoever meets a bug.
 */
const serverOptions = { maxRequestBodySize: Number.MAX_SAFE_INTEGER, idleTimeout: 0, development: false };

/**
 * Lets an application listen.
 *
 * Bun does not change the certificate of a server (`server.reload` takes one and ignores it). To renew it a second one
 * listens on the same port before the first one stops: between them no connection is refused. The first one finishes the
 * requests that it has, and closes connections that have none, as idle ones are closed at any time: clients open others.
 */
export function listen(app: Elysia, { hostname, port: firstPort, certificate }: ListenOptions): Listener {
  const serve = (port: number, tls: Pick<Certificate, "cert" | "key"> | undefined) =>
    Bun.serve({
      ...serverOptions,
      ...{ hostname, port, reusePort: tls !== undefined },
      ...(tls && { tls: { cert: tls.cert, key: tls.key } }),
      // The gateway's routes are Bun's own; all others are the application's.
      ...(app.config.serve as { readonly routes: Record<string, never> }),
      fetch: (request) => app.fetch(plainRequest(request)),
    });
  type Server = ReturnType<typeof serve>;
  const leaving = new Set<Server>();
  // Sharing the port is for renewals. Who else has it already is found out as with plain HTTP, by asking for it alone.
  if (certificate) void Bun.serve({ hostname, port: firstPort, fetch: () => new Response() }).stop(true);
  let current = serve(firstPort, certificate);
  const port = current.port!;
  app.server = current;

  const stop = async (server: Server) => {
    leaving.add(server);
    await server.stop();
    leaving.delete(server);
  };

  return {
    port,
    renew(renewed) {
      if (certificate === undefined) throw new Error("there is no certificate to renew");
      const before = current;
      current = serve(port, renewed);
      app.server = current;
      void stop(before);
    },
    async stop(cutOff = false) {
      await Promise.all([current, ...leaving].map((server) => server.stop(cutOff)));
    },
  };
}
