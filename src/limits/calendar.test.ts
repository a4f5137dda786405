import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createCalendar } from "./calendar.ts";

const zones = [
  "UTC",
  "America/New_York",
  "Europe/Berlin",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "America/Havana",
  "Africa/Cairo",
  "Pacific/Apia",
  "Pacific/Chatham",
];
const day = 86_400_000;

/** The local date, asked of Intl each time. */
function dateIn(timeZone: string, instant: number): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(
    instant,
  );
}

describe("calendar windows", () => {
  const instants = fc.integer({ min: Date.UTC(2005, 0, 1), max: Date.UTC(2035, 0, 1) });

  test("a day is exactly the instants of one local date, in every zone", () => {
    fc.assert(
      fc.property(instants, fc.constantFrom(...zones), (now, zone) => {
        const { start, end } = createCalendar()(now, "day", zone);
        const date = dateIn(zone, now);
        expect(start).toBeLessThanOrEqual(now);
        expect(end).toBeGreaterThan(now);
        expect([dateIn(zone, start), dateIn(zone, end - 1)]).toEqual([date, date]);
        expect(dateIn(zone, start - 1)).not.toBe(date);
        expect(dateIn(zone, end)).not.toBe(date);
      }),
      { numRuns: 300 },
    );
  });

  test("weeks and months follow one another without gap or overlap, and begin where a day begins", () => {
    fc.assert(
      fc.property(instants, fc.constantFrom(...zones), fc.constantFrom("week", "month"), (now, zone, every) => {
        const span = createCalendar();
        const { start, end } = span(now, every, zone);
        expect(span(end, every, zone).start).toBe(end);
        expect(span(start, every, zone)).toEqual({ start, end });
        expect(span(start, "day", zone).start).toBe(start);
        const first = dateIn(zone, start);
        if (every === "month") expect(first).toEndWith("-01");
        else expect(new Date(`${first}T00:00:00Z`).getUTCDay()).toBe(1);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    ["spring forward is a day of 23 hours", "Europe/Berlin", "2026-03-29T12:00:00Z", 23],
    ["fall back is a day of 25 hours", "Europe/Berlin", "2026-10-25T12:00:00Z", 25],
    ["a change of half an hour", "Australia/Lord_Howe", "2026-10-03T20:00:00Z", 23.5],
    ["a midnight that does not exist", "Africa/Cairo", "2026-04-24T12:00:00Z", 23],
    ["a midnight that comes twice", "America/Havana", "2026-11-01T12:00:00Z", 25],
  ])("%s", (_name, zone, now, hours) => {
    const { start, end } = createCalendar()(Date.parse(now), "day", zone);
    expect((end - start) / 3_600_000).toBe(hours);
  });

  test("the date that Samoa skipped belongs to no day", () => {
    const span = createCalendar();
    const before = span(Date.parse("2011-12-30T09:00:00Z"), "day", "Pacific/Apia");
    const after = span(before.end, "day", "Pacific/Apia");
    expect([dateIn("Pacific/Apia", before.start), dateIn("Pacific/Apia", after.start)]).toEqual([
      "2011-12-29",
      "2011-12-31",
    ]);
    expect(after.end - after.start).toBe(day);
  });

  test("hours begin at the zone's full hour", () => {
    const { start, end } = createCalendar()(Date.parse("2026-03-10T12:10:00Z"), "hour", "Asia/Kolkata");
    expect([new Date(start).toISOString(), new Date(end).toISOString()]).toEqual([
      "2026-03-10T11:30:00.000Z",
      "2026-03-10T12:30:00.000Z",
    ]);
  });

  test("an unknown zone is a RangeError", () => {
    expect(() => createCalendar()(0, "day", "Mars/Olympus")).toThrow(RangeError);
  });
});
