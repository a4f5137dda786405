import type { LimitOwner, LimitUnit, LimitWindow, Reservation } from "../../core/limits.ts";
import type { CalendarUnit, createCalendar, Span } from "../calendar.ts";
import { slidingSlots } from "../counters.ts";

/** How a counter is kept. */
export type Kind = "calendar" | "sliding" | "held";

/** A counter as Redis knows it; a calendar window that follows has another. */
export interface RedisCounter {
  readonly kind: Kind;
  readonly key: string;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
  /** Its name in Redis. */
  readonly name: string;
  /** What records of open requests know it by: 52 bits of its key, never 0. */
  readonly identity: number;
  /** The calendar window; without one, for ever. */
  readonly span: Span;
  /** Of the sliding window and its slots, in milliseconds; 0 without one. */
  readonly length: number;
  readonly slotLength: number;
  /** Scratch of whoever writes a batch: which it is, the counter's number in it, what it is asked for by how little a maximum. */
  batch: number;
  number: number;
  asked: number;
  least: number;
  /** The maximum that Redis was told, and until when it knows it. */
  toldMax: number;
  toldUntil: number;
}

const everAfter: Span = { start: 0, end: Number.MAX_SAFE_INTEGER };
export const calendarUnits: readonly CalendarUnit[] = ["second", "minute", "hour", "day", "week", "month"];

/** How many more counters may be remembered, of all organisations together. */
export interface Room {
  left: number;
}

/** Counters remembered for one organisation; what is forgotten is worked out anew. */
const maxRemembered = 20_000;

/**
 * The names that one organisation's counters have in Redis. All begin alike; what stands in braces is what Redis
 * Cluster places keys by, so that they are on one node.
 */
export class OrganisationKeys {
  readonly owner: LimitOwner;
  readonly prefix: string;
  readonly #spanAt: ReturnType<typeof createCalendar>;
  readonly #counters = new Map<string, RedisCounter>();
  readonly #room: Room;

  constructor(owner: LimitOwner, spanAt: ReturnType<typeof createCalendar>, room: Room) {
    this.#room = room;
    this.owner = owner;
    this.prefix = `sluice:{o:${encodeURIComponent(owner.id)}}:`;
    this.#spanAt = spanAt;
  }

  /** Open requests are kept together by the lease that they were made in, so that those nobody ends go in time. */
  openRequests(period: number): string {
    return `${this.prefix}r:${period}`;
  }

  noteOf(key: string): string {
    return `${this.prefix}m:${key}`;
  }

  nameOf(kind: Kind, key: string, start?: number): string {
    if (kind === "calendar") return `${this.prefix}w:${key}:${start}`;
    return `${this.prefix}${kind === "sliding" ? "s" : "c"}:${key}`;
  }

  /** The counter that a reservation at that time takes from. */
  counterOf({ key, unit, window }: Reservation, now: number): RedisCounter {
    const known = this.#counters.get(key);
    if (known !== undefined && now >= known.span.start && now < known.span.end) return known;
    if (known === undefined) {
      if (this.#counters.size >= maxRemembered || this.#room.left <= 0) {
        this.#room.left += this.#counters.size;
        this.#counters.clear();
      }
      this.#room.left -= 1;
    }
    const kind = unit === "concurrency" ? "held" : "every" in window ? "calendar" : "sliding";
    const span = kind === "calendar" && "every" in window ? this.spanAt(now, window.every) : everAfter;
    const length = kind === "sliding" && "sliding" in window ? window.sliding * 1000 : 0;
    const counter: RedisCounter = {
      ...{ kind, key, unit, window, span, length },
      slotLength: slotLengthOf(length),
      name: this.nameOf(kind, key, span.start),
      identity: identityOf(key),
      ...{ batch: 0, number: 0, asked: 0, least: 0, toldMax: -1, toldUntil: 0 },
    };
    this.#counters.set(key, counter);
    return counter;
  }

  spanAt(now: number, every: CalendarUnit): Span {
    return this.#spanAt(now, every, this.owner.timeZone);
  }
}

/** The same in every process, whatever its version. */
export function identityOf(key: string): number {
  return Number(Bun.hash.xxHash64(key) >> 12n) || 1;
}

export function slotLengthOf(length: number): number {
  return Math.ceil(length / slidingSlots);
}
