import type { WireFormat } from "../../core/wire.ts";
import { createEcho, type EchoOptions } from "./echo.ts";
import { echoSurfaces } from "./surfaces.ts";

/** A running echo server. */
export interface EchoServer {
  /** Without a path: OpenAI clients add `/v1`, Anthropic's nothing. */
  readonly url: string;
  readonly port: number;
  /** Ends at once what is still running. */
  stop(): Promise<void>;
}

/** Paths as clients call them, and as they are below a base URL that says the rest. */
function pathsOf({ paths }: WireFormat): readonly string[] {
  return paths.flatMap((path) => [path, path.replace(/^\/(?:v1|azure)(?=\/)/, "")]);
}

/** Serves the simulated provider over HTTP on the loopback interface; port 0 picks a free one. */
export function serveEcho(options: EchoOptions & { port?: number } = {}): EchoServer {
  const echo = createEcho(options);
  const notFound = () => new Response("not found", { status: 404 });
  const sharing = new Map<string, WireFormat[]>();
  for (const { format } of Object.values(echoSurfaces)) {
    for (const path of pathsOf(format)) sharing.set(path, [...(sharing.get(path) ?? []), format]);
  }

  async function answer(formats: readonly WireFormat[], request: Request): Promise<Response> {
    const { url, headers, signal } = request;
    const format = formats.find(({ takes }) => takes === undefined || takes(url));
    if (format === undefined) return notFound();
    const path = url.slice(url.indexOf("/", 8));
    try {
      return await echo({ surface: format.surface, body: await request.bytes(), path, headers, signal });
    } catch (error) {
      // What a refused connection is to `createEcho` is here one that breaks off without an answer's first byte.
      return new Response(new ReadableStream({ start: (controller) => controller.error(error) }));
    }
  }

  const routes = [...sharing].map(([path, formats]) => [path, { POST: (r: Request) => answer(formats, r) }] as const);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: options.port ?? 0,
    idleTimeout: 0,
    routes: Object.fromEntries(routes),
    fetch: notFound,
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
