import type { Surface } from "../../core/phases.ts";
import { createEcho, type EchoOptions } from "./echo.ts";

/** A running echo server. */
export interface EchoServer {
  /** Without a path: OpenAI clients add `/v1`, Anthropic's nothing. */
  readonly url: string;
  readonly port: number;
  /** Ends at once what is still running. */
  stop(): Promise<void>;
}

const surfaceOf: Readonly<Record<string, Surface>> = {
  "/v1/chat/completions": "chat",
  "/chat/completions": "chat",
  "/v1/messages": "messages",
};

/** Serves the simulated provider over HTTP on the loopback interface; port 0 picks a free one. */
export function serveEcho(options: EchoOptions & { port?: number } = {}): EchoServer {
  const echo = createEcho(options);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 0,
    async fetch(request) {
      const { url } = request;
      const query = url.indexOf("?");
      const path = url.slice(url.indexOf("/", 8), query === -1 ? undefined : query);
      const surface = surfaceOf[path];
      if (surface === undefined || request.method !== "POST") return new Response("not found", { status: 404 });
      const { headers } = request;
      try {
        return await echo({ surface, body: await request.bytes(), headers, signal: request.signal });
      } catch (error) {
        // What a refused connection is to `createEcho` is here one that breaks off without an answer's first byte.
        return new Response(new ReadableStream({ start: (controller) => controller.error(error) }));
      }
    },
    error: () => new Response(null, { status: 500 }),
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port!,
    stop: () => server.stop(true),
  };
}

if (import.meta.main) {
  const { url } = serveEcho({ port: Number(process.argv[2] ?? 0) });
  process.stdout.write(`echo ready ${url}\n`);
}
