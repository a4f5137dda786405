import CircuitBreaker from "opossum";

/** Whether a breaker lets pass: all, one that tries, or none. */
export type BreakerState = "closed" | "half_open" | "open";

/** Settings of {@link createBreaker}. */
export interface BreakerOptions {
  /** Off: everything passes, whatever fails. */
  readonly enabled: boolean;
  /** How long it stays open before it lets one try. */
  readonly openMs: number;
  readonly onChange: (state: BreakerState) => void;
  /** Is told of each failure, before what it may change. */
  readonly onFailure: (error: unknown) => void;
  /** Errors that say nothing of what is behind the breaker. */
  readonly ignores: (error: unknown) => boolean;
}

/** Stops asking what does not answer. */
export interface Breaker {
  readonly state: BreakerState;
  /** Runs the action, or rejects at once while the breaker is open. */
  run<T>(action: () => Promise<T>): Promise<T>;
  close(): void;
}

/**
 * The window that failures are counted in. A short one, because under load each of the calls that it takes to open waits
 * for its time-out: after a second and a half of silence it is open, however many calls went well before.
 */
const windowMs = 2_000;

/** Makes a breaker that opens when 60 % of at least 3 calls fail, and closes when the one that tries succeeds. */
export function createBreaker({ enabled, openMs, onChange, onFailure, ignores }: BreakerOptions): Breaker {
  const circuit = new CircuitBreaker((action: () => Promise<unknown>) => action(), {
    enabled,
    // Every action brings its own.
    timeout: false,
    // opossum opens above this, not at it.
    errorThresholdPercentage: 59.999,
    volumeThreshold: 3,
    resetTimeout: openMs,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: 10,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: ignores,
  });
  circuit.on("failure", onFailure);
  circuit.on("open", () => onChange("open"));
  circuit.on("halfOpen", () => onChange("half_open"));
  circuit.on("close", () => onChange("closed"));
  return {
    get state() {
      return circuit.opened ? "open" : circuit.halfOpen ? "half_open" : "closed";
    },
    run: <T>(action: () => Promise<T>) => circuit.fire(action) as Promise<T>,
    close: () => circuit.shutdown(),
  };
}

/** Whether an error says no more than that a breaker did not let pass. */
export function wasNotTried(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EOPENBREAKER";
}
