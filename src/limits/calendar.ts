import type { LimitWindow } from "../core/limits.ts";

/** The name of a calendar window. */
export type CalendarUnit = Extract<LimitWindow, { every: unknown }>["every"];

/** A window as instants: milliseconds since the epoch, the end not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Tells which calendar window an instant lies in, in an IANA time zone: hours begin at the zone's full hour, days at
 * its midnight (or at the first instant of the date, where a clock change skips midnight), weeks on Monday, months on
 * the first. A day with a clock change is 23 or 25 hours long.
 *
 * The current span of each zone and unit is kept, so that Intl, which takes microseconds, is asked only when a
 * window ends.
 *
 * @throws RangeError when the time zone is unknown
 */
export function createCalendar(): (now: number, every: CalendarUnit, timeZone: string) => Span {
  const zones = new Map<string, { readonly offset: OffsetAt; readonly spans: Map<CalendarUnit, Span> }>();
  return (now, every, timeZone) => {
    // Offsets from UTC are whole minutes, so these need no zone.
    if (every === "second") return aligned(now, second);
    if (every === "minute") return aligned(now, minute);
    let zone = zones.get(timeZone);
    if (zone === undefined) {
      zone = { offset: offsetsOf(timeZone), spans: new Map() };
      zones.set(timeZone, zone);
    }
    let span = zone.spans.get(every);
    if (span === undefined || now < span.start || now >= span.end) {
      span = spanOf(now, every, zone.offset);
      zone.spans.set(every, span);
    }
    return span;
  };
}

function aligned(now: number, length: number): Span {
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

/** Local time minus UTC at an instant, in milliseconds. */
type OffsetAt = (instant: number) => number;

function offsetsOf(timeZone: string): OffsetAt {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  return (instant) => {
    const whole = Math.floor(instant / minute) * minute;
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(whole)) part[type] = Number(value);
    return Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute) - whole;
  };
}

function spanOf(now: number, every: Exclude<CalendarUnit, "second" | "minute">, offset: OffsetAt): Span {
  const shift = offset(now);
  if (every === "hour") {
    const { start, end } = aligned(now + shift, hour);
    return { start: start - shift, end: end - shift };
  }
  // Local time, written as if it were UTC.
  const local = new Date(now + shift);
  const year = local.getUTCFullYear();
  const month = local.getUTCMonth();
  if (every === "month") {
    return {
      start: firstInstant(Date.UTC(year, month, 1), offset),
      end: firstInstant(Date.UTC(year, month + 1, 1), offset),
    };
  }
  const midnight = Date.UTC(year, month, local.getUTCDate());
  const back = every === "week" ? ((local.getUTCDay() + 6) % 7) * day : 0;
  const length = every === "week" ? 7 * day : day;
  return { start: firstInstant(midnight - back, offset), end: firstInstant(midnight - back + length, offset) };
}

/** The first instant at which the local clock shows `local` or, where a change skips it, later. */
function firstInstant(local: number, offset: OffsetAt): number {
  const before = local - offset(local - day);
  const after = local - offset(local + day);
  const hits = [before, after].filter((instant) => instant + offset(instant) === local);
  if (hits.length > 0) return Math.min(...hits);
  // Skipped: the clock change itself, found to the minute between the two readings.
  let low = Math.min(before, after);
  let high = Math.max(before, after);
  while (high - low > minute) {
    const middle = Math.floor((low + high) / 2 / minute) * minute;
    if (middle + offset(middle) >= local) high = middle;
    else low = middle;
  }
  return high;
}
