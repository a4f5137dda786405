import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Tracer as SdkTracer,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
  ATTR_URL_PATH,
} from "@opentelemetry/semantic-conventions";
import type { Decision } from "../core/decision.ts";
import type { RoutedTarget } from "../core/ports.ts";
import type { CallTrace, TraceDetails, TracedCall, TracedEnd, TracedPart, Tracer } from "../core/tracing.ts";
import { answerAttributes, attemptAttributes, attemptName, callAttributes, failureAttributes } from "./gen-ai.ts";
import type { AbortableExporter } from "./otlp.ts";
import { createSpanQueue, type SpanQueueOptions } from "./span-queue.ts";

export type { SpanExporter };

/** What traces are made with. */
export interface TracingOptions extends SpanQueueOptions {
  /** Its `abort` is called when the end has waited for it long enough. */
  readonly exporter: SpanExporter & Partial<Pick<AbortableExporter, "abort">>;
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Of the traces that begin here, the share (0 to 1) that is kept. What a client began is kept as the client says. */
  readonly sampledShare: number;
}

/** A {@link Tracer} that runs until it is closed. */
export interface Tracing extends Tracer {
  /** Spans that did not fit the queue, or that the collector did not take. */
  readonly dropped: number;
  /** Exports what is left, for at most so long, and stops. Never rejects. */
  close(ms: number): Promise<void>;
}

const propagator = new W3CTraceContextPropagator();

/** Attributes are names, ids and figures; one that is longer comes from a client who tries what happens. */
const spanLimits = { attributeValueLengthLimit: 256, attributeCountLimit: 64, eventCountLimit: 64 };

/** Makes the part that traces calls with OpenTelemetry's SDK. It registers nothing globally. */
export function createTracing(options: TracingOptions): Tracing {
  const queue = createSpanQueue(options);
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      [ATTR_SERVICE_NAME]: options.serviceName,
      [ATTR_SERVICE_VERSION]: options.serviceVersion,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampledShare) }),
    spanLimits,
    spanProcessors: [queue],
  });
  const tracer = provider.getTracer("sluice", options.serviceVersion);
  return {
    get dropped() {
      return queue.dropped;
    },
    begin(call, headers) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
      // The clock that may be set is read once for each call: its parts cannot overtake each other.
      const epochMs = Date.now() - performance.now();
      const root = tracer.startSpan(
        `POST ${call.surface}`,
        {
          kind: SpanKind.SERVER,
          startTime: epochMs + call.started,
          attributes: {
            [ATTR_HTTP_REQUEST_METHOD]: "POST",
            [ATTR_URL_PATH]: call.path,
            "sluice.request_id": call.id,
            "sluice.surface": call.surface,
          },
        },
        parent,
      );
      const context = trace.setSpan(ROOT_CONTEXT, root);
      return root.isRecording() ? new SampledTrace(tracer, call, root, context, epochMs) : new UnsampledTrace(context);
    },
    async close(ms) {
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, ms);
      await Promise.race([provider.shutdown().catch(() => undefined), timer.promise]);
      clearTimeout(timeout);
      options.exporter.abort?.();
    },
  };
}

const headersSetter: TextMapSetter<Headers> = {
  set(headers, name, value) {
    if (value !== "") headers.set(name, value);
  },
};

/** The provider goes on with the trace as this process has it; what the client's headers said of it is not for it. */
function passContext(context: Context, headers: Headers): void {
  for (const name of propagator.fields()) headers.delete(name);
  propagator.inject(context, headers, headersSetter);
}

/** A trace of which nothing is kept: only who comes after it learns that. */
class UnsampledTrace implements CallTrace {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  attempt(_target: RoutedTarget, headers: Headers): void {
    passContext(this.#context, headers);
  }

  part(): void {}
  decided(): void {}
  attemptFailed(): void {}
  answerRead(): void {}
  end(): void {}
}

class SampledTrace implements CallTrace {
  readonly #tracer: SdkTracer;
  readonly #call: TracedCall;
  readonly #root: Span;
  readonly #context: Context;
  /** What `performance.now()` has to be added to for the time of day. */
  readonly #epochMs: number;
  #attempts = 0;
  #attempt: Span | undefined;
  #attemptFrom = 0;
  #readAt = 0;

  constructor(tracer: SdkTracer, call: TracedCall, root: Span, context: Context, epochMs: number) {
    this.#tracer = tracer;
    this.#call = call;
    this.#root = root;
    this.#context = context;
    this.#epochMs = epochMs;
  }

  part(name: TracedPart, from: number, details: TraceDetails = {}): void {
    const started = { startTime: this.#epochMs + from, attributes: named(details) };
    this.#tracer.startSpan(`sluice.${name}`, started, this.#context).end(this.#now());
  }

  decided({ phase, effect, outcome, findings }: Decision): void {
    const at = this.#now();
    // No message: it may quote what a rule found.
    for (const { policy, rule, kind, mode, effect, code, override } of findings) {
      const told = { phase, policy, rule, kind, mode, effect, code, ...(override !== undefined && { override }) };
      this.#root.addEvent("sluice.finding", named(told), at);
    }
    this.#root.setAttribute(`sluice.decision.${phase}`, outcome === "error" ? `${effect} (error)` : effect);
  }

  attempt(target: RoutedTarget, headers: Headers): void {
    this.#attempt?.end(this.#now());
    const { surface } = this.#call;
    this.#attempts += 1;
    this.#attemptFrom = performance.now();
    this.#readAt = 0;
    const attributes = attemptAttributes(surface, target, this.#attempts);
    const started = { kind: SpanKind.CLIENT, startTime: this.#now(this.#attemptFrom), attributes };
    this.#attempt = this.#tracer.startSpan(attemptName(surface, target), started, this.#context);
    passContext(trace.setSpan(ROOT_CONTEXT, this.#attempt), headers);
  }

  attemptFailed(kind: string): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#attempt = undefined;
    attempt.setAttributes(failureAttributes(kind)).setStatus({ code: SpanStatusCode.ERROR });
    attempt.end(this.#now());
  }

  answerRead(): void {
    if (this.#readAt === 0) this.#readAt = performance.now();
  }

  end(told: TracedEnd): void {
    const { row } = told;
    const root = this.#root;
    root.setAttributes(callAttributes(told));
    if (this.#attempts > 0) {
      root.setAttributes(answerAttributes(told, 0)).setAttribute("sluice.attempts", this.#attempts);
    }
    if (this.#attempt !== undefined) {
      this.#attempt.setAttributes(answerAttributes(told, this.#attemptFrom - this.#call.started));
      this.#attempt.end(this.#now(this.#readAt === 0 ? undefined : this.#readAt));
      this.#attempt = undefined;
    }
    if (row.status >= 500) root.setStatus({ code: SpanStatusCode.ERROR });
    root.end(this.#now());
  }

  #now(at = performance.now()): number {
    return this.#epochMs + at;
  }
}

/** Details under Sluice's own prefix. */
function named(details: TraceDetails): Attributes {
  return Object.fromEntries(Object.entries(details).map(([name, value]) => [`sluice.${name}`, value]));
}
