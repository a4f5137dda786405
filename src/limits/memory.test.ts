import { describe, expect, test } from "bun:test";
import { TestClock, testCounters } from "./conformance.ts";
import { createMemoryCounters } from "./memory.ts";

testCounters("memory", createMemoryCounters);

const owner = { id: "acme", timeZone: "UTC" };

describe("memory counters", () => {
  const open = (options: { maxKeys?: number } = {}) => {
    const clock = new TestClock("2026-03-10T12:00:00Z");
    return { clock, counters: createMemoryCounters({ clock, ...options }) };
  };
  const requests = (key: string) =>
    ({ key, unit: "requests", window: { every: "minute" }, max: 1, amount: 1, onStoreDown: "deny" }) as const;

  test("answers at once, without a promise", () => {
    expect(open().counters.reserve("a", owner, [requests("k")]).granted).toBe(true);
  });

  test("windows that are over are forgotten while requests go on, many keys a request or one", () => {
    const { clock, counters } = open();
    for (let i = 0; i < 20_000; i += 1) {
      counters.reserve(`r${i}`, owner, [requests(`a${i}`), requests(`b${i}`), requests(`c${i}`)]);
      counters.settle(`r${i}`, {});
      clock.advance(60);
    }
    // A thousand requests a minute with three keys each are in use; twice that may wait to be found.
    expect(counters.size.counters).toBeLessThan(9_000);
    expect(counters.size.requests).toBe(0);
  });

  test("when every counter is in use a new one is refused as a store failure, and known ones still work", () => {
    const { clock, counters } = open({ maxKeys: 2 });
    counters.reserve("a", owner, [requests("k1"), { ...requests("k2"), max: 5 }]);
    expect(() => counters.reserve("b", owner, [{ ...requests("k2"), max: 5 }, requests("k3")])).toThrow(
      "counter store is unavailable",
    );
    expect(counters.reserve("c", owner, [{ ...requests("k2"), max: 5 }]).states[0]!.used).toBe(2);
    clock.advance(60_000);
    expect(counters.reserve("d", owner, [requests("k3")]).granted).toBe(true);
  });

  test("an amount that is no amount is refused before anything is taken", () => {
    const { counters } = open();
    for (const amount of [-1, Number.NaN]) {
      expect(() => counters.reserve("a", owner, [requests("k"), { ...requests("l"), amount }])).toThrow(RangeError);
    }
    expect(counters.reserve("b", owner, [requests("k")]).granted).toBe(true);
  });

  test("an unknown time zone is refused before anything is taken", () => {
    const { counters } = open();
    const day = { ...requests("d"), window: { every: "day" } } as const;
    expect(() => counters.reserve("a", { id: "acme", timeZone: "Mars/Olympus" }, [requests("k"), day])).toThrow(
      RangeError,
    );
    expect(counters.reserve("b", owner, [requests("k")]).granted).toBe(true);
  });

  test("a sliding window never grants more than its maximum in any stretch of its length", () => {
    const { clock, counters } = open();
    const one = { key: "s", unit: "requests", window: { sliding: 7 }, max: 5, amount: 1, onStoreDown: "deny" } as const;
    const granted: number[] = [];
    for (let i = 0; i < 3000; i += 1) {
      if (counters.reserve(`r${i}`, owner, [one]).granted) granted.push(clock.now());
      clock.advance(1 + ((i * 7919) % 97));
    }
    for (const [i, from] of granted.entries()) {
      const within = granted.slice(i).filter((at) => at - from < 7000);
      expect(within.length).toBeLessThanOrEqual(5);
    }
  });

  test("a clock that is set back neither frees nor loses what was used", () => {
    const { clock, counters } = open();
    counters.reserve("a", owner, [requests("k")]);
    clock.advance(-30_000);
    expect(counters.reserve("b", owner, [requests("k")]).granted).toBe(false);
  });
});
