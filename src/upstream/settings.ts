import type { Backoff } from "./backoff.ts";
import type { ModelClass } from "./model-class.ts";

/** The settings under `upstream`, by the names that users write. */
export interface UpstreamConfig {
  readonly connect_timeout_seconds: number;
  readonly first_byte_timeout_seconds: number;
  readonly stream_timeout_seconds: number;
  readonly chat_timeout_seconds: number;
  readonly embedding_timeout_seconds: number;
  readonly idle_timeout_seconds: number;
  readonly reasoning_idle_timeout_seconds: number;
  readonly total_timeout_seconds: number;
  readonly retries: number;
  readonly retry_budget_seconds: number;
  readonly retry_base_seconds: number;
  readonly retry_max_wait_seconds: number;
  readonly max_in_flight: number;
  readonly max_queue: number;
  readonly queue_timeout_seconds: number;
  readonly breaker_enabled: boolean;
  readonly breaker_failure_percent: number;
  readonly breaker_min_calls: number;
  readonly breaker_window_seconds: number;
  readonly breaker_open_seconds: number;
}

/** What one provider has otherwise, by the names that users write in its entry. */
export type UpstreamOverrides = {
  readonly [Name in
    | "connect_timeout_seconds"
    | "first_byte_timeout_seconds"
    | "idle_timeout_seconds"
    | "total_timeout_seconds"
    | "retries"
    | "max_in_flight"]?: number;
};

/** How calls to one provider are bounded, tried again and held back. Milliseconds. */
export interface UpstreamSettings {
  /** Longest time that a connection may take to be made. */
  readonly connectMs: number;
  /** Longest wait for the first byte of an answer that comes as a stream, or whole. */
  readonly firstByteMs: Readonly<Record<ModelClass, { readonly stream: number; readonly whole: number }>>;
  /** Longest silence in the middle of an answer; for one that is read whole, the time to read it. */
  readonly idleMs: Readonly<Record<ModelClass, number>>;
  /** Longest time that a call may take, all attempts and the answer's last byte included. */
  readonly totalMs: number;
  /** Further attempts at one target after its first. */
  readonly retries: number;
  /** No attempt begins later than this after the first. */
  readonly budgetMs: number;
  readonly backoff: Backoff;
  /** Most calls under way at one target, and most that wait for their turn. */
  readonly maxInFlight: number;
  readonly maxQueue: number;
  readonly queueMs: number;
  readonly breaker: {
    readonly enabled: boolean;
    /** It opens when at least so many in a hundred of at least so many calls in the window fail. */
    readonly failurePercent: number;
    readonly minCalls: number;
    readonly windowMs: number;
    /** How long the target is left alone before one call tries it again. */
    readonly openMs: number;
  };
}

/** The settings of a provider: its own where it has some, else those of all. */
export function upstreamSettings(config: UpstreamConfig, own: UpstreamOverrides = {}): UpstreamSettings {
  const ms = (seconds: number) => seconds * 1000;
  const most = ms(own.first_byte_timeout_seconds ?? config.first_byte_timeout_seconds);
  // What a provider has of its own is meant for whatever it serves.
  const upTo = (seconds: number) => (own.first_byte_timeout_seconds === undefined ? Math.min(most, ms(seconds)) : most);
  const idle = (seconds: number) => ms(own.idle_timeout_seconds ?? seconds);
  const quick = upTo(config.embedding_timeout_seconds);
  return {
    connectMs: ms(own.connect_timeout_seconds ?? config.connect_timeout_seconds),
    firstByteMs: {
      quick: { stream: quick, whole: quick },
      chat: { stream: upTo(config.stream_timeout_seconds), whole: upTo(config.chat_timeout_seconds) },
      reasoning: { stream: most, whole: most },
    },
    idleMs: {
      quick: idle(config.idle_timeout_seconds),
      chat: idle(config.idle_timeout_seconds),
      reasoning: idle(config.reasoning_idle_timeout_seconds),
    },
    totalMs: ms(own.total_timeout_seconds ?? config.total_timeout_seconds),
    retries: own.retries ?? config.retries,
    budgetMs: ms(config.retry_budget_seconds),
    backoff: { baseMs: ms(config.retry_base_seconds), maxMs: ms(config.retry_max_wait_seconds) },
    maxInFlight: own.max_in_flight ?? config.max_in_flight,
    maxQueue: config.max_queue,
    queueMs: ms(config.queue_timeout_seconds),
    breaker: {
      enabled: config.breaker_enabled,
      failurePercent: config.breaker_failure_percent,
      minCalls: config.breaker_min_calls,
      windowMs: ms(config.breaker_window_seconds),
      openMs: ms(config.breaker_open_seconds),
    },
  };
}
