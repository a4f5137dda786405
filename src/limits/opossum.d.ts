/** What Sluice uses of opossum, which comes without types. */
declare module "opossum" {
  export interface CircuitBreakerOptions<A extends readonly unknown[]> {
    readonly name?: string;
    readonly enabled?: boolean;
    readonly timeout?: number | false;
    readonly errorThresholdPercentage?: number;
    readonly volumeThreshold?: number;
    readonly resetTimeout?: number;
    readonly rollingCountTimeout?: number;
    readonly rollingCountBuckets?: number;
    readonly rollingPercentilesEnabled?: boolean;
    readonly enableSnapshots?: boolean;
    /** Errors that this answers `true` to do not count as failures. */
    readonly errorFilter?: (error: unknown, ...args: A) => boolean;
  }

  export default class CircuitBreaker<A extends readonly unknown[], R> {
    constructor(action: (...args: A) => Promise<R>, options?: CircuitBreakerOptions<A>);
    readonly opened: boolean;
    readonly closed: boolean;
    readonly halfOpen: boolean;
    /** Half-open, and the call that tries has not begun. */
    readonly pendingClose: boolean;
    /** What it counts by; a call that is counted here need not go through `fire`. */
    readonly status: { increment(property: "fires" | "failures"): void };
    /** What was counted in the window. */
    readonly stats: { readonly fires: number; readonly failures: number };
    open(): void;
    fire(...args: A): Promise<R>;
    on(event: "open" | "close" | "halfOpen", listener: () => void): this;
    on(event: "failure", listener: (error: unknown) => void): this;
    shutdown(): void;
  }
}
