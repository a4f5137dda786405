import type { Reservation, ReserveResult } from "../core/limits.ts";
import type { Cell } from "./counters.ts";

/** What one request holds. */
export interface Holding {
  readonly at: number;
  readonly result: ReserveResult;
  readonly reservations: readonly Reservation[];
  /** Where each reservation is counted, in the same order. */
  readonly cells: readonly Cell[];
}

/** Answers given are remembered for this many requests at least, after they ended; twice as many at most. */
const remembered = 8192;

/**
 * The requests that hold something, and the answers of the latest that no longer do. Both are bounded: the first by
 * {@link expire}, the second by number.
 */
export class RequestLog {
  /** In the order they were made. */
  readonly #open = new Map<string, Holding>();
  // Two generations in place of a list with ages: forgetting is one assignment.
  #recent = new Map<string, ReserveResult>();
  #older = new Map<string, ReserveResult>();

  /** Requests that hold something. */
  get size(): number {
    return this.#open.size;
  }

  /** The answer that this request got before, whatever became of it since. */
  answerTo(requestId: string): ReserveResult | undefined {
    return this.#open.get(requestId)?.result ?? this.#recent.get(requestId) ?? this.#older.get(requestId);
  }

  /** Notes a granted reservation. */
  open(requestId: string, holding: Holding): void {
    this.#open.set(requestId, holding);
  }

  /** Takes what the request holds out of the log, once; `undefined` when it holds nothing. */
  close(requestId: string): Holding | undefined {
    const holding = this.#open.get(requestId);
    if (holding === undefined) return undefined;
    this.#open.delete(requestId);
    this.remember(requestId, holding.result);
    return holding;
  }

  /** Keeps an answer for a while, so that a repeated question gets it again. */
  remember(requestId: string, result: ReserveResult): void {
    this.#recent.set(requestId, result);
    if (this.#recent.size < remembered) return;
    this.#older = this.#recent;
    this.#recent = new Map();
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
    this.#recent.clear();
    this.#older.clear();
  }
}
