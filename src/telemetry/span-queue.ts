import { type Context, TraceFlags } from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { Logger } from "../core/ports.ts";

/** How spans leave the process. */
export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  /** Most spans that are kept, those included that are being exported. */
  readonly maxSpans: number;
  /** How long spans wait for others to be exported with. */
  readonly delayMs: number;
  readonly logger: Logger;
}

/** The way out for spans; never waited for by a call. */
export interface SpanQueue extends SpanProcessor {
  /** Spans that did not fit, or that the collector did not take. */
  readonly dropped: number;
}

/** Small, because a batch is written as JSON between two requests: some 20 µs a span. */
const maxBatch = 128;

/**
 * Makes the queue of spans, around the SDK's own: one bound over what waits *and* what is on its way to a collector that
 * does not answer, with every span that gets lost counted once.
 */
export function createSpanQueue({ exporter, maxSpans, delayMs, logger }: SpanQueueOptions): SpanQueue {
  let pending = 0;
  let dropped = 0;
  let failing = false;
  let closed = false;

  const told = (count: number, { code, error }: ExportResult) => {
    pending -= count;
    if (code === ExportResultCode.SUCCESS) {
      if (failing) logger.info({}, "traces are exported again");
      failing = false;
      return;
    }
    dropped += count;
    // Said once: a collector that is away for a day needs no line a second.
    if (!failing) logger.warn({ problem: error?.message ?? "unknown" }, "traces cannot be exported: they are dropped");
    failing = true;
  };
  const counting: SpanExporter = {
    export(spans, done) {
      let answered = false;
      const once = (result: ExportResult) => {
        if (answered) return;
        answered = true;
        told(spans.length, result);
        done(result);
      };
      try {
        exporter.export(spans, once);
      } catch (error) {
        once({ code: ExportResultCode.FAILED, error: error instanceof Error ? error : new Error("export failed") });
      }
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
  const batches = new BatchSpanProcessor(counting, {
    maxQueueSize: maxSpans,
    maxExportBatchSize: Math.min(maxBatch, maxSpans),
    scheduledDelayMillis: delayMs,
  });

  return {
    get dropped() {
      return dropped;
    },
    onStart(span: Span, context: Context) {
      batches.onStart(span, context);
    },
    onEnd(span: ReadableSpan) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (closed || pending >= maxSpans) {
        dropped += 1;
        return;
      }
      pending += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown() {
      closed = true;
      return batches.shutdown();
    },
  };
}
