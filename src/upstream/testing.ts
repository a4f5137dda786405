/** For tests of this folder: settings, targets and calls as the gateway makes them. */
import type { RoutedTarget, SlowStart, UpstreamCall, UpstreamRequest } from "../core/ports.ts";
import type { UpstreamConfig } from "./settings.ts";

/** The settings under `upstream` with their defaults, some changed. */
export function upstreamConfig(changes: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return {
    connect_timeout_seconds: 10,
    first_byte_timeout_seconds: 1200,
    stream_timeout_seconds: 120,
    chat_timeout_seconds: 600,
    embedding_timeout_seconds: 60,
    idle_timeout_seconds: 300,
    reasoning_idle_timeout_seconds: 900,
    total_timeout_seconds: 3600,
    retries: 2,
    retry_budget_seconds: 300,
    retry_base_seconds: 0.5,
    retry_max_wait_seconds: 8,
    max_in_flight: 2000,
    max_queue: 1000,
    queue_timeout_seconds: 5,
    breaker_enabled: true,
    breaker_failure_percent: 50,
    breaker_min_calls: 20,
    breaker_window_seconds: 10,
    breaker_open_seconds: 15,
    ...changes,
  };
}

/** A target called `PROVIDER/m`. */
export function targetOf(provider: string): RoutedTarget {
  return {
    provider,
    kind: "openai",
    model: "m",
    baseUrl: `http://${provider}.test`,
    authHeaders: { authorization: `Bearer ${provider}` },
    takesUsageOption: false,
    id: `${provider}/m`,
    info: { id: "m", provider, encoding: "none", maxOutput: 0, price: null },
    thinksLong: false,
  };
}

/** A call as the gateway makes it; the test ends its waits. */
export class TestCall implements UpstreamCall {
  readonly surface = "chat";
  readonly targets: readonly RoutedTarget[];
  readonly stream: boolean;
  /** The bounds of the waits so far, in milliseconds. */
  readonly waits: number[] = [];
  /** What attempts that failed were told as. */
  readonly failures: string[] = [];
  expired = false;
  gone = false;
  slow: SlowStart | undefined;
  #abort = new AbortController();

  constructor(targets: readonly RoutedTarget[], stream = false) {
    this.targets = targets;
    this.stream = stream;
  }

  begin(ms: number, slow?: SlowStart): AbortSignal {
    this.waits.push(ms);
    this.slow = slow;
    this.expired = false;
    if (!this.gone && this.#abort.signal.aborted) this.#abort = new AbortController();
    return this.#abort.signal;
  }

  prepare(target: RoutedTarget, signal: AbortSignal): UpstreamRequest {
    return { target, surface: "chat", path: "/x", body: new Uint8Array(), headers: new Headers(), signal };
  }

  failed(kind: string): void {
    this.failures.push(kind);
  }

  /** The time of the wait under way is over. */
  expire(): void {
    this.expired = true;
    this.#abort.abort();
  }

  /** The client goes away. */
  leave(): void {
    this.gone = true;
    this.#abort.abort();
  }
}
