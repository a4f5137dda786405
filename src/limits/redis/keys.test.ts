import { describe, expect, test } from "bun:test";
import type { Reservation } from "../../core/limits.ts";
import { createCalendar } from "../calendar.ts";
import { OrganisationKeys } from "./keys.ts";

const now = Date.parse("2026-03-10T12:00:30Z");
const minutely = (key: string): Reservation => ({
  key,
  unit: "requests",
  window: { every: "minute" },
  max: 5,
  amount: 1,
  onStoreDown: "deny",
});

describe("names of counters in Redis", () => {
  const open = (room = { left: 100 }, id = "acme") =>
    new OrganisationKeys({ id, timeZone: "UTC" }, createCalendar(), room);

  test("a counter is remembered while its window lasts, and the next window has another with the same identity", () => {
    const keys = open();
    const first = keys.counterOf(minutely("k"), now);
    expect(first.name).toBe(`sluice:{o:acme}:w:k:${Date.parse("2026-03-10T12:00:00Z")}`);
    expect(keys.counterOf(minutely("k"), now + 29_999)).toBe(first);
    const next = keys.counterOf(minutely("k"), now + 30_000);
    expect(next.name).toBe(`sluice:{o:acme}:w:k:${Date.parse("2026-03-10T12:01:00Z")}`);
    expect(next.identity).toBe(first.identity);
  });

  test("no more are remembered than there is room for, and what was forgotten has the same name again", () => {
    const room = { left: 10 };
    const [one, other] = [open(room), open(room, "globex")];
    const first = one.counterOf(minutely("k0"), now);
    for (let i = 0; i < 100; i += 1) {
      one.counterOf(minutely(`k${i}`), now);
      other.counterOf(minutely(`k${i}`), now);
      expect(room.left).toBeGreaterThanOrEqual(-1);
    }
    const again = one.counterOf(minutely("k0"), now);
    expect(again).not.toBe(first);
    expect([again.name, again.identity]).toEqual([first.name, first.identity]);
  });

  test("no organisation's name can leave its place", () => {
    expect(open(undefined, "a}:{b *").prefix).toBe("sluice:{o:a%7D%3A%7Bb%20*}:");
  });
});
