import { expect, test } from "bun:test";
import { createLocalTime } from "./local-time.ts";

test.each([
  ["2026-03-08T06:59:00Z", "America/New_York", { hour: 1, minute: 59, weekday: 0, date: "2026-03-08" }],
  ["2026-03-08T07:00:00Z", "America/New_York", { hour: 3, minute: 0, weekday: 0, date: "2026-03-08" }],
  ["2026-11-21T18:45:30Z", "Asia/Kathmandu", { hour: 0, minute: 30, weekday: 0, date: "2026-11-22" }],
  ["2026-11-21T00:00:00Z", "UTC", { hour: 0, minute: 0, weekday: 6, date: "2026-11-21" }],
])("%s in %s is told right, over daylight saving and odd offsets", (instant, zone, expected) => {
  expect(createLocalTime()(Date.parse(instant), zone)).toEqual(expected);
});

test("a new minute is told anew after a remembered one", () => {
  const localTime = createLocalTime();
  const first = localTime(Date.parse("2026-11-21T10:00:59.999Z"), "UTC");
  expect(localTime(Date.parse("2026-11-21T10:00:00Z"), "UTC")).toBe(first);
  expect(localTime(Date.parse("2026-11-21T10:01:00Z"), "UTC").minute).toBe(1);
});
