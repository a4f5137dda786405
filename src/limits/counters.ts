import type { CounterState, LimitUnit, LimitWindow } from "../core/limits.ts";
import type { Span } from "./calendar.ts";

/** Part of a counter that one reservation stands in, for as long as it matters. */
export interface Cell {
  readonly counter: Counter;
  /** Adds to what the cell holds (negative gives back). Does nothing once the cell's time is over. */
  add(amount: number): void;
  /** Whether what the cell holds does not count any more. */
  isOver(now: number): boolean;
}

/** What a counter is made for. */
export interface Counted {
  /** The organisation's id. */
  readonly owner: string;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
}

/** One counter in memory. Times are milliseconds since the epoch. */
export abstract class Counter {
  readonly counted: Counted;
  /** The maximum that it was last reserved with. */
  max = 0;

  constructor(counted: Counted) {
    this.counted = counted;
  }

  /** Drops what is over and answers what is used or held now. */
  abstract usedAt(now: number): number;
  /** The cell that a use at this instant falls into. Call after {@link usedAt} with the same time. */
  abstract cellAt(now: number): Cell;
  /** When the used amount can fall next, as in {@link CounterState.resetSeconds}. */
  abstract resetSeconds(now: number): number;
  /** Whether nothing would be lost by forgetting the counter. */
  abstract isIdle(now: number): boolean;
}

/** Counts within one calendar window; a later window has a counter of its own. */
export class FixedCounter extends Counter implements Cell {
  readonly counter = this;
  readonly #end: number;
  #used = 0;

  constructor(counted: Counted, span: Span) {
    super(counted);
    this.#end = span.end;
  }

  usedAt(): number {
    return this.#used;
  }

  isOver(now: number): boolean {
    return now >= this.#end;
  }

  cellAt(): Cell {
    return this;
  }

  add(amount: number): void {
    this.#used += amount;
  }

  resetSeconds(now: number): number {
    return wholeSeconds(this.#end - now);
  }

  isIdle(now: number): boolean {
    return now >= this.#end;
  }
}

/** Slots that a sliding window is cut into: what leaves it, leaves at most 1/60 of its length late. */
export const slidingSlots = 60;

/**
 * Counts within the last `seconds`.
 *
 * The window is cut into slots of 1/60 of its length. A slot counts whole until its youngest possible use has left the
 * window, so in no stretch of `seconds`, wherever it begins, is more granted than the maximum; the price is that room
 * comes back up to one slot late. At most 62 slots are held, however many requests there are.
 */
export class SlidingCounter extends Counter {
  readonly #length: number;
  readonly #slotLength: number;
  /** Oldest first. */
  readonly #slots: SlidingSlot[] = [];
  #used = 0;

  constructor(counted: Counted, seconds: number) {
    super(counted);
    this.#length = seconds * 1000;
    this.#slotLength = Math.ceil(this.#length / slidingSlots);
  }

  usedAt(now: number): number {
    let oldest = this.#slots[0];
    while (oldest !== undefined && now >= oldest.end + this.#length) {
      this.#slots.shift();
      this.#used -= oldest.amount;
      oldest.left = true;
      oldest = this.#slots[0];
    }
    return this.#used;
  }

  cellAt(now: number): Cell {
    const end = (Math.floor(now / this.#slotLength) + 1) * this.#slotLength;
    let slot = this.#slots.at(-1);
    // A clock that was set back keeps counting in the youngest slot.
    if (slot === undefined || slot.end < end) {
      slot = new SlidingSlot(this, end, (amount) => {
        this.#used += amount;
      });
      this.#slots.push(slot);
    }
    return slot;
  }

  resetSeconds(now: number): number {
    const oldest = this.#slots.find(({ amount }) => amount > 0);
    return wholeSeconds(oldest === undefined ? this.#length : oldest.end + this.#length - now);
  }

  isIdle(now: number): boolean {
    this.usedAt(now);
    return this.#slots.length === 0;
  }
}

class SlidingSlot implements Cell {
  readonly counter: SlidingCounter;
  readonly end: number;
  readonly #count: (amount: number) => void;
  amount = 0;
  /** Whether the slot is not part of the window any more. */
  left = false;

  constructor(counter: SlidingCounter, end: number, count: (amount: number) => void) {
    this.counter = counter;
    this.end = end;
    this.#count = count;
  }

  isOver(now: number): boolean {
    this.counter.usedAt(now);
    return this.left;
  }

  add(amount: number): void {
    if (this.left) return;
    this.amount += amount;
    this.#count(amount);
  }
}

/** Counts what is held at this moment; nothing but giving back lowers it. */
export class HeldCounter extends Counter implements Cell {
  readonly counter = this;
  #held = 0;

  usedAt(): number {
    return this.#held;
  }

  cellAt(): Cell {
    return this;
  }

  add(amount: number): void {
    this.#held += amount;
  }

  resetSeconds(): number {
    return 1;
  }

  isOver(): boolean {
    return false;
  }

  isIdle(): boolean {
    return this.#held === 0;
  }
}

/** Where a counter stands. */
export function stateOf(counter: Counter, max: number, now: number): CounterState {
  const used = counter.usedAt(now);
  return { used, remaining: Math.max(0, max - used), resetSeconds: counter.resetSeconds(now) };
}

function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
