import type {
  ByteSource,
  Clock,
  RoutedTarget,
  TargetStatus,
  Transport,
  Upstream,
  UpstreamAnswer,
  UpstreamCall,
} from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { backoffMs, wait } from "./backoff.ts";
import { ReadAhead } from "./body.ts";
import { retryAdvice } from "./failure.ts";
import { Lane } from "./lane.ts";
import { classOf } from "./model-class.ts";
import { createProbe, type Probe } from "./probe.ts";
import type { UpstreamSettings } from "./settings.ts";

/** What is told of attempts while calls are under way. */
export interface UpstreamMetrics {
  /** A breaker that changed; the first call for a name says how it begins. */
  breaker(name: string, state: TargetStatus["state"]): void;
  /** An attempt that failed, or was answered with an error. */
  upstreamError(provider: string, kind: string): void;
  /** A further attempt, at the same target or at another. */
  upstreamRetry(provider: string, kind: "retry" | "failover"): void;
}

/** What {@link createUpstream} works with. */
export interface UpstreamOptions {
  readonly transport: Transport;
  /** The settings of a provider by its name; asked once for each target. */
  readonly settingsOf: (provider: string) => UpstreamSettings;
  readonly metrics: UpstreamMetrics;
  readonly clock: Clock;
  /** 0 to 1: spreads waits. */
  readonly random?: () => number;
  /** Waits between attempts; resolves when the signal aborts, too. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly probe?: Probe;
}

/** An attempt that did not go well. */
interface Failure {
  readonly target: RoutedTarget;
  /** The answer that came all the same. */
  readonly response?: Response;
  readonly error?: unknown;
  /** Whether it may be tried again at the same target, and at another. */
  readonly here: boolean;
  readonly elsewhere: boolean;
  /** What the provider asked for. */
  readonly waitMs?: number | undefined;
}

/**
 * Makes the part that sends calls to providers: each to the first of its targets that takes it, with further attempts at
 * one target before the next.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { transport, settingsOf, metrics, clock, random = Math.random } = options;
  const pause = options.wait ?? wait;
  const probe = options.probe ?? createProbe();
  const lanes = new Map<string, Lane>();

  function laneOf(target: RoutedTarget): Lane {
    let lane = lanes.get(target.id);
    if (lane === undefined) {
      lane = new Lane(target, settingsOf(target.provider), probe, clock.now, metrics.breaker);
      lanes.set(target.id, lane);
    }
    return lane;
  }

  /** An attempt was answered with an error: `null` when the answer is to be passed on as it is. */
  async function refused(target: RoutedTarget, response: Response): Promise<Failure | Response> {
    const { status, headers } = response;
    metrics.upstreamError(target.provider, `status_${status}`);
    const body = await response.bytes();
    const again = new Response(body, response);
    const advice = retryAdvice(status, headers, body, clock.now());
    return advice === null ? again : { target, response: again, elsewhere: true, ...advice };
  }

  /** Waits until the same target may be tried again. Answers `false` when it is not worth it. */
  async function mayRetry(call: UpstreamCall, lane: Lane, failure: Failure, attempt: number, startedAt: number) {
    const { retries, backoff, budgetMs, totalMs } = lane.settings;
    if (!failure.here || attempt > retries || !lane.admits) return false;
    const ms = backoffMs(backoff, attempt, failure.waitMs, random());
    if (ms === null || clock.now() - startedAt + ms > Math.min(budgetMs, totalMs)) return false;
    await pause(ms, call.begin(Number.POSITIVE_INFINITY));
    if (call.gone || !lane.admits) return false;
    metrics.upstreamRetry(failure.target.provider, "retry");
    return true;
  }

  async function send(call: UpstreamCall): Promise<UpstreamAnswer> {
    const { targets, surface, stream } = call;
    const startedAt = clock.now();
    let failure: Failure | undefined;
    let busyMs = Number.POSITIVE_INFINITY;
    for (const target of targets) {
      const lane = laneOf(target);
      const { settings } = lane;
      let leftMs = settings.totalMs;
      if (failure !== undefined) {
        const spentMs = clock.now() - startedAt;
        leftMs -= spentMs;
        if (!failure.elsewhere || call.gone || spentMs > settings.budgetMs || leftMs <= 0) break;
      }
      const entering = lane.admits && lane.enter(call);
      const entered = typeof entering === "boolean" ? entering : await entering;
      if (!entered || !lane.admits) {
        if (entered) lane.leave();
        if (call.gone) break;
        // The wait for a turn is over, and was no time-out of the provider's.
        call.begin(Number.POSITIVE_INFINITY);
        busyMs = Math.min(busyMs, lane.busyMs);
        continue;
      }
      if (failure !== undefined) metrics.upstreamRetry(target.provider, "failover");
      const kind = classOf(surface, target.thinksLong);
      const firstByteMs = settings.firstByteMs[kind][stream ? "stream" : "whole"];
      // Whoever takes the answer leaves the lane when it has been read.
      let held = true;
      try {
        for (let attempt = 1; ; attempt += 1) {
          const signal = call.begin(Math.min(firstByteMs, leftMs), lane);
          const request = call.prepare(target, signal);
          const trial = lane.begin();
          try {
            let response = await transport(request);
            if (response.status < 400) {
              const source = stream && response.ok && response.body !== null ? response.body.getReader() : null;
              const chunk = source === null ? undefined : await source.read();
              const body = chunk === undefined ? null : new ReadAhead(chunk, source!);
              lane.passed(trial);
              held = false;
              return new Answer(target, response, body, chunk?.value, settings.idleMs[kind], settings.totalMs, lane);
            }
            const found = await refused(target, response);
            if (found instanceof Response) {
              response = found;
              lane.passed(trial);
              return new Answer(target, response, null, undefined, settings.idleMs[kind], settings.totalMs, undefined);
            }
            failure = found;
            // Out of breath is not out of order.
            if (response.status === 429) lane.passed(trial);
            else lane.failed(trial, failure);
          } catch (error) {
            if (call.gone) {
              lane.abandoned(trial);
              throw error;
            }
            metrics.upstreamError(target.provider, call.expired ? "upstream_timeout" : "upstream_unreachable");
            lane.failed(trial, error);
            // What was asked and never answered is not asked there again: it may be at work on it still.
            failure = { target, error, here: !call.expired, elsewhere: true };
          }
          if (!(await mayRetry(call, lane, failure, attempt, startedAt))) break;
          leftMs = settings.totalMs - (clock.now() - startedAt);
        }
      } finally {
        if (held) lane.leave();
      }
    }
    return conclude(failure, busyMs);
  }

  return {
    send,
    status: () => [...lanes.values()].map((lane) => lane.status()),
    close() {
      for (const lane of lanes.values()) lane.close();
    },
  };
}

/** Nothing more is tried: the answer to the last attempt, or its failure. */
function conclude(failure: Failure | undefined, busyMs: number): UpstreamAnswer {
  if (failure === undefined) {
    const ms = Number.isFinite(busyMs) ? busyMs : 0;
    throw new SluiceError("upstream_unavailable", { seconds: Math.max(1, Math.ceil(ms / 1000)) });
  }
  const { response, target, error } = failure;
  if (response === undefined) throw error;
  return new Answer(target, response, null, undefined, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, undefined);
}

class Answer implements UpstreamAnswer {
  readonly target: RoutedTarget;
  readonly response: Response;
  readonly body: ByteSource | null;
  readonly first: Uint8Array | undefined;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly #lane: Lane | undefined;

  constructor(
    target: RoutedTarget,
    response: Response,
    body: ByteSource | null,
    first: Uint8Array | undefined,
    idleMs: number,
    totalMs: number,
    lane: Lane | undefined,
  ) {
    this.target = target;
    this.response = response;
    this.body = body;
    this.first = first;
    this.idleMs = idleMs;
    this.totalMs = totalMs;
    this.#lane = lane;
  }

  release(broken: boolean): void {
    this.#lane?.leave();
    if (broken) this.#lane?.broken();
  }
}
