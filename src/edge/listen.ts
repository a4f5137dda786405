import type { Elysia } from "elysia";
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
 * may think for longer than any idle time-out before its first byte.
 */
const serverLimits = { maxRequestBodySize: Number.MAX_SAFE_INTEGER, idleTimeout: 0 };

/** Lets an application listen. */
export function listen(app: Elysia, { hostname, port, certificate }: ListenOptions): Listener {
  if (certificate === undefined) {
    app.listen({ hostname, port, ...serverLimits });
    const server = app.server!;
    return {
      port: server.port!,
      renew() {
        throw new Error("there is no certificate to renew");
      },
      stop: (cutOff) => server.stop(cutOff),
    };
  }
  return listenSecurely(app, hostname, port, certificate);
}

/**
 * Bun does not change the certificate of a server (`server.reload` takes one and ignores it). A second one listens on the
 * same port before the first one stops: between them no connection is refused. The first one finishes the requests that
 * it has, and closes connections that have none, as idle ones are closed at any time: clients open others.
 */
function listenSecurely(app: Elysia, hostname: string, firstPort: number, first: Certificate): Listener {
  const serve = (port: number, { cert, key }: Certificate) =>
    Bun.serve({
      ...serverLimits,
      ...{ hostname, port, reusePort: true, development: false },
      tls: { cert, key },
      // The gateway's routes are Bun's own; all others are the application's.
      ...(app.config.serve as { readonly routes: Record<string, never> }),
      fetch: app.fetch,
    });
  type Server = ReturnType<typeof serve>;
  const leaving = new Set<Server>();
  // Sharing the port is for renewals. Who else has it already is found out as with plain HTTP, by asking for it alone.
  void Bun.serve({ hostname, port: firstPort, fetch: () => new Response() }).stop(true);
  let current = serve(firstPort, first);
  const port = current.port!;
  app.server = current;

  const stop = async (server: Server) => {
    leaving.add(server);
    await server.stop();
    leaving.delete(server);
  };

  return {
    port,
    renew(certificate) {
      const before = current;
      current = serve(port, certificate);
      app.server = current;
      void stop(before);
    },
    async stop(cutOff = false) {
      await Promise.all([current, ...leaving].map((server) => server.stop(cutOff)));
    },
  };
}
