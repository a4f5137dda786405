import type { Reservation, ReserveResult } from "../core/limits.ts";
import type { Cell } from "./counters.ts";
import { ShortLived } from "./short-lived.ts";

/** What one request holds. */
export interface Holding {
  readonly at: number;
  readonly result: ReserveResult;
  /** With the amounts that are held by now. */
  reservations: readonly Reservation[];
  /** Where each reservation is counted, in the same order. */
  readonly cells: readonly Cell[];
}

/**
 * The requests that hold something, bounded by {@link expire}. Nothing is kept of those that ended: what outlives its
 * request is what a collector of garbage has to copy, and cost more than all counting.
 */
export class RequestLog {
  /** In the order they were made. */
  readonly #open = new ShortLived<Holding>();

  /** Requests that hold something. */
  get size(): number {
    return this.#open.size;
  }

  /** When the oldest of them was made; `undefined` without any. */
  get oldest(): number | undefined {
    for (const { at } of this.#open.values()) return at;
    return undefined;
  }

  /** What an open request holds. */
  get(requestId: string): Holding | undefined {
    return this.#open.get(requestId);
  }

  /** What all open requests hold. */
  all(): Iterable<Holding> {
    return this.#open.values();
  }

  /** Notes a granted reservation. */
  open(requestId: string, holding: Holding): void {
    this.#open.set(requestId, holding);
  }

  /** Takes what the request holds out of the log, once; `undefined` when it holds nothing. */
  close(requestId: string): Holding | undefined {
    const holding = this.#open.get(requestId);
    if (holding !== undefined) this.#open.delete(requestId);
    return holding;
  }

  /** Closes the oldest request if it was made before `limit`; call again until it answers `undefined`. */
  expire(limit: number): Holding | undefined {
    for (const [requestId, holding] of this.#open) {
      return holding.at < limit ? this.close(requestId) : undefined;
    }
    return undefined;
  }

  clear(): void {
    this.#open.clear();
  }
}
