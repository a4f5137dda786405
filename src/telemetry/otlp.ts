import type { Agent } from "node:http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { parseOtlpHeaders } from "./otlp-headers.ts";

/** Where traces go. */
export interface OtlpOptions {
  /** The collector's base address, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: `/v1/traces` is added. */
  readonly endpoint: string;
  /** `name=value` pairs with commas between them, values percent-encoded; as `OTEL_EXPORTER_OTLP_HEADERS` has them. */
  readonly headers: string | undefined;
  /** Longest time that one export may take, further attempts included. */
  readonly timeoutMs: number;
}

/** An exporter that can be told not to wait any more. */
export interface AbortableExporter extends SpanExporter {
  /** Ends what is under way, and lets nothing begin: a connection that hangs would keep the process alive. */
  abort(): void;
}

/** Exports that may be under way at once: a collector that keeps them waiting holds no more than these. */
const concurrencyLimit = 4;

/** Makes the exporter to an OTLP collector, over HTTP as JSON. */
export function createOtlpExporter({ endpoint, headers, timeoutMs }: OtlpOptions): AbortableExporter {
  const parsed = parseOtlpHeaders(headers ?? "") ?? {};
  const agents: Agent[] = [];
  let aborted = false;
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    // Asked before each attempt: the way to keep further ones from beginning.
    headers: async () => {
      if (aborted) throw new Error("traces are not exported any more");
      return { ...parsed };
    },
    timeoutMillis: timeoutMs,
    concurrencyLimit,
    httpAgentOptions: async (protocol) => {
      const { Agent } = protocol === "https:" ? await import("node:https") : await import("node:http");
      const agent = new Agent({ keepAlive: true });
      agents.push(agent);
      return agent;
    },
  });
  return {
    export: (spans, done) => exporter.export(spans, done),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
    abort() {
      aborted = true;
      for (const agent of agents) agent.destroy();
    },
  };
}
