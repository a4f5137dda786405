import CircuitBreaker from "opossum";
import type { TargetStatus } from "../core/ports.ts";
import type { UpstreamSettings } from "./settings.ts";

type BreakerState = TargetStatus["state"];

/** The one attempt that tries a target which was left alone. */
export interface Trial {
  readonly passed: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * The breaker of one target, after opossum.
 *
 * Calls do not run inside it: while it is closed, which is nearly always, a call that goes well is only counted, and one
 * that fails is handed over afterwards. Only the call that tries again runs as opossum wants it.
 */
export class Breaker {
  readonly #circuit: CircuitBreaker<[Promise<void>], void>;
  readonly #settings: UpstreamSettings["breaker"];

  constructor(settings: UpstreamSettings["breaker"], onChange: (state: BreakerState) => void) {
    this.#settings = settings;
    this.#circuit = new CircuitBreaker((outcome: Promise<void>) => outcome, {
      enabled: settings.enabled,
      // Every attempt brings its own.
      timeout: false,
      // opossum opens above this, not at it.
      errorThresholdPercentage: settings.failurePercent - 0.001,
      volumeThreshold: settings.minCalls,
      resetTimeout: settings.openMs,
      rollingCountTimeout: settings.windowMs,
      rollingCountBuckets: 10,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    this.#circuit.on("open", () => onChange("open"));
    this.#circuit.on("halfOpen", () => onChange("half_open"));
    this.#circuit.on("close", () => onChange("closed"));
  }

  get state(): BreakerState {
    const circuit = this.#circuit;
    return circuit.opened ? "open" : circuit.halfOpen ? "half_open" : "closed";
  }

  /** Whether an attempt may begin now: always while it is closed, once when it is half-open. */
  get admits(): boolean {
    return this.#circuit.closed || this.#circuit.pendingClose;
  }

  /** An attempt begins that {@link admits} lets pass at this moment. Answers `null` for all but the one that tries. */
  begin(): Trial | null {
    if (this.#circuit.closed) return null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#fire(promise);
    return { passed: resolve, failed: reject };
  }

  /** An attempt was answered. */
  passed(trial: Trial | null): void {
    if (trial !== null) trial.passed();
    else if (this.#settings.enabled) this.#circuit.status.increment("fires");
  }

  /** An attempt failed by the target's fault, or was given up while it tried. */
  failed(trial: Trial | null, error: unknown): void {
    if (trial !== null) trial.failed(error);
    // A call that began before it opened says nothing of how the target is now.
    else if (this.#settings.enabled && this.#circuit.closed) this.#fire(Promise.reject(error));
  }

  /** An attempt that {@link passed} broke off its answer: it is one that failed after all. */
  broken(): void {
    const { enabled, minCalls, failurePercent } = this.#settings;
    if (!enabled || !this.#circuit.closed) return;
    this.#circuit.status.increment("failures");
    const { fires, failures } = this.#circuit.stats;
    if (fires >= minCalls && failures * 100 >= failurePercent * fires) this.#circuit.open();
  }

  close(): void {
    this.#circuit.shutdown();
  }

  #fire(outcome: Promise<void>): void {
    // The failure is the caller's; here it was only to be counted.
    outcome.catch(() => undefined);
    this.#circuit.fire(outcome).catch(() => undefined);
  }
}
