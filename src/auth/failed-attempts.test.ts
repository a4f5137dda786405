import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { TestClock } from "../store/testing.ts";
import { createFailedAttempts, networkOf } from "./failed-attempts.ts";

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

  test("are not given back by a clock that is set back", () => {
    const clock = new TestClock();
    const attempts = createFailedAttempts({ clock, perMinute: 1 });
    attempts.note("192.0.2.1");
    clock.ms -= 3_600_000;
    expect(attempts.wait("192.0.2.1")).toBe(60);
  });
});

describe("an address is counted", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:c000:0201", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::1", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b:1:2:3:4:192.0.2.1", "64:ff9b:1:2::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["", ""],
    ["nonsense", "nonsense"],
  ])("%s as %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  test("with all of its network of 64 bits", () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), (one, other) => {
        const [network] = networkOf(one).split("::/");
        if (network === undefined || network.includes(".")) return;
        const tail = other.includes(".") || other.includes("::") ? "1:2:3:4" : other.split(":").slice(4).join(":");
        expect(networkOf(`${network}:${tail}`)).toBe(networkOf(one));
      }),
    );
  });
});
