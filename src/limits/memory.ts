import type {
  ActualAmounts,
  CounterPage,
  CounterState,
  Counters,
  InspectQuery,
  LimitOwner,
  Reservation,
  ReserveResult,
} from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { createCalendar } from "./calendar.ts";
import { type Cell, type Counter, FixedCounter, HeldCounter, SlidingCounter, stateOf } from "./counters.ts";
import { inspectCounters } from "./inspect.ts";
import { leaseSeconds as usualLease } from "./lease.ts";
import { type Holding, RequestLog } from "./requests.ts";

/** Settings of {@link createMemoryCounters}. */
export interface MemoryCountersOptions {
  readonly clock: Clock;
  /** Most counters at once: user names are the clients' to choose. 1,000,000 when absent. */
  readonly maxKeys?: number;
  /**
   * After how long a request that was neither settled nor released is given up: what it holds of `concurrency`
   * returns, what it took from windows stays taken.
   */
  readonly leaseSeconds?: number;
}

/** Counters in this process, with figures for tests and metrics. */
export interface MemoryCounters extends Counters {
  reserve(requestId: string, owner: LimitOwner, reservations: readonly Reservation[]): ReserveResult;
  settle(requestId: string, actual: ActualAmounts): void;
  release(requestId: string): void;
  extend(requestId: string, more: ActualAmounts): boolean;
  inspect(owner: LimitOwner, query?: InspectQuery): CounterPage;
  reset(owner: LimitOwner, key: string): boolean;
  close(): void;
  /** Counters and open requests held in memory. */
  readonly size: { readonly counters: number; readonly requests: number };
}

/** Counters are tidied after so many reservations. */
const tidyAfter = 64;

const none: readonly number[] = Object.freeze([]);

/** A full look for expired counters costs much, so it is made at most this often, in milliseconds. */
const roomEvery = 1000;

/**
 * Makes counters that are exact for one process and answer at once.
 *
 * Each reserve runs to its end without yielding, which is what makes it atomic. Memory is bounded: windows that are
 * over are dropped a few on each call, and forgotten requests by lease.
 *
 * `reserve` throws `store_unavailable` when `maxKeys` counters are all in use: forgetting one would let its owner
 * overspend, so the policy's `onStoreDown` decides instead.
 */
export function createMemoryCounters({
  clock,
  maxKeys = 1_000_000,
  leaseSeconds = usualLease,
}: MemoryCountersOptions): MemoryCounters {
  const counters = new Map<string, Counter>();
  const requests = new RequestLog();
  const spanAt = createCalendar();
  let sweep = counters.entries();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let noneBefore = Number.NEGATIVE_INFINITY;
  /** Reservations since counters were tidied. */
  let asked = 0;

  function counterOf({ key, unit, window }: Reservation, now: number, { id, timeZone }: LimitOwner): Counter {
    const known = counters.get(key);
    if (known !== undefined && !(known instanceof FixedCounter && known.isIdle(now))) return known;
    if (known === undefined && counters.size >= maxKeys) throw new SluiceError("store_unavailable");
    const counted = { owner: id, unit, window };
    const counter =
      unit === "concurrency"
        ? new HeldCounter(counted)
        : "every" in window
          ? new FixedCounter(counted, spanAt(now, window.every, timeZone))
          : new SlidingCounter(counted, window.sliding);
    counters.set(key, counter);
    return counter;
  }

  /** Drops what is over: more counters than were asked for since the last time, so that garbage cannot outgrow use. */
  function tidy(now: number, coming: number): void {
    for (let i = 0; i < 2 * asked + 1; i += 1) {
      const next = sweep.next();
      if (next.done) {
        sweep = counters.entries();
        break;
      }
      if (next.value[1].isIdle(now)) counters.delete(next.value[0]);
    }
    if (counters.size + coming > maxKeys && now - lookedAt >= roomEvery) {
      lookedAt = now;
      for (const [name, counter] of counters) if (counter.isIdle(now)) counters.delete(name);
    }
    asked = 0;
  }

  /** Gives back what forgotten requests held. No request can be forgotten before `noneBefore` says so. */
  function giveUp(now: number): void {
    const limit = now - leaseSeconds * 1000;
    for (let lost = requests.expire(limit); lost !== undefined; lost = requests.expire(limit)) {
      giveBack(lost, ({ unit, amount }) => (unit === "concurrency" ? amount : 0));
    }
    noneBefore = (requests.oldest ?? now) + leaseSeconds * 1000;
  }

  /** What the request holds, if its lease lasts still. */
  function close(requestId: string): Holding | undefined {
    const now = clock.now();
    if (now > noneBefore) giveUp(now);
    return requests.close(requestId);
  }

  return {
    get size() {
      return { counters: counters.size, requests: requests.size };
    },

    reserve(requestId, owner, reservations) {
      const now = clock.now();
      if (now > noneBefore) giveUp(now);
      const before = requests.get(requestId);
      if (before !== undefined) return before.result;
      asked += reservations.length;
      // In strides: what tidying needs is then in the processor's cache once, and not for every request anew.
      if (asked >= tidyAfter || counters.size + reservations.length > maxKeys) tidy(now, reservations.length);
      // What can fail comes first: nothing is taken until every counter is at hand.
      const touched: Counter[] = [];
      for (let i = 0; i < reservations.length; i += 1) {
        const { key, amount } = reservations[i]!;
        if (!(amount >= 0)) throw new RangeError(`cannot reserve ${amount} of ${key}`);
        touched.push(counterOf(reservations[i]!, now, owner));
      }
      const cells: Cell[] = [];
      let exhausted: number[] | undefined;
      for (let i = 0; i < touched.length; i += 1) {
        const { amount, max } = reservations[i]!;
        const used = touched[i]!.usedAt(now);
        const cell = touched[i]!.cellAt(now);
        touched[i]!.max = max;
        cells.push(cell);
        // Taken one after another, so that two reservations on one counter see each other.
        if (used + amount <= max) cell.add(amount);
        else if (exhausted === undefined) exhausted = [i];
        else exhausted.push(i);
      }
      const granted = exhausted === undefined;
      if (exhausted !== undefined) {
        for (const [i, { amount }] of reservations.entries()) if (!exhausted.includes(i)) cells[i]!.add(-amount);
      }
      const states: CounterState[] = [];
      for (let i = 0; i < touched.length; i += 1) states.push(stateOf(touched[i]!, reservations[i]!.max, now));
      const result: ReserveResult = { granted, states, exhausted: exhausted ?? none };
      if (granted) requests.open(requestId, { at: now, result, reservations, cells });
      return result;
    },

    settle(requestId, actual) {
      const holding = close(requestId);
      if (holding === undefined) return;
      const { reservations, cells } = holding;
      for (let i = 0; i < cells.length; i += 1) {
        const { unit, amount } = reservations[i]!;
        const rest = unit === "concurrency" ? amount : amount - (actual[unit] ?? amount);
        if (rest !== 0) cells[i]!.add(-rest);
      }
    },

    release(requestId) {
      const holding = close(requestId);
      if (holding !== undefined) giveBack(holding, ({ amount }) => amount);
    },

    extend(requestId, more) {
      const now = clock.now();
      if (now > noneBefore) giveUp(now);
      const holding = requests.get(requestId);
      if (holding === undefined) return false;
      const { reservations, cells } = holding;
      const added = reservations.map((one, i) => {
        const { key } = one;
        const amount = moreOf(more, one);
        // One that was reset, or whose window is over.
        const counts = counters.get(key) === cells[i]!.counter && !cells[i]!.isOver(now);
        return counts ? amount : 0;
      });
      for (const [i, amount] of added.entries()) {
        const cell = cells[i]!;
        if (amount <= reservations[i]!.max - cell.counter.usedAt(now) || amount === 0) cell.add(amount);
        else {
          for (let taken = 0; taken < i; taken += 1) cells[taken]!.add(-added[taken]!);
          return false;
        }
      }
      holding.reservations = reservations.map((one) => ({ ...one, amount: one.amount + moreOf(more, one) }));
      return true;
    },

    inspect(owner, query) {
      const now = clock.now();
      if (now > noneBefore) giveUp(now);
      return inspectCounters({ counters, holdings: requests.all(), owner: owner.id, now, ...query });
    },

    reset({ id }, key) {
      const now = clock.now();
      if (now > noneBefore) giveUp(now);
      const counter = counters.get(key);
      if (counter === undefined || counter.counted.owner !== id) return false;
      // Cells of the old one change nothing any more: also where it is at nothing yet, and an open request will settle more.
      counters.delete(key);
      return !counter.isIdle(now) && counter.usedAt(now) > 0;
    },

    close() {
      counters.clear();
      requests.clear();
    },
  };
}

function giveBack({ reservations, cells }: Holding, amountOf: (reservation: Reservation) => number): void {
  for (const [i, reservation] of reservations.entries()) {
    const amount = amountOf(reservation);
    if (amount !== 0) cells[i]!.add(-amount);
  }
}

/** Units to add to a reservation. */
function moreOf(more: ActualAmounts, { unit, whole }: Reservation): number {
  const amount = whole || unit === "concurrency" ? 0 : (more[unit] ?? 0);
  if (!(amount >= 0)) throw new RangeError(`cannot extend by ${amount} ${unit}`);
  return amount;
}
