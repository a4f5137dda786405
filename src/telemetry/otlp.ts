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

/** Exports that may be under way at once: a collector that keeps them waiting holds no more than these. */
const concurrencyLimit = 4;

/** Makes the exporter to an OTLP collector, over HTTP as JSON. */
export function createOtlpExporter({ endpoint, headers, timeoutMs }: OtlpOptions): SpanExporter {
  return new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    headers: parseOtlpHeaders(headers ?? "") ?? {},
    timeoutMillis: timeoutMs,
    concurrencyLimit,
  });
}
