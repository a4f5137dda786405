import type { DearestRates } from "./cost.ts";

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
  /**
   * Units by which a streamed answer may extend its reservation when what was reserved is used up. Absent: all that can
   * be used was reserved.
   */
  readonly slice?: number;
  /** The completion tokens that `amount` pays for, and as many again with each slice. Goes with `slice`. */
  readonly sliceTokens?: number;
  /** Never refuses: what is taken beyond the maximum is counted all the same. */
  readonly soft?: true;
  /** USD per 1,000,000 tokens to settle with, for a limit in `usd` on a model whose price nobody knows. */
  readonly price?: DearestRates;
  readonly onStoreDown: OnStoreDown;
}

/**
 * The maximum that counters are given for a limit that never refuses: a billion dollars, or as many tokens as nobody
 * uses. Whoever shows counters shows none.
 */
export const unlimited = 1e15;

/** Where a limit stood when a request asked for it. */
export interface LimitStanding {
  /** Units used or held, this request's own left out. */
  readonly used: number;
  readonly resetSeconds: number;
  /** The day on which the window begins anew, YYYY-MM-DD in the organisation's time zone; absent when it is not known. */
  readonly resetDate?: string;
}

/** A limit with its counter's full key, as the host hands it to {@link Counters}. */
export interface Reservation {
  /** Identifies the counter: policy, limit, unit, window and the values of the `per` parts. One key has one window and unit. */
  readonly key: string;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  readonly max: number;
  readonly amount: number;
  /** All that can be used was reserved: it is not extended with the others of its unit. */
  readonly whole?: boolean;
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

/** Which counters {@link Counters.inspect} tells of. */
export interface InspectQuery {
  /** What the keys begin with; all when absent. */
  readonly prefix?: string;
  /** Where to go on: `next` of the page before. */
  readonly cursor?: string;
  /** About how many a page has; 100 when absent. A page can have fewer, even none, and not be the last. */
  readonly limit?: number;
}

/** A counter as people see it. */
export interface InspectedCounter {
  readonly key: string;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  /** Units used or held in the current window. */
  readonly used: number;
  /** The part of `used` that open requests hold: settling may lower it. */
  readonly held: number;
  /** The maximum that it was last reserved with. */
  readonly max: number;
  /** As in {@link CounterState.resetSeconds}. */
  readonly resetSeconds: number;
}

/** One answer of {@link Counters.inspect}. */
export interface CounterPage {
  readonly counters: readonly InspectedCounter[];
  /** Where the next page begins; `null` after the last. */
  readonly next: string | null;
}

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
  /**
   * Takes more for an open request: adds `more[unit]` to each of its reservations of that unit that is not
   * {@link Reservation.whole}, all or none, in one
   * atomic step and in the windows the reservations were made in. A window that is over has room for anything, and
   * counts nothing. `concurrency` is not extended. Settling corrects the sum.
   *
   * `false`: there is no room, or the request is not open; nothing was taken.
   */
  extend(requestId: string, more: ActualAmounts): boolean | Promise<boolean>;
  /**
   * The counters of an organisation that are not at zero, in pages and in no promised order; one that is there from the
   * first page to the last is told at least once. Looks at every counter there is: for people, not for requests.
   * Fails with `store_unavailable` when the store is away.
   */
  inspect(owner: LimitOwner, query?: InspectQuery): CounterPage | Promise<CounterPage>;
  /**
   * Begins a counter's current window anew, at zero. What open requests hold of it is forgotten: settling them changes
   * it no more. `false` when it is at zero or unknown. Fails with `store_unavailable` when the store is away.
   */
  reset(owner: LimitOwner, key: string): boolean | Promise<boolean>;
  close(): void | Promise<void>;
}
