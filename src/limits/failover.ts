import type {
  ActualAmounts,
  CounterState,
  Counters,
  LimitOwner,
  OnStoreDown,
  Reservation,
  ReserveResult,
} from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import type { Backlog } from "./backlog.ts";
import type { Breaker } from "./breaker.ts";
import type { MemoryCounters } from "./memory.ts";
import type { Ending, RemoteCounters, RemoteHolding } from "./remote.ts";
import { type Place, shareOf } from "./share.ts";
import { ShortLived } from "./short-lived.ts";

/** Settings of {@link createFailover}. */
export interface FailoverOptions {
  readonly remote: RemoteCounters;
  /** Counts while the store is away, and nothing else. */
  readonly local: MemoryCounters;
  /** Stands around all that the store is asked; what it does not let pass is not asked for at all. */
  readonly breaker: Pick<Breaker, "state">;
  readonly backlog: Backlog;
  readonly clock: Clock;
  /** This replica's place among those that live; the last one known while the store is away. */
  readonly place: () => Place;
  /** Is told of each limit that was answered without the store. */
  readonly onFallback: (action: OnStoreDown) => void;
}

/** An open request that was answered without the store. */
interface AnsweredHere {
  readonly owner: LimitOwner;
  readonly at: number;
  /** With the amounts that are held by now. */
  reservations: readonly Reservation[];
  readonly result: ReserveResult;
}

/**
 * Counters in a store that can be away.
 *
 * While it does not answer, or the breaker is open, each reservation is answered as its `onStoreDown` says; `local` has
 * this replica's share of the maximum. What was taken from the store before is settled when it is back, and what was
 * used meanwhile is charged to it as far as its windows last still: nothing is counted twice, and nothing forgotten.
 */
export function createFailover(options: FailoverOptions): Counters {
  const { remote, local, breaker, backlog, clock, place, onFallback } = options;
  const answeredHere = new ShortLived<AnsweredHere>();

  function withoutStore(requestId: string, owner: LimitOwner, reservations: readonly Reservation[]): ReserveResult {
    for (const { onStoreDown } of reservations) onFallback(onStoreDown);
    if (reservations.some(({ onStoreDown }) => onStoreDown === "deny")) throw new SluiceError("store_unavailable");
    const positions: number[] = [];
    const counted: Reservation[] = [];
    const mine = place();
    for (const [i, reservation] of reservations.entries()) {
      if (reservation.onStoreDown !== "local") continue;
      positions.push(i);
      counted.push({ ...reservation, max: shareOf(reservation.max, mine) });
    }
    const { granted, states, exhausted } = local.reserve(requestId, owner, counted);
    const all: CounterState[] = reservations.map(({ max }) => ({ used: 0, remaining: max, resetSeconds: 1 }));
    for (const [i, position] of positions.entries()) all[position] = states[i]!;
    const result: ReserveResult = {
      granted,
      states: all,
      exhausted: exhausted.map((i) => positions[i]!),
      storeDown: true,
    };
    if (granted) answeredHere.set(requestId, { owner, at: clock.now(), reservations, result });
    return result;
  }

  function withStore(requestId: string, owner: LimitOwner, reservations: readonly Reservation[]) {
    return remote.reserve(requestId, owner, reservations).catch((error: unknown) => {
      if (error instanceof RangeError) throw error;
      // It may have been taken all the same.
      const undo = remote.ending(requestId, null);
      if (undo !== undefined) backlog.add(undo);
      return withoutStore(requestId, owner, reservations);
    });
  }

  function end(requestId: string, actual: ActualAmounts | null): void | Promise<void> {
    const here = answeredHere.get(requestId);
    if (here !== undefined) {
      answeredHere.delete(requestId);
      if (actual === null) return local.release(requestId);
      backlog.charge(here.owner, here.at, here.reservations, actual);
      return local.settle(requestId, actual);
    }
    const ending = remote.ending(requestId, actual);
    if (ending === undefined) return undefined;
    if (breaker.state === "open") return backlog.add(ending);
    return endInStore(ending);
  }

  async function endInStore(ending: Ending): Promise<void> {
    try {
      await ending();
    } catch {
      backlog.add(ending);
    }
  }

  function extendHere(requestId: string, here: AnsweredHere, more: ActualAmounts): boolean {
    if (!local.extend(requestId, more)) return false;
    here.reservations = here.reservations.map((one) => ({ ...one, amount: one.amount + moreOf(more, one) }));
    return true;
  }

  async function extendInStore(requestId: string, holding: RemoteHolding, more: ActualAmounts): Promise<boolean> {
    try {
      return await remote.extend(requestId, more);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return extendWithoutStore(holding, more);
    }
  }

  /** The store is told when the request is settled: it is what was used that counts then. */
  function extendWithoutStore({ owner, reservations }: RemoteHolding, more: ActualAmounts): boolean {
    const extended = reservations.filter((one) => moreOf(more, one) > 0);
    for (const { onStoreDown } of extended) onFallback(onStoreDown);
    if (extended.some(({ onStoreDown }) => onStoreDown === "deny")) return false;
    const mine = place();
    const counted = extended
      .filter(({ onStoreDown }) => onStoreDown === "local")
      .map((one) => ({ ...one, max: shareOf(one.max, mine), amount: moreOf(more, one) }));
    const id = Bun.randomUUIDv7();
    const { granted } = local.reserve(id, owner, counted);
    if (granted) local.settle(id, {});
    return granted;
  }

  async function ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      throw new SluiceError("store_unavailable", {}, { cause });
    }
  }

  return {
    reserve(requestId, owner, reservations) {
      const here = answeredHere.get(requestId);
      if (here !== undefined) return here.result;
      return breaker.state === "open"
        ? withoutStore(requestId, owner, reservations)
        : withStore(requestId, owner, reservations);
    },
    settle: (requestId, actual) => end(requestId, actual),
    release: (requestId) => end(requestId, null),
    extend(requestId, more) {
      const here = answeredHere.get(requestId);
      if (here !== undefined) return extendHere(requestId, here, more);
      const holding = remote.holding(requestId);
      if (holding === undefined) return false;
      return breaker.state === "open" ? extendWithoutStore(holding, more) : extendInStore(requestId, holding, more);
    },
    inspect: (owner, query) => ask(() => remote.inspect(owner, query)),
    async reset(owner, key) {
      const known = await ask(() => remote.reset(owner, key));
      local.reset(owner, key);
      return known;
    },
    close() {
      answeredHere.clear();
      local.close();
    },
  };
}

/** Units to add to a reservation. */
function moreOf(more: ActualAmounts, { unit, whole }: Reservation): number {
  return whole || unit === "concurrency" ? 0 : (more[unit] ?? 0);
}
