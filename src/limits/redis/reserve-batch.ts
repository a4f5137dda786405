import type { CounterState, Reservation, ReserveResult } from "../../core/limits.ts";
import { SluiceError } from "../../errors.ts";
import type { OrganisationKeys, RedisCounter } from "./keys.ts";
import type { ScriptArgument } from "./script-command.ts";

/** What scripts call the first of each kind of counter; calendar windows are numbered from 1. */
export const firstSliding = 10_001;
export const firstHeld = 20_001;
/** Bytes that one reservation has in the script's arguments, and in a request's record. */
const itemBytes = 18;
const recordBytes = 24;

/** One request of a batch. */
export interface Asked {
  readonly requestId: string;
  readonly reservations: readonly Reservation[];
}

/** What became of one request: the answer and by which time of Redis's, or why there is none. */
export type Outcome = { readonly at: number; readonly result: ReserveResult } | Error;

/** A batch as the script takes it; what it says in return is read by {@link readReserve}. */
export interface ReserveBatch {
  readonly keys: readonly string[];
  readonly args: readonly ScriptArgument[];
  /** The key of the open requests that these will be among. */
  readonly openRequests: string;
  readonly asked: readonly Asked[];
  /** Each request's counters, in the order of its reservations. */
  readonly counters: readonly (readonly RedisCounter[])[];
  readonly calendar: readonly RedisCounter[];
  /** What the calendar windows are asked for together. */
  readonly sums: readonly number[];
  readonly sliding: readonly RedisCounter[];
  readonly held: readonly RedisCounter[];
  /** The counters' numbers, in the order of all reservations. */
  readonly numbers: readonly number[];
}

let batches = 0;

/** Writes a batch for the windows that are current at that time, as the script's head describes it. */
export function writeReserve(
  organisation: OrganisationKeys,
  asked: readonly Asked[],
  now: number,
  { given, leaseMs, holdMs, graceMs }: { given: string | number; leaseMs: number; holdMs: number; graceMs: number },
): ReserveBatch {
  const period = Math.floor(now / leaseMs);
  let from = period * leaseMs;
  let until = from + leaseMs;
  let total = 0;
  for (const { reservations } of asked) total += reservations.length;
  const records = new DataView(new ArrayBuffer(recordBytes * total));
  const items = new DataView(new ArrayBuffer(itemBytes * total));
  const sizes = new DataView(new ArrayBuffer(3 * asked.length));
  const calendar: RedisCounter[] = [];
  const sliding: RedisCounter[] = [];
  const held: RedisCounter[] = [];
  const numbers: number[] = [];
  const counters: RedisCounter[][] = [];
  batches += 1;
  let item = 0;
  let record = 0;
  for (let i = 0; i < asked.length; i += 1) {
    const { reservations } = asked[i]!;
    const own: RedisCounter[] = [];
    let bits = 0;
    for (let j = 0; j < reservations.length; j += 1) {
      const { amount } = reservations[j]!;
      const max = mostOf(reservations[j]!);
      const counter = organisation.counterOf(reservations[j]!, now);
      const { kind, span } = counter;
      if (counter.batch !== batches) {
        counter.batch = batches;
        counter.asked = 0;
        counter.least = max;
        if (kind === "calendar") {
          counter.number = calendar.push(counter);
          if (span.start > from) from = span.start;
          if (span.end < until) until = span.end;
        } else if (kind === "sliding") counter.number = firstSliding - 1 + sliding.push(counter);
        else counter.number = firstHeld - 1 + held.push(counter);
      }
      counter.asked += amount;
      if (max < counter.least) counter.least = max;
      own.push(counter);
      numbers.push(counter.number);
      items.setUint16(item, counter.number, true);
      items.setFloat64(item + 2, max, true);
      items.setFloat64(item + 10, amount, true);
      item += itemBytes;
      records.setFloat64(record, counter.identity, true);
      records.setFloat64(record + 8, amount, true);
      records.setFloat64(record + 16, kind === "calendar" ? span.end : kind === "sliding" ? -1 : 0, true);
      record += recordBytes;
      if (kind === "sliding") bits |= 1;
      else if (kind === "held") bits |= 2;
    }
    counters.push(own);
    sizes.setUint16(3 * i, reservations.length, true);
    sizes.setUint8(3 * i + 2, bits);
  }
  const openRequests = organisation.openRequests(period);
  const keys = [openRequests, organisation.openRequests(period - 1)];
  const args: ScriptArgument[] = [given, from, until, leaseMs, holdMs, graceMs];
  const sums = calendar.map(sumOf);
  const sizesAndSums = [
    counts(asked.length, calendar.length, sliding.length, held.length),
    sizes,
    together(calendar, sums, sliding, held),
  ];
  args.push(bytes(...sizesAndSums, records, items));
  for (const { name } of calendar) keys.push(name);
  for (const { name } of sliding) keys.push(name);
  for (const { name } of held) keys.push(name);
  for (const { requestId } of asked) args.push(requestId);
  return { keys, args, openRequests, asked, counters, calendar, sums, sliding, held, numbers };
}

function mostOf({ max }: Reservation): number {
  return Math.min(max, Number.MAX_SAFE_INTEGER);
}

/** What a window is asked for together; where that is no exact number the script has to look at each request. */
function sumOf({ asked }: RedisCounter): number {
  return asked <= Number.MAX_SAFE_INTEGER ? asked : 0;
}

/** What is asked of each counter together, and its window. */
function together(
  calendar: readonly RedisCounter[],
  sums: readonly number[],
  sliding: readonly RedisCounter[],
  held: readonly RedisCounter[],
): DataView {
  const all = calendar.length + sliding.length + held.length;
  const view = new DataView(new ArrayBuffer(16 * all + 8 * calendar.length + 16 * sliding.length));
  let at = 0;
  for (let i = 0; i < calendar.length; i += 1) {
    const { asked, least } = calendar[i]!;
    view.setFloat64(at, sums[i]!, true);
    view.setFloat64(at + 8, sums[i] === asked ? least : -1, true);
    at += 16;
  }
  for (const list of [sliding, held]) {
    for (const { asked, least } of list) {
      view.setFloat64(at, asked, true);
      view.setFloat64(at + 8, least, true);
      at += 16;
    }
  }
  for (let i = 0; i < calendar.length; i += 1) {
    view.setFloat64(at, calendar[i]!.span.end, true);
    at += 8;
  }
  for (const { length, slotLength } of sliding) {
    view.setFloat64(at, length, true);
    view.setFloat64(at + 8, slotLength, true);
    at += 16;
  }
  return view;
}

export function counts(...all: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(2 * all.length));
  for (const [i, count] of all.entries()) view.setUint16(2 * i, count, true);
  return view;
}

export function bytes(...views: readonly DataView[]): Buffer {
  return Buffer.concat(views.map(({ buffer }) => Buffer.from(buffer as ArrayBuffer)));
}

/** What is known of a counter while a batch is replayed. */
interface Replayed {
  readonly counter: RedisCounter;
  readonly before: number;
  used: number;
  /** The oldest slot of a sliding window, 0 without one, and the one that this batch counts in. */
  oldest: number;
  readonly slot: number;
  /** The maximum that was last asked for, of a counter that is in use; -1 of one that is not. */
  max: number;
}

/** The script's answer. */
export type ReserveReply =
  | { readonly stale: true; readonly now: number }
  | {
      readonly stale: false;
      readonly now: number;
      readonly outcomes: readonly Outcome[];
      /** Where each counter stood before and stands now. */
      readonly counters: readonly Replayed[];
    };

/**
 * Reads the script's answer. It tells which requests were granted and where the counters stood before; each request's
 * own states follow from these, so they are worked out here, where time is cheaper than in Redis.
 */
export function readReserve(batch: ReserveBatch, reply: readonly (string | number)[]): ReserveReply {
  const letters = reply[0] as string;
  const now = reply[1] as number;
  if (letters === "stale") return { stale: true, now };
  const replayed: Replayed[] = [];
  const windows = batch.calendar.length;
  for (let i = 0; i < windows; i += 1) {
    const value = reply[2 + i]!;
    const before = typeof value === "number" ? value - batch.sums[i]! : Number(value);
    replayed.push({ counter: batch.calendar[i]!, before, used: before, oldest: 0, slot: 0, max: -1 });
  }
  let at = 2 + windows;
  const next = () => Number(reply[at++]);
  for (const counter of batch.sliding) {
    const before = next();
    replayed.push({ counter, before, used: before, oldest: next(), slot: next(), max: -1 });
  }
  for (const counter of batch.held) {
    const before = next();
    replayed.push({ counter, before, used: before, oldest: 0, slot: 0, max: -1 });
  }
  const slidingFrom = windows - firstSliding;
  const heldFrom = windows + batch.sliding.length - firstHeld;
  const outcomes: Outcome[] = [];
  let item = 0;
  for (let i = 0; i < batch.asked.length; i += 1) {
    const { reservations } = batch.asked[i]!;
    const letter = letters[i];
    if (letter === "x") outcomes.push(new SluiceError("store_unavailable"));
    else {
      const touched: Replayed[] = [];
      for (let j = 0; j < reservations.length; j += 1) {
        const number = batch.numbers[item + j]!;
        const place =
          number < firstSliding ? number - 1 : number < firstHeld ? number + slidingFrom : number + heldFrom;
        touched.push(replayed[place]!);
      }
      if (letter === "r") {
        const at = next();
        if (next() === reservations.length) outcomes.push({ at, result: answer(reservations, touched, none, now) });
        else outcomes.push(new Error("the record of this request is of another request"));
      } else outcomes.push({ at: now, result: replay(reservations, touched, letter === "1", now) });
    }
    item += reservations.length;
  }
  return { stale: false, now, outcomes, counters: replayed };
}

const none: readonly number[] = Object.freeze([]);

/** Does what the script did for one request, in the same order. */
function replay(
  reservations: readonly Reservation[],
  touched: readonly Replayed[],
  granted: boolean,
  now: number,
): ReserveResult {
  if (granted) {
    for (let i = 0; i < touched.length; i += 1) {
      const one = touched[i]!;
      const { amount, max } = reservations[i]!;
      one.max = max;
      one.used += amount;
      if (one.oldest === 0 && amount > 0) one.oldest = one.slot;
    }
    return answer(reservations, touched, none, now);
  }
  const exhausted: number[] = [];
  for (let i = 0; i < touched.length; i += 1) {
    if (touched[i]!.used > 0) touched[i]!.max = reservations[i]!.max;
    const { amount } = reservations[i]!;
    if (amount <= mostOf(reservations[i]!) - touched[i]!.used) touched[i]!.used += amount;
    else exhausted.push(i);
  }
  for (let i = 0; i < touched.length; i += 1) {
    if (!exhausted.includes(i)) touched[i]!.used -= reservations[i]!.amount;
  }
  return answer(reservations, touched, exhausted, now);
}

/** Where a request's counters stand. */
function answer(
  reservations: readonly Reservation[],
  touched: readonly Replayed[],
  exhausted: readonly number[],
  now: number,
): ReserveResult {
  const states: CounterState[] = [];
  for (let i = 0; i < touched.length; i += 1) {
    const { counter, used, oldest } = touched[i]!;
    let resetMs = 1000;
    if (counter.kind === "calendar") resetMs = counter.span.end - now;
    else if (counter.kind === "sliding") resetMs = oldest === 0 ? counter.length : oldest + counter.length - now;
    states.push(stateOf(used, reservations[i]!.max, resetMs));
  }
  return { granted: exhausted.length === 0, states, exhausted };
}

// Concurrency has no window that ends: whoever waits may try again in a second.
function stateOf(used: number, max: number, resetMs: number): CounterState {
  return { used, remaining: Math.max(0, max - used), resetSeconds: Math.max(1, Math.ceil(resetMs / 1000)) };
}
