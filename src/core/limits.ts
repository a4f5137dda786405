/** What is counted. Tokens are prompt and completion together unless named. */
export type LimitUnit = "requests" | "tokens" | "prompt_tokens" | "completion_tokens" | "usd" | "concurrency";

/** A calendar window in the organisation's time zone, or a sliding one of so many seconds. */
export type LimitWindow =
  | { readonly every: "second" | "minute" | "hour" | "day" | "week" | "month" }
  | { readonly sliding: number };

/** What happens to a limit while its counter store is away: count in this process, deny, or allow. */
export type OnStoreDown = "local" | "deny" | "allow";

/** The identity parts a counter can be kept per. */
export type LimitScope = "org" | "team" | "app" | "env" | "key" | "user" | "model" | "provider";

/**
 * One counter that a request wants to take from. Plugins return these from `limits`; the host reserves all limits of
 * all policies in one step, all or none.
 */
export interface LimitRequest {
  /** Names this limit inside its policy; two limits of one policy with the same name share a counter. */
  readonly name: string;
  /** Whose counter: one per combination of these parts. */
  readonly per: readonly LimitScope[];
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  /** Most units per window. Usd is in whole micro-dollars. */
  readonly max: number;
  /** Units taken now; settled to the actual amount afterwards. */
  readonly amount: number;
  readonly onStoreDown: OnStoreDown;
}

/** A limit with its counter's full key, as the host hands it to {@link Counters}. */
export interface Reservation {
  /** Identifies the counter: policy, limit, unit, window and the values of the `per` parts. One key has one window and unit. */
  readonly key: string;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  readonly max: number;
  readonly amount: number;
  readonly onStoreDown: OnStoreDown;
}

/** The organisation whose counters are meant: its calendar, and what its counters are kept together by. */
export interface LimitOwner {
  readonly id: string;
  /** An IANA name. */
  readonly timeZone: string;
}

/** Where one counter stands after a reserve. */
export interface CounterState {
  /** Units used or held in the current window, this reservation included if it was granted. */
  readonly used: number;
  readonly remaining: number;
  /** Seconds until the window ends, at least 1; for a sliding window until the oldest use leaves it. */
  readonly resetSeconds: number;
}

/** The answer of {@link Counters.reserve}. */
export interface ReserveResult {
  readonly granted: boolean;
  /** One state per reservation, in the order asked. */
  readonly states: readonly CounterState[];
  /** Positions of the reservations that had no room; empty when granted. */
  readonly exhausted: readonly number[];
  /**
   * `true` when the store was away and each reservation was answered as its `onStoreDown` says: `local` by counters of
   * this process alone, `allow` without being counted (its state is then empty).
   */
  readonly storeDown?: true;
}

/** Actual amounts by unit, for settling. A unit that is absent keeps what was reserved. */
export type ActualAmounts = { readonly [U in LimitUnit]?: number };

/**
 * Shared counters. Every adapter passes the conformance suite in `src/limits`.
 *
 * All methods may answer at once or later, so that a memory adapter costs no turn of the event loop.
 */
export interface Counters {
  /**
   * Takes every amount or none, in one atomic step. While the request is open (granted, and neither settled nor
   * released) a second call with its id changes nothing and answers as the first did. Ids are not used again after that.
   * Fails with `store_unavailable` when a reservation cannot be answered.
   */
  reserve(
    requestId: string,
    owner: LimitOwner,
    reservations: readonly Reservation[],
  ): ReserveResult | Promise<ReserveResult>;
  /** Corrects the request's reservations to what was used, in the windows they were made in. Idempotent. */
  settle(requestId: string, actual: ActualAmounts): void | Promise<void>;
  /** Gives back everything the request holds. Idempotent; does nothing after {@link settle}. */
  release(requestId: string): void | Promise<void>;
  close(): void | Promise<void>;
}
