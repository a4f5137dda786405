import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  dateOf,
  dayOf,
  days,
  isOpen,
  minutesOfDay,
  nextWhen,
  parseWindow,
  type WallClock,
  type WindowConfig,
  WindowProblem,
  weekdayOf,
} from "./window.ts";

const start = dayOf("2026-11-20")!;
/** On the half hour, so that a search by half hours meets every change. */
const clock = fc.integer({ min: 0, max: 47 }).map((half) => {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(Math.floor(half / 2))}:${two((half % 2) * 30)}`;
});
const date = fc.integer({ min: start - 3, max: start + 25 });
const range = fc
  .tuple(date, fc.integer({ min: 0, max: 4 }))
  .map(([day, more]) => `${dateOf(day)}..${dateOf(day + more)}`);
const window = fc
  .record(
    {
      days: fc.uniqueArray(fc.constantFrom(...days), { minLength: 1, maxLength: 4 }),
      from: clock,
      to: clock.map((to) => (to === "00:00" ? "24:00" : to)),
      dates: fc.array(range, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  .filter((config) => Object.keys(config).length > 0 && (config.from ?? "-") !== (config.to ?? "+"))
  .filter(opens)
  .map(parseWindow);
/** Days and dates that never meet are no window. */
function opens(config: WindowConfig): boolean {
  try {
    parseWindow(config);
    return true;
  } catch (error) {
    if (error instanceof WindowProblem) return false;
    throw error;
  }
}
const now = fc.tuple(fc.integer({ min: start, max: start + 10 }), fc.integer({ min: 0, max: minutesOfDay - 1 }));

describe("days and dates", () => {
  test("count from 1970 and back, with their weekdays", () => {
    expect([dayOf("1970-01-01"), weekdayOf(0), weekdayOf(-1)]).toEqual([0, 4, 3]);
    fc.assert(
      fc.property(fc.integer({ min: -200_000, max: 200_000 }), (day) => {
        if (dateOf(day).length !== 10) return;
        expect(dayOf(dateOf(day))).toBe(day);
        expect(weekdayOf(day)).toBe(new Date(`${dateOf(day)}T12:00:00Z`).getUTCDay());
      }),
    );
  });

  test.each(["2026-02-29", "2026-13-01", "2026-1-1", "20260101", ""])("%p is no date", (text) => {
    expect(dayOf(text)).toBeUndefined();
  });
});

describe("the next moment", () => {
  test("is the first one after now, found as by looking at every half hour", () => {
    fc.assert(
      fc.property(
        fc.array(window, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        now,
        (windows, open, [day, minute]) => {
          const from: WallClock = { day, minute };
          fc.pre(windows.some((one) => isOpen(one, from)) !== open);
          expect(nextWhen(windows, open, from)).toEqual(search(windows, open, from));
        },
      ),
      { numRuns: 500 },
    );
  });

  function search(windows: Parameters<typeof nextWhen>[0], open: boolean, from: WallClock): WallClock | null {
    // Past the last date everything repeats weekly.
    for (let day = from.day; day < start + 60; day += 1) {
      for (let minute = 0; minute < minutesOfDay; minute += 30) {
        if (day === from.day && minute <= from.minute) continue;
        if (windows.some((one) => isOpen(one, { day, minute })) === open) return { day, minute };
      }
    }
    return null;
  }
});
