import type { ActualAmounts, Reservation } from "../../core/limits.ts";
import type { RedisCounter } from "./keys.ts";
import { bytes, counts, firstHeld, firstSliding } from "./reserve-batch.ts";
import type { ScriptArgument } from "./script-command.ts";

/** By how much one reservation of a request changes when it ends. */
export interface Change {
  readonly counter: RedisCounter;
  /** The reservation's place among the request's. */
  readonly place: number;
  readonly change: number;
}

/** A request that ends. */
export interface Ended {
  readonly requestId: string;
  readonly changes: readonly Change[];
  /** Whether it is not known to have been made, so that it may be on its way still. */
  readonly mark: boolean;
}

/**
 * What changes when a request ends.
 *
 * @param actual what was used; `null` to give everything back
 * @param extended whether it may have taken more since: the script knows how much, and has to be told of all that is
 *   corrected
 */
export function changesOf(
  reservations: readonly Reservation[],
  counters: readonly RedisCounter[],
  actual: ActualAmounts | null,
  extended: boolean,
): Change[] {
  const changes: Change[] = [];
  for (let place = 0; place < reservations.length; place += 1) {
    const { unit, amount } = reservations[place]!;
    const counter = counters[place]!;
    if (unit === "concurrency") {
      if (amount > 0) changes.push({ counter, place, change: 0 });
      continue;
    }
    const used = actual === null ? 0 : actual[unit];
    if (used === undefined) continue;
    const change = Math.ceil(used) - amount;
    if (change !== 0 || extended) changes.push({ counter, place, change });
  }
  return changes;
}

let batches = 0;

/** Writes a batch as the head of the settle script describes it. All its requests were made in one period. */
export function writeSettle(
  openRequests: string,
  ended: readonly Ended[],
  { given, leaseMs, graceMs }: { given: string | number; leaseMs: number; graceMs: number },
): { readonly keys: readonly string[]; readonly args: readonly ScriptArgument[] } {
  let total = 0;
  for (const { changes } of ended) total += changes.length;
  const sizes = new DataView(new ArrayBuffer(3 * ended.length));
  const items = new DataView(new ArrayBuffer(12 * total));
  const calendar: RedisCounter[] = [];
  const sliding: RedisCounter[] = [];
  const held: RedisCounter[] = [];
  batches -= 1;
  let at = 0;
  for (const [i, { changes, mark }] of ended.entries()) {
    sizes.setUint16(3 * i, changes.length, true);
    sizes.setUint8(3 * i + 2, mark ? 1 : 0);
    for (const { counter, place, change } of changes) {
      if (counter.batch !== batches) {
        counter.batch = batches;
        counter.asked = 0;
        if (counter.kind === "calendar") counter.number = calendar.push(counter);
        else if (counter.kind === "sliding") counter.number = firstSliding - 1 + sliding.push(counter);
        else counter.number = firstHeld - 1 + held.push(counter);
      }
      counter.asked += change;
      items.setUint16(at, counter.number, true);
      items.setUint16(at + 2, place, true);
      items.setFloat64(at + 4, change, true);
      at += 12;
    }
  }
  const args: ScriptArgument[] = [given, leaseMs, graceMs];
  const sizesOfAll = counts(ended.length, calendar.length, sliding.length, held.length);
  args.push(bytes(sizesOfAll, sizes, sumsAndSpans(calendar, sliding), items));
  const keys = [openRequests];
  for (const list of [calendar, sliding, held]) for (const { name } of list) keys.push(name);
  for (const { requestId } of ended) args.push(requestId);
  return { keys, args };
}

function sumsAndSpans(calendar: readonly RedisCounter[], sliding: readonly RedisCounter[]): DataView {
  const view = new DataView(new ArrayBuffer(16 * calendar.length + 8 * sliding.length));
  for (let i = 0; i < calendar.length; i += 1) {
    view.setFloat64(16 * i, calendar[i]!.asked, true);
    view.setFloat64(16 * i + 8, calendar[i]!.span.end, true);
  }
  for (const [i, { length }] of sliding.entries()) view.setFloat64(16 * calendar.length + 8 * i, length, true);
  return view;
}

/** How much more an open request asks for, as the extend script takes it; `undefined` when that is nothing. */
export function writeExtend(
  openRequests: string,
  requestId: string,
  reservations: readonly Reservation[],
  counters: readonly RedisCounter[],
  more: ActualAmounts,
  { given, leaseMs, graceMs }: { given: string | number; leaseMs: number; graceMs: number },
): { readonly keys: readonly string[]; readonly args: readonly ScriptArgument[] } | undefined {
  const places = reservations.flatMap((one, place) => (moreOf(more, one) > 0 ? [place] : []));
  if (places.length === 0) return undefined;
  const own = new Set(places.map((place) => counters[place]!));
  const calendar = [...own].filter(({ kind }) => kind === "calendar");
  const sliding = [...own].filter(({ kind }) => kind === "sliding");
  const items = new DataView(new ArrayBuffer(20 * places.length));
  for (const [i, place] of places.entries()) {
    const counter = counters[place]!;
    const { max } = reservations[place]!;
    const slides = counter.kind === "sliding";
    items.setUint16(20 * i, slides ? firstSliding + sliding.indexOf(counter) : 1 + calendar.indexOf(counter), true);
    items.setUint16(20 * i + 2, place, true);
    items.setFloat64(20 * i + 4, Math.min(max, Number.MAX_SAFE_INTEGER), true);
    items.setFloat64(20 * i + 12, moreOf(more, reservations[place]!), true);
  }
  const args: ScriptArgument[] = [given, leaseMs, graceMs, requestId];
  args.push(bytes(counts(places.length, calendar.length, sliding.length)), bytes(items));
  args.push(bytes(endsAndLengths(calendar, sliding)));
  return { keys: [openRequests, ...[...calendar, ...sliding].map(({ name }) => name)], args };
}

/** Units to add to a reservation. */
function moreOf(more: ActualAmounts, { unit, whole }: Reservation): number {
  const amount = whole || unit === "concurrency" ? 0 : (more[unit] ?? 0);
  if (!Number.isSafeInteger(amount) || amount < 0) throw new RangeError(`cannot extend by ${amount} ${unit}`);
  return amount;
}

function endsAndLengths(calendar: readonly RedisCounter[], sliding: readonly RedisCounter[]): DataView {
  const view = new DataView(new ArrayBuffer(8 * (calendar.length + sliding.length)));
  for (let i = 0; i < calendar.length; i += 1) view.setFloat64(8 * i, calendar[i]!.span.end, true);
  for (const [i, { length }] of sliding.entries()) view.setFloat64(8 * (calendar.length + i), length, true);
  return view;
}
