import type { ActualAmounts, LimitOwner, Reservation } from "../core/limits.ts";
import type { Ending, RemoteCounters } from "./remote.ts";

/** Settings of {@link Backlog}. */
export interface BacklogOptions {
  readonly remote: Pick<RemoteCounters, "reserve" | "ending" | "windowOf" | "isCurrent">;
  /** After how long the store has given a request up, so that it need not be ended any more. */
  readonly leaseSeconds: number;
  /** Most requests that wait to be ended, and most counters that wait to be charged. */
  readonly maxPending: number;
  /** Is told how many were given up. */
  readonly onDropped: (count: number) => void;
}

interface Pending {
  readonly ending: Ending;
  readonly since: number;
}

/** What was used of one counter without the store knowing. */
interface Charge {
  readonly owner: LimitOwner;
  readonly reservation: Reservation;
  amount: number;
  /** When the earliest of it was used. */
  readonly at: number;
}

/** Endings run at once, and counters charged in one step. */
const atOnce = 64;

/** What the store has to be told when it is back. Bounded: what does not fit, or comes too late, is dropped and counted. */
export class Backlog {
  readonly #options: BacklogOptions;
  /** Oldest first. */
  #pending: Pending[] = [];
  #charges = new Map<string, Charge>();
  #flushing: Promise<void> | undefined;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** How much waits. */
  get size(): number {
    return this.#pending.length + this.#charges.size;
  }

  /** Keeps a request's ending until it succeeds. */
  add(ending: Ending): void {
    this.#pending.push({ ending, since: performance.now() });
    const over = this.#pending.length - this.#options.maxPending;
    // The oldest is the first that the store gives up by itself.
    if (over > 0) this.#drop(this.#pending.splice(0, over).length);
  }

  /** Notes what a request used that the store did not know of. What it held of `concurrency` is over. */
  charge(owner: LimitOwner, at: number, reservations: readonly Reservation[], actual: ActualAmounts): void {
    for (const reservation of reservations) {
      const { unit, amount } = reservation;
      const used = unit === "concurrency" ? 0 : Math.ceil(actual[unit] ?? amount);
      if (used > 0) this.#charge({ owner, reservation, at, amount: used });
    }
  }

  /** Tells the store what waits, as far as it gets. Never rejects; one that is called meanwhile waits for the first. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const limit = performance.now() - this.#options.leaseSeconds * 1000;
    const late = this.#pending.findIndex(({ since }) => since >= limit);
    this.#drop(this.#pending.splice(0, late < 0 ? this.#pending.length : late).length);
    while (this.#pending.length > 0) {
      const some = this.#pending.splice(0, atOnce);
      const failed = await this.#tell(some);
      if (failed.length === 0) continue;
      this.#pending.unshift(...failed);
      return;
    }
    await this.#flushCharges();
  }

  async #tell(some: readonly Pending[]): Promise<Pending[]> {
    const outcomes = await Promise.allSettled(some.map(({ ending }) => ending()));
    return some.filter((_, i) => outcomes[i]!.status === "rejected");
  }

  async #flushCharges(): Promise<void> {
    const { remote } = this.#options;
    const byOwner = Map.groupBy(this.#charges.values(), ({ owner }) => owner.id);
    this.#charges = new Map();
    const left = [...byOwner.values()].flatMap((all) => chunks(all));
    for (let some = left.shift(); some !== undefined; some = left.shift()) {
      const id = `charge_${Bun.randomUUIDv7("base64url")}`;
      const taking = some
        .filter((charge) => remote.isCurrent(charge))
        .map(({ reservation, amount }) => ({ ...reservation, max: Number.MAX_SAFE_INTEGER, amount }));
      try {
        await remote.reserve(id, some![0]!.owner, taking);
        const kept = remote.ending(id, {});
        if (kept !== undefined) await kept().catch(() => this.add(kept));
      } catch {
        // It may have been taken all the same: that is undone first, the next time, and then it is charged anew.
        const undo = remote.ending(id, null);
        if (undo !== undefined) this.add(undo);
        for (const charge of [some, ...left].flat()) this.#charge(charge);
        return;
      }
    }
  }

  #charge(charge: Charge): void {
    const { owner, reservation, amount } = charge;
    const name = `${owner.id} ${reservation.key} ${this.#options.remote.windowOf(charge)}`;
    const known = this.#charges.get(name);
    if (known !== undefined) known.amount += amount;
    else if (this.#charges.size >= this.#options.maxPending) this.#drop(1);
    else this.#charges.set(name, charge);
  }

  #drop(count: number): void {
    if (count > 0) this.#options.onDropped(count);
  }
}

function chunks<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / atOnce) }, (_, i) => all.slice(i * atOnce, (i + 1) * atOnce));
}
