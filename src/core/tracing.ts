import type { Decision } from "./decision.ts";
import type { Surface } from "./phases.ts";
import type { RoutedTarget, UsageRow } from "./ports.ts";
import type { RequestView } from "./wire.ts";

/** What may be told of a part of a call. Never text of a prompt or an answer, and never a secret. */
export type TraceDetails = Readonly<Record<string, string | number | boolean>>;

/**
 * The parts of a call that are spans of their own. What is sent to a provider is one as well, for each attempt: see
 * {@link CallTrace.attempt}.
 */
export type TracedPart = "facts" | "decide" | "modify" | "reserve" | "stream" | "settle";

/** A call that begins. Times of traces are those of `performance.now()`. */
export interface TracedCall {
  readonly id: string;
  readonly surface: Surface;
  /** Path of the request, without its query: keys may stand there. */
  readonly path: string;
  readonly started: number;
}

/** How a call ended. */
export interface TracedEnd {
  readonly row: UsageRow;
  /** The request as it went to the provider; absent for one that could not be read. */
  readonly view: RequestView | undefined;
  /** Why the model stopped, as the surface says it; empty where nothing was said. */
  readonly finishReason: string;
  /** The policy set that it was judged by. */
  readonly revision: string;
}

/**
 * Begins the traces of calls.
 *
 * While tracing is off there is none: whoever has something to tell looks whether there is a trace, and makes nothing
 * for it before it has.
 */
export interface Tracer {
  /**
   * The trace of one call, as a part of the one that the client's `traceparent` names, if there is one.
   *
   * @param headers of the client, with lower-case names
   */
  begin(call: TracedCall, headers: Readonly<Record<string, string>>): CallTrace;
}

/** The trace of one call. Nothing it does waits, fails, or is noticed by the call. */
export interface CallTrace {
  /** A part that ends now. What it is told about is not changed afterwards. */
  part(name: TracedPart, from: number, details?: TraceDetails): void;
  /** A phase's decision, once it is final. */
  decided(decision: Decision): void;
  /**
   * An attempt at a provider begins. An earlier one that is still open ends.
   *
   * @param headers the request's: get the trace context that the provider may go on with, in place of the client's
   */
  attempt(target: RoutedTarget, headers: Headers): void;
  /**
   * The attempt under way failed, or was answered with an error. Where there is none any more it does nothing.
   *
   * @param kind what the failure is counted as, such as `status_500` or `upstream_timeout`
   */
  attemptFailed(kind: string): void;
  /** The answer of the attempt under way has been read, or is not read any further. The first call counts. */
  answerRead(): void;
  /** The call is over. Parts that end later, as a settlement that waits for Redis, may still be told. */
  end(call: TracedEnd): void;
}
