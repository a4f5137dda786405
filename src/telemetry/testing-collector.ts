/** For tests: a stand-in for an OpenTelemetry collector, which may be as bad as they come. */

/** One exported span, as the tests need it. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly name: string;
}

/** How a collector behaves. */
export type Manner = "well" | "refuses" | "hangs" | "slow" | "fails";

/** A collector that listens. */
export interface Collector extends Disposable {
  readonly url: string;
  /** Exports that arrived. */
  readonly requests: number;
  /** The spans of the exports that were answered well. */
  readonly spans: readonly ExportedSpan[];
  /** Everything that arrived, as text. */
  readonly text: string;
  readonly headers: readonly Headers[];
  /** Becomes well, and answers what waits. */
  recover(): void;
}

interface Export {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[] }[];
}

/** Starts a collector. One that `refuses` has an address at which nobody listens. */
export function startCollector(manner: Manner, slowMs = 200): Collector {
  let now = manner;
  const held = new Set<() => void>();
  const spans: ExportedSpan[] = [];
  const headers: Headers[] = [];
  const texts: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      headers.push(request.headers);
      const text = await request.text();
      texts.push(text);
      if (now === "hangs") await new Promise<void>((resolve) => held.add(resolve));
      if (now === "slow") await Bun.sleep(slowMs);
      if (now === "fails") return new Response("out of order", { status: 500 });
      const { resourceSpans } = JSON.parse(text) as Export;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      return Response.json({});
    },
  });
  const { port } = server;
  if (manner === "refuses") void server.stop(true);
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    headers,
    get requests() {
      return texts.length;
    },
    get text() {
      return texts.join("\n");
    },
    recover() {
      now = "well";
      for (const answer of held) answer();
      held.clear();
    },
    [Symbol.dispose]() {
      this.recover();
      void server.stop(true);
    },
  };
}
