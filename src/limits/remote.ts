import type {
  ActualAmounts,
  CounterPage,
  InspectQuery,
  LimitOwner,
  Reservation,
  ReserveResult,
} from "../core/limits.ts";

/** Counters in a store that can be away. */
export interface RemoteCounters {
  /**
   * As {@link Counters.reserve}. Rejects when the store did not answer; whether the amounts were taken may not be known
   * then, so {@link ending} must be asked for.
   */
  reserve(requestId: string, owner: LimitOwner, reservations: readonly Reservation[]): Promise<ReserveResult>;
  /**
   * What ends a request: to be run until it succeeds; running it again after that does nothing. `undefined` when there
   * is nothing to be ended.
   *
   * @param actual what was used; `null` to give everything back
   */
  ending(requestId: string, actual: ActualAmounts | null): Ending | undefined;
  /** What a request of this process holds, or may hold; `undefined` when it was ended, or is unknown. */
  holding(requestId: string): RemoteHolding | undefined;
  /** As {@link Counters.extend}. Rejects when the store did not answer: settling puts right what was taken all the same. */
  extend(requestId: string, more: ActualAmounts): Promise<boolean>;
  /** As {@link Counters.inspect}. Rejects when the store did not answer. */
  inspect(owner: LimitOwner, query?: InspectQuery): Promise<CounterPage>;
  /** As {@link Counters.reset}. Rejects when the store did not answer; it may have been done all the same. */
  reset(owner: LimitOwner, key: string): Promise<boolean>;
  /** Renews what long requests hold of `concurrency`. Rejects when the store did not answer. */
  renew(): Promise<void>;
  /** Names the window that a use falls into; uses in one window of a counter can be added up. */
  windowOf(use: Use): string;
  /** Whether the window that a use fell into lasts still. */
  isCurrent(use: Use): boolean;
}

/** Ends a request in the store. */
export type Ending = () => Promise<void>;

/** What a request was reserved with. */
export interface RemoteHolding {
  readonly owner: LimitOwner;
  readonly reservations: readonly Reservation[];
}

/** A use of a counter at a time. */
export interface Use {
  readonly owner: LimitOwner;
  readonly reservation: Reservation;
  readonly at: number;
}
