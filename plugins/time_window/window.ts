/** The days as files write them, in the order of `clock.weekday`. */
export const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
/** One of the {@link days}. */
export type Day = (typeof days)[number];

/** A window as files write it; what is absent does not narrow it. */
export interface WindowConfig {
  readonly days?: readonly Day[];
  readonly from?: string;
  readonly to?: string;
  readonly dates?: readonly string[];
}

/** A moment as a wall clock and a calendar show it: days since 1970-01-01 and the minute of the day. */
export interface WallClock {
  readonly day: number;
  readonly minute: number;
}

/** Dates from the first to the last, both included, in days since 1970-01-01. */
interface DateRange {
  readonly first: number;
  readonly last: number;
}

/** A window ready to be asked. */
export interface Window {
  readonly days: ReadonlySet<number> | undefined;
  /** Minutes of the day; `to` is not included, and is not after `from` when the window ends on the next day. */
  readonly from: number;
  readonly to: number;
  readonly dates: readonly DateRange[] | undefined;
}

/** Something wrong with a window: which key of it, and what. */
export class WindowProblem extends Error {
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.name = "WindowProblem";
    this.key = key;
  }
}

const dayMs = 86_400_000;
export const minutesOfDay = 1_440;

/** @throws WindowProblem for the first thing that is wrong */
export function parseWindow({ days: names, from, to, dates }: WindowConfig): Window {
  if (names === undefined && from === undefined && to === undefined && dates === undefined) {
    throw new WindowProblem("", "set days, from and to, or dates");
  }
  if (from === to && from !== undefined) {
    throw new WindowProblem("to", "'from' and 'to' are the same; leave both out for the whole day");
  }
  const start = from === undefined ? 0 : parseTime("from", from);
  const end = to === undefined ? minutesOfDay : parseTime("to", to);
  if (start === minutesOfDay) throw new WindowProblem("from", "a window begins at 23:59 at the latest; 24:00 is 00:00");
  if (end === 0) throw new WindowProblem("to", "write 24:00 for the end of the day");
  const window = {
    days: names === undefined ? undefined : new Set(names.map((name) => days.indexOf(name))),
    from: start,
    to: end,
    dates: dates?.map((text, i) => parseDates(`dates.${i}`, text)),
  };
  if (names !== undefined && window.dates?.every((range) => !meets(range, window.days!))) {
    throw new WindowProblem("days", `never open: none of the dates is a ${names.join(", ")}`);
  }
  return window;
}

/** Whether one of the days of the week is among the dates. */
function meets({ first, last }: DateRange, wanted: ReadonlySet<number>): boolean {
  for (let day = first; day <= Math.min(last, first + 6); day += 1) if (wanted.has(weekdayOf(day))) return true;
  return false;
}

function parseTime(key: string, text: string): number {
  const [, hour, minute] = /^(\d\d):(\d\d)$/.exec(text) ?? [];
  const value = Number(hour) * 60 + Number(minute);
  if (!(Number(minute) < 60 && value <= minutesOfDay)) {
    throw new WindowProblem(key, `expected a time from 00:00 to 24:00, got '${text}'`);
  }
  return value;
}

function parseDates(key: string, text: string): DateRange {
  const parts = text.split("..").map((date) => dayOf(date));
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined || parts.length > 2) {
    throw new WindowProblem(
      key,
      `expected a date such as 2026-12-24 or dates such as 2026-12-24..2027-01-02, got '${text}'`,
    );
  }
  if (last < first) throw new WindowProblem(key, `'${text}' ends before it begins`);
  return { first, last };
}

/** Days since 1970-01-01 of a date as YYYY-MM-DD; `undefined` when it is none, such as February 30th. */
export function dayOf(date: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return undefined;
  const time = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(time) || !new Date(time).toISOString().startsWith(date) ? undefined : time / dayMs;
}

/** The date as YYYY-MM-DD. */
export function dateOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

/** The weekday: 0 is Sunday. The first day of 1970 was a Thursday. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

/** Whether a window is open. One that goes over midnight belongs to the day on which it begins. */
export function isOpen(window: Window, { day, minute }: WallClock): boolean {
  const { from, to } = window;
  if (from < to) return from <= minute && minute < to && beginsOn(window, day);
  return (minute >= from && beginsOn(window, day)) || (minute < to && beginsOn(window, day - 1));
}

function beginsOn({ days: wanted, dates }: Window, day: number): boolean {
  if (wanted !== undefined && !wanted.has(weekdayOf(day))) return false;
  return dates === undefined || dates.some(({ first, last }) => first <= day && day <= last);
}

/**
 * The first moment at which any of the windows is open, or all of them are closed, when `now` is not such a moment;
 * `null` when there is none.
 */
export function nextWhen(windows: readonly Window[], open: boolean, now: WallClock): WallClock | null {
  const holds = (at: WallClock) => windows.some((window) => isOpen(window, at)) === open;
  // Between the ends of date ranges everything repeats weekly, and a window of the day before may reach in.
  const ends = windows.flatMap(({ dates }) => (dates ?? []).flatMap(({ first, last }) => [first, last + 1]));
  const turns = [now.day, ...ends.filter((day) => day > now.day).sort((a, b) => a - b)];
  const minutes = [...new Set([0, ...windows.flatMap(({ from, to }) => [from, to % minutesOfDay])])].sort(
    (a, b) => a - b,
  );
  for (const [i, turn] of turns.entries()) {
    const until = Math.min(turn + 9, turns[i + 1] ?? Number.POSITIVE_INFINITY);
    for (let day = turn; day < until; day += 1) {
      for (const minute of minutes) {
        if (day === now.day && minute <= now.minute) continue;
        if (holds({ day, minute })) return { day, minute };
      }
    }
  }
  return null;
}
