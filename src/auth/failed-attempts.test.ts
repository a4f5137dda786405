import { describe, expect, test } from "bun:test";
import { TestClock } from "../store/testing.ts";
import { createFailedAttempts } from "./failed-attempts.ts";

describe("failed attempts", () => {
  test("are let pass up to the limit, and one again with each part of the minute", () => {
    const clock = new TestClock();
    const attempts = createFailedAttempts({ clock, perMinute: 6 });
    for (let i = 0; i < 6; i += 1) {
      expect(attempts.wait("192.0.2.1")).toBe(0);
      attempts.note("192.0.2.1");
    }
    expect(attempts.wait("192.0.2.1")).toBe(10);
    clock.ms += 9_999;
    expect(attempts.wait("192.0.2.1")).toBe(1);
    clock.ms += 1;
    expect(attempts.wait("192.0.2.1")).toBe(0);
    attempts.note("192.0.2.1");
    expect(attempts.wait("192.0.2.1")).toBe(10);
    clock.ms += 3_600_000;
    for (let i = 0; i < 6; i += 1) attempts.note("192.0.2.1");
    expect(attempts.wait("192.0.2.1")).toBeGreaterThan(0);
  });

  test("of one address are not those of another", () => {
    const attempts = createFailedAttempts({ clock: new TestClock(), perMinute: 1 });
    attempts.note("192.0.2.1");
    expect(attempts.wait("192.0.2.1")).toBe(60);
    expect(attempts.wait("192.0.2.2")).toBe(0);
  });

  test("are remembered of so many addresses and no more, those that failed last", () => {
    const attempts = createFailedAttempts({ clock: new TestClock(), perMinute: 1, maxAddresses: 3 });
    for (const last of [1, 2, 3, 4]) attempts.note(`192.0.2.${last}`);
    expect([1, 2, 3, 4].map((last) => attempts.wait(`192.0.2.${last}`))).toEqual([0, 60, 60, 60]);
  });

  test("of one IPv4 address are its own in whichever way it is written, and of IPv6 those of a network", () => {
    const attempts = createFailedAttempts({ clock: new TestClock(), perMinute: 1 });
    attempts.note("192.0.2.1");
    attempts.note("2001:db8::1");
    const asked = ["::ffff:c000:201", "::ffff:192.0.2.1", "2001:db8::2:1", "192.0.2.2", "2001:db8:0:1::1"];
    expect(asked.map((address) => attempts.wait(address))).toEqual([60, 60, 60, 0, 0]);
  });

  test("are not given back by a clock that is set back", () => {
    const clock = new TestClock();
    const attempts = createFailedAttempts({ clock, perMinute: 1 });
    attempts.note("192.0.2.1");
    clock.ms -= 3_600_000;
    expect(attempts.wait("192.0.2.1")).toBe(60);
  });
});
