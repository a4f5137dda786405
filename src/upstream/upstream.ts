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
import { readResponse } from "../core/read-bytes.ts";
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
  /** Largest answer that is read whole; of errors at most {@link mostErrorBytes} are. */
  readonly maxAnswerBytes?: number;
  readonly clock: Clock;
  /** 0 to 1: spreads waits. */
  readonly random?: () => number;
  /** Waits between attempts; resolves when the signal aborts, too. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly probe?: Probe;
}

/** Largest error that is read: they are looked at before they are passed on, or another attempt is made. */
export const mostErrorBytes = 1_048_576;

/** An attempt that did not go well. */
interface Failure {
  readonly target: RoutedTarget;
  /** The answer that came all the same. */
  readonly response?: Response;
  readonly error?: SluiceError;
  /** Whether it may be tried again at the same target; at another it always may. */
  readonly here: boolean;
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
  const maxBytes = Math.min(mostErrorBytes, options.maxAnswerBytes ?? mostErrorBytes);
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

  /** Reads an answer that is an error: a failure where another attempt is worth it, else the answer to be passed on. */
  async function refused(call: UpstreamCall, target: RoutedTarget, response: Response): Promise<Failure | Response> {
    const { status, headers } = response;
    const kind = `status_${status}`;
    metrics.upstreamError(target.provider, kind);
    call.failed(kind);
    const body = await readResponse(response, maxBytes);
    if (body === null) {
      const error = new SluiceError("upstream_too_large", { provider: target.provider, max: maxBytes });
      return { target, error, here: false, ...retryAdvice(status, headers, nothing, clock.now()) };
    }
    const again = new Response(body, response);
    const advice = retryAdvice(status, headers, body, clock.now());
    return advice === null ? again : { target, response: again, ...advice };
  }

  /** Waits until the same target may be tried again. Answers `false` when it is not worth it. */
  async function mayRetry(call: UpstreamCall, lane: Lane, failure: Failure, attempt: number, startedAt: number) {
    const { retries, backoff, budgetMs, totalMs } = lane.settings;
    if (!failure.here || attempt > retries || !lane.admits) return false;
    const ms = backoffMs(backoff, attempt, failure.waitMs, random());
    const begins = (inMs: number) => mayBegin(clock.now() - startedAt + inMs, budgetMs, totalMs);
    if (ms === null || !begins(ms)) return false;
    await pause(ms, call.begin(Number.POSITIVE_INFINITY));
    // The wait may have taken longer than it should have.
    if (call.gone || !lane.admits || !begins(0)) return false;
    metrics.upstreamRetry(failure.target.provider, "retry");
    return true;
  }

  /** Makes attempts at one target, which has a place for them, until one is to be passed on or no other is worth it. */
  async function ask(call: UpstreamCall, target: RoutedTarget, lane: Lane, startedAt: number, leftMs: number) {
    const { settings } = lane;
    const kind = classOf(call.surface, target.thinksLong);
    const firstByteMs = settings.firstByteMs[kind][call.stream ? "stream" : "whole"];
    for (let attempt = 1, left = leftMs; ; attempt += 1) {
      const ms = Math.min(firstByteMs, left);
      const signal = call.begin(ms, lane);
      const request = call.prepare(target, signal);
      const trial = lane.begin();
      let failure: Failure;
      try {
        const response = await transport(request);
        if (response.status < 400) {
          const source = call.stream && response.ok && response.body !== null ? response.body.getReader() : null;
          const chunk = source === null ? undefined : await source.read();
          const body = chunk === undefined ? null : new ReadAhead(chunk, source!);
          lane.passed(trial);
          return new Answer(target, response, body, chunk?.value, settings.idleMs[kind], settings.totalMs, lane);
        }
        const found = await refused(call, target, response);
        // Out of breath, or asked wrongly, is not out of order.
        if (found instanceof Response || response.status === 429) lane.passed(trial);
        else lane.failed(trial, found);
        if (found instanceof Response) return passOn(target, found);
        failure = found;
      } catch (cause) {
        if (call.gone) {
          lane.abandoned(trial);
          throw cause;
        }
        const { provider } = target;
        const error = call.expired
          ? new SluiceError("upstream_timeout", { provider, seconds: ms / 1000 })
          : new SluiceError("upstream_unreachable", { provider }, { cause });
        metrics.upstreamError(provider, error.code);
        call.failed(error.code);
        lane.failed(trial, error);
        // What was asked and never answered is not asked there again: it may be at work on it still.
        failure = { target, error, here: !call.expired };
      }
      const again = await mayRetry(call, lane, failure, attempt, startedAt);
      // Of those who wait for a target that was left alone only the first may try it.
      if (!again || !lane.admits) return failure;
      left = settings.totalMs - (clock.now() - startedAt);
    }
  }

  async function send(call: UpstreamCall): Promise<UpstreamAnswer> {
    const startedAt = clock.now();
    let failure: Failure | undefined;
    let busyMs = Number.POSITIVE_INFINITY;
    for (const target of call.targets) {
      const lane = laneOf(target);
      const { totalMs } = lane.settings;
      // The first attempt has all the time that the call has, those after it what is set for them.
      const budgetMs = failure === undefined ? totalMs : lane.settings.budgetMs;
      let spentMs = clock.now() - startedAt;
      if ((failure !== undefined && call.gone) || !mayBegin(spentMs, budgetMs, totalMs)) break;
      const entering = lane.admits && lane.enter(call, Math.min(budgetMs, totalMs) - spentMs);
      let entered = entering === true;
      if (typeof entering === "object") {
        entered = await entering;
        spentMs = clock.now() - startedAt;
        // Meanwhile the client may have gone, the breaker opened, or the time be over.
        if (entered && (call.gone || !lane.admits || !mayBegin(spentMs, budgetMs, totalMs))) {
          lane.leave();
          entered = false;
        }
        if (call.gone) break;
      }
      if (!entered) {
        busyMs = Math.min(busyMs, lane.busyMs);
        continue;
      }
      if (failure !== undefined) metrics.upstreamRetry(target.provider, "failover");
      // Whoever takes an answer that is not read yet leaves the lane when it has been.
      let held = false;
      try {
        const outcome = await ask(call, target, lane, startedAt, totalMs - spentMs);
        if (outcome instanceof Answer) {
          held = outcome.holds;
          return outcome;
        }
        failure = outcome;
      } finally {
        if (!held) lane.leave();
      }
    }
    if (failure === undefined) throw unavailable(busyMs);
    if (failure.response === undefined) throw failure.error;
    return passOn(failure.target, failure.response);
  }

  return {
    send,
    status: () => [...lanes.values()].map((lane) => lane.status()),
    close() {
      for (const lane of lanes.values()) lane.close();
    },
  };
}

/** Whether an attempt may begin so many milliseconds after the first. */
function mayBegin(spentMs: number, budgetMs: number, totalMs: number): boolean {
  return spentMs <= budgetMs && spentMs < totalMs;
}

/** No target could be asked. */
function unavailable(busyMs: number): SluiceError {
  const ms = Number.isFinite(busyMs) ? busyMs : 0;
  return new SluiceError("upstream_unavailable", { seconds: Math.max(1, Math.ceil(ms / 1000)) });
}

/** An answer that was read already: nothing of it can be waited for. */
function passOn(target: RoutedTarget, response: Response): Answer {
  return new Answer(target, response, null, undefined, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, undefined);
}

const nothing = new Uint8Array();

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

  /** Whether a place is held for it until it is released. */
  get holds(): boolean {
    return this.#lane !== undefined;
  }

  release(broken: boolean): void {
    this.#lane?.leave();
    if (broken) this.#lane?.broken();
  }
}
