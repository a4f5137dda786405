import { afterEach, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type {
  ActualAmounts,
  Counters,
  InspectedCounter,
  InspectQuery,
  LimitUnit,
  LimitWindow,
  Reservation,
} from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { accuracy } from "./conformance-accuracy.ts";
import { modelProperty } from "./conformance-model.ts";

/** Makes the counters under test; they read the time from this clock and no other. */
export type MakeCounters = (options: {
  readonly clock: Clock;
  /** After how long a request that was neither settled nor released gives its concurrency back. */
  readonly leaseSeconds: number;
}) => Counters | Promise<Counters>;

/** Longer than any test's clock runs. */
const noLease = 1e9;

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #now: number;

  constructor(now: string | number) {
    this.#now = new Date(now).getTime();
  }

  now(): number {
    return this.#now;
  }

  set(now: string | number): void {
    this.#now = new Date(now).getTime();
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

const noon = "2026-03-10T12:00:00Z";
const minute: LimitWindow = { every: "minute" };

/** What every adapter of the Counters port promises. Keys and ids are new for each test: a store may be shared. */
export function testCounters(name: string, make: MakeCounters): void {
  describe(`counters: ${name}`, () => {
    const opened: Counters[] = [];
    afterEach(async () => {
      for (const counters of opened.splice(0)) await counters.close();
    });

    async function open(now = noon, leaseSeconds = noLease) {
      const clock = new TestClock(now);
      const counters = await make({ clock, leaseSeconds });
      opened.push(counters);
      const prefix = randomUUID();
      const want = (
        key: string,
        max: number,
        amount = 1,
        window = minute,
        unit: LimitUnit = "requests",
      ): Reservation => ({
        key: `${prefix}|${key}`,
        unit,
        window,
        max,
        amount,
        onStoreDown: "deny",
      });
      const reserve = (id: string, reservations: readonly Reservation[], timeZone = "UTC") =>
        counters.reserve(`${prefix}-${id}`, { id: "acme", timeZone }, reservations);
      const settle = (id: string, actual: Parameters<Counters["settle"]>[1]) =>
        counters.settle(`${prefix}-${id}`, actual);
      const release = (id: string) => counters.release(`${prefix}-${id}`);
      const usedOf = async (reservation: Reservation, timeZone = "UTC") => {
        const probe = await reserve(
          randomUUID(),
          [{ ...reservation, amount: 0, max: Number.MAX_SAFE_INTEGER }],
          timeZone,
        );
        return probe.states[0]!.used;
      };
      const extend = (id: string, more: ActualAmounts) => counters.extend(`${prefix}-${id}`, more);
      const inspect = (query: InspectQuery = {}) =>
        counters.inspect({ id: "acme", timeZone: "UTC" }, { ...query, prefix: `${prefix}|${query.prefix ?? ""}` });
      const inspectAll = async (query: InspectQuery = {}) => {
        const all: InspectedCounter[] = [];
        let page = await inspect(query);
        all.push(...page.counters);
        while (page.next !== null) {
          page = await inspect({ ...query, cursor: page.next });
          all.push(...page.counters);
        }
        const byKey = new Map(all.map((one) => [one.key, { ...one, key: one.key.slice(prefix.length + 1) }]));
        return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
      };
      const reset = (key: string) => counters.reset({ id: "acme", timeZone: "UTC" }, `${prefix}|${key}`);
      return { clock, counters, want, reserve, settle, release, usedOf, extend, inspect, inspectAll, reset };
    }

    test("amounts are taken up to the maximum and not beyond, and the state says where the counter stands", async () => {
      const { want, reserve } = await open("2026-03-10T12:00:48Z");
      expect(await reserve("a", [want("k", 3, 2)])).toEqual({
        granted: true,
        states: [{ used: 2, remaining: 1, resetSeconds: 12 }],
        exhausted: [],
      });
      expect(await reserve("b", [want("k", 3, 2)])).toEqual({
        granted: false,
        states: [{ used: 2, remaining: 1, resetSeconds: 12 }],
        exhausted: [0],
      });
      expect((await reserve("c", [want("k", 3, 1)])).granted).toBe(true);
    });

    test("a reserve takes every amount or none, and names all that had no room", async () => {
      const { want, reserve, usedOf } = await open();
      await reserve("full", [want("b", 1), want("d", 1)]);
      const denied = await reserve("x", [want("a", 5), want("b", 1), want("c", 5), want("d", 1)]);
      expect(denied.exhausted).toEqual([1, 3]);
      expect(denied.states.map(({ used }) => used)).toEqual([0, 1, 0, 1]);
      expect(await usedOf(want("a", 5))).toBe(0);
      expect(await usedOf(want("c", 5))).toBe(0);
    });

    test("two reservations of one request on one counter see each other", async () => {
      const { want, reserve, usedOf } = await open();
      expect((await reserve("x", [want("a", 3, 2), want("a", 3, 2)])).granted).toBe(false);
      expect(await usedOf(want("a", 3))).toBe(0);
      expect((await reserve("y", [want("a", 4, 2), want("a", 4, 2)])).granted).toBe(true);
      expect(await usedOf(want("a", 4))).toBe(4);
    });

    test("counters with different keys are apart", async () => {
      const { want, reserve, usedOf } = await open();
      await reserve("x", [want("a", 9, 4), want("day", 9, 3, { every: "day" }), want("b", 9, 2)]);
      expect(await usedOf(want("a", 9))).toBe(4);
      expect(await usedOf(want("day", 9, 0, { every: "day" }))).toBe(3);
      expect(await usedOf(want("b", 9))).toBe(2);
    });

    test("a request id that is repeated while it is open takes nothing and gets the first answer again", async () => {
      const { want, reserve, usedOf } = await open();
      const first = await reserve("a", [want("k", 2)]);
      expect(await reserve("a", [want("k", 2)])).toEqual(first);
      expect(await usedOf(want("k", 2))).toBe(1);
    });

    test("settling corrects each reservation to what was used, and leaves units that are not told", async () => {
      const { want, reserve, settle, usedOf } = await open();
      const tokens = want("t", 1000, 400, minute, "tokens");
      const requests = want("r", 10);
      await reserve("less", [tokens, requests]);
      await settle("less", { tokens: 150 });
      expect(await usedOf(tokens)).toBe(150);
      expect(await usedOf(requests)).toBe(1);
      await reserve("more", [tokens]);
      await settle("more", { tokens: 900 });
      const over = await reserve("next", [want("t", 1000, 1, minute, "tokens")]);
      expect(over).toMatchObject({ granted: false, states: [{ used: 1050, remaining: 0 }] });
    });

    test("settling writes into the window of the reservation, not into the one it happens in", async () => {
      const { clock, want, reserve, settle, usedOf } = await open();
      const tokens = want("t", 1000, 400, minute, "tokens");
      await reserve("a", [tokens]);
      clock.advance(60_000);
      await reserve("b", [tokens]);
      await settle("a", { tokens: 999 });
      expect(await usedOf(tokens)).toBe(400);
    });

    test("releasing gives everything back", async () => {
      const { want, reserve, release, usedOf } = await open();
      const all = [want("r", 5), want("t", 900, 300, minute, "tokens"), want("c", 2, 1, minute, "concurrency")];
      await reserve("a", all);
      await release("a");
      for (const one of all) expect(await usedOf(one)).toBe(0);
    });

    test("settle and release count once, whichever comes first, and for unknown ids do nothing", async () => {
      const { want, reserve, settle, release, usedOf } = await open();
      const tokens = want("t", 1000, 400, minute, "tokens");
      await reserve("a", [tokens]);
      await settle("a", { tokens: 100 });
      await settle("a", { tokens: 700 });
      await release("a");
      expect(await usedOf(tokens)).toBe(100);
      await reserve("b", [tokens]);
      await release("b");
      await release("b");
      await settle("b", { tokens: 700 });
      await release("nobody");
      await settle("nobody", { tokens: 700 });
      expect(await usedOf(tokens)).toBe(100);
    });

    test("concurrency is held until the request is settled or released, whatever the time", async () => {
      const { clock, want, reserve, settle, release } = await open();
      const held = want("c", 2, 1, minute, "concurrency");
      await reserve("a", [held]);
      await reserve("b", [held]);
      clock.advance(120_000);
      expect((await reserve("c", [held])).granted).toBe(false);
      await settle("a", { tokens: 5 });
      expect((await reserve("d", [held])).granted).toBe(true);
      expect((await reserve("e", [held])).granted).toBe(false);
      await release("b");
      expect((await reserve("f", [held])).granted).toBe(true);
    });

    test("a forgotten request gives its concurrency back after the lease, and keeps what it took from windows", async () => {
      const { clock, want, reserve } = await open(noon, 10);
      const held = want("c", 1, 1, minute, "concurrency");
      await reserve("lost", [held, want("k", 1)]);
      clock.advance(10_000);
      expect((await reserve("early", [held])).granted).toBe(false);
      clock.advance(1);
      expect((await reserve("later", [held])).granted).toBe(true);
      expect((await reserve("k", [want("k", 1)])).granted).toBe(false);
    });

    test("requests that arrive together cannot pass on the same reading", async () => {
      const { want, reserve, usedOf } = await open();
      const answers = await Promise.all(
        Array.from({ length: 64 }, (_, i) => reserve(`p${i}`, [want("k", 20), want("t", 1e9, 7, minute, "tokens")])),
      );
      expect(answers.filter(({ granted }) => granted)).toHaveLength(20);
      expect(await usedOf(want("k", 20))).toBe(20);
      expect(await usedOf(want("t", 1, 0, minute, "tokens"))).toBe(140);
    });

    test.each([
      ["second", "UTC", "2026-03-10T12:00:00.400Z", "2026-03-10T12:00:01Z"],
      ["minute", "Asia/Kolkata", "2026-03-10T12:00:48Z", "2026-03-10T12:01:00Z"],
      ["hour", "Asia/Kolkata", "2026-03-10T12:10:00Z", "2026-03-10T12:30:00Z"],
      ["day", "Asia/Kolkata", "2026-03-10T12:00:00Z", "2026-03-10T18:30:00Z"],
      ["day", "America/New_York", "2026-03-08T05:30:00Z", "2026-03-09T04:00:00Z"],
      ["day", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"],
      ["week", "UTC", "2026-03-15T23:59:59Z", "2026-03-16T00:00:00Z"],
      ["week", "Europe/Berlin", "2026-03-23T00:00:00Z", "2026-03-29T22:00:00Z"],
      ["month", "America/New_York", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z"],
    ] as const)("the %s in %s of %s ends at %s", async (every, timeZone, now, end) => {
      const { clock, want, reserve, usedOf } = await open(now);
      const one = want("k", 1, 1, { every });
      const first = await reserve("a", [one], timeZone);
      expect(first.states[0]!.resetSeconds).toBe(Math.ceil((Date.parse(end) - Date.parse(now)) / 1000));
      clock.set(Date.parse(end) - 1);
      expect((await reserve("b", [one], timeZone)).granted).toBe(false);
      clock.set(end);
      expect(await usedOf(one, timeZone)).toBe(0);
      expect((await reserve("c", [one], timeZone)).granted).toBe(true);
    });

    test("a sliding window frees room when uses leave it, and not before", async () => {
      const { clock, want, reserve } = await open();
      const one = want("k", 2, 1, { sliding: 60 });
      expect((await reserve("a", [one])).granted).toBe(true);
      clock.advance(30_000);
      expect((await reserve("b", [one])).granted).toBe(true);
      clock.advance(29_999);
      expect(await reserve("c", [one])).toMatchObject({ granted: false, exhausted: [0] });
      // At most a sixtieth of the window late.
      clock.advance(1_001);
      expect((await reserve("d", [one])).granted).toBe(true);
      expect((await reserve("e", [one])).granted).toBe(false);
    });

    test("a calendar window decides exactly as a list of all uses would, request by request", async () => {
      const { clock, counters } = await open("2026-03-10T12:00:00.250Z");
      await accuracy({ clock, counters, key: randomUUID() }, { every: "second" });
      // And where more is asked for than there is.
      await accuracy({ clock, counters, key: randomUUID() }, { every: "second" }, 500, 3);
    });

    test("a sliding window never grants more than its maximum in any stretch, and gives room back a sixtieth late at most", async () => {
      const { clock, counters } = await open("2026-03-10T12:00:00.250Z");
      const { granted, possible } = await accuracy({ clock, counters, key: randomUUID() }, { sliding: 6 }, 2000);
      // Up to one maximum, for the window that has begun when the test ends.
      expect(granted).toBeGreaterThanOrEqual((possible * 60) / 61 - 100);
    });

    test("settling a use that has left its sliding window changes nothing", async () => {
      const { clock, want, reserve, settle, usedOf } = await open();
      const tokens = want("t", 100, 40, { sliding: 60 }, "tokens");
      await reserve("old", [tokens]);
      clock.advance(30_000);
      await reserve("new", [tokens]);
      clock.advance(31_000);
      expect(await usedOf(tokens)).toBe(40);
      await settle("old", { tokens: 5 });
      expect(await usedOf(tokens)).toBe(40);
    });

    test("an open request is extended in each of its reservations of the unit while there is room, all or none", async () => {
      const { want, reserve, extend, settle, usedOf } = await open();
      const [wide, tight] = [want("w", 1000, 100, minute, "tokens"), want("t", 300, 100, { sliding: 60 }, "tokens")];
      const requests = want("r", 1);
      await reserve("a", [wide, requests, tight]);
      expect(await extend("a", { tokens: 200 })).toBe(true);
      expect([await usedOf(wide), await usedOf(tight), await usedOf(requests)]).toEqual([300, 300, 1]);
      expect(await extend("a", { tokens: 1 })).toBe(false);
      expect([await usedOf(wide), await usedOf(tight)]).toEqual([300, 300]);
      expect(await extend("a", { usd: 5 })).toBe(true);
      await settle("a", { tokens: 120 });
      expect([await usedOf(wide), await usedOf(tight)]).toEqual([120, 120]);
    });

    test("what was reserved whole is not extended with the others of its unit", async () => {
      const { want, reserve, extend, settle, usedOf } = await open();
      const sliced = want("sliced", 100, 10, minute, "tokens");
      const full = { ...want("full", 50, 50, minute, "tokens"), whole: true };
      await reserve("a", [sliced, full]);
      expect(await extend("a", { tokens: 20 })).toBe(true);
      expect([await usedOf(sliced), await usedOf(full)]).toEqual([30, 50]);
      await settle("a", { tokens: 25 });
      expect([await usedOf(sliced), await usedOf(full)]).toEqual([25, 25]);
    });

    test("what an extended request took is kept when nothing is told, and given back by a release", async () => {
      const { want, reserve, extend, settle, release, usedOf } = await open();
      const [fixed, slides] = [want("f", 1000, 10, minute, "tokens"), want("s", 1000, 10, { sliding: 60 }, "tokens")];
      await reserve("kept", [fixed, slides]);
      await extend("kept", { tokens: 5 });
      await extend("kept", { tokens: 7 });
      await settle("kept", {});
      expect([await usedOf(fixed), await usedOf(slides)]).toEqual([22, 22]);
      await reserve("released", [fixed, slides]);
      await extend("released", { tokens: 30 });
      expect([await usedOf(fixed), await usedOf(slides)]).toEqual([62, 62]);
      await release("released");
      expect([await usedOf(fixed), await usedOf(slides)]).toEqual([22, 22]);
    });

    test("two reservations of one request on one counter are both extended, and see each other", async () => {
      const { want, reserve, extend, usedOf } = await open();
      const one = want("k", 20, 5, minute, "tokens");
      await reserve("a", [one, one]);
      expect(await extend("a", { tokens: 6 })).toBe(false);
      expect(await usedOf(one)).toBe(10);
      expect(await extend("a", { tokens: 5 })).toBe(true);
      expect(await usedOf(one)).toBe(20);
    });

    test("a request is extended in the window it was made in: once that is over nothing is counted", async () => {
      const { clock, want, reserve, extend, settle, usedOf } = await open();
      const [fixed, slides] = [want("f", 50, 40, minute, "tokens"), want("s", 50, 40, { sliding: 60 }, "tokens")];
      await reserve("a", [fixed, slides]);
      clock.advance(61_000);
      await reserve("b", [fixed, slides]);
      expect(await extend("a", { tokens: 30 })).toBe(true);
      expect([await usedOf(fixed), await usedOf(slides)]).toEqual([40, 40]);
      await settle("a", { tokens: 70 });
      expect([await usedOf(fixed), await usedOf(slides)]).toEqual([40, 40]);
    });

    test("requests that are not open cannot be extended, and what is held of concurrency never is", async () => {
      const { want, reserve, extend, settle, release, usedOf } = await open();
      const all = [want("t", 100, 1, minute, "tokens"), want("c", 5, 1, minute, "concurrency")];
      expect(await extend("nobody", { tokens: 1 })).toBe(false);
      await reserve("settled", all);
      await settle("settled", {});
      await reserve("released", all);
      await release("released");
      await reserve("denied", [...all, want("full", 0)]);
      for (const id of ["settled", "released", "denied"]) expect(await extend(id, { tokens: 1 })).toBe(false);
      await reserve("open", all);
      expect(await extend("open", { tokens: 1, concurrency: 1 })).toBe(true);
      expect([await usedOf(all[0]!), await usedOf(all[1]!)]).toEqual([3, 1]);
    });

    test("extensions that arrive together cannot pass on the same reading", async () => {
      const { want, reserve, extend, usedOf } = await open();
      const one = want("k", 100, 1, minute, "tokens");
      const ids = Array.from({ length: 16 }, (_, i) => `s${i}`);
      for (const id of ids) await reserve(id, [one]);
      const answers = await Promise.all(ids.map((id) => extend(id, { tokens: 12 })));
      expect(answers.filter((granted) => granted)).toHaveLength(7);
      expect(await usedOf(one)).toBe(100);
    });

    test("a repeated reserve of an extended request still gets the first answer", async () => {
      const { want, reserve, extend } = await open();
      const one = want("k", 100, 10, minute, "tokens");
      const first = await reserve("a", [one]);
      await extend("a", { tokens: 20 });
      expect(await reserve("a", [one])).toEqual(first);
    });

    test("inspecting tells of every counter that is not at zero, and what open requests hold of it", async () => {
      const { clock, want, reserve, settle, release, extend, inspectAll } = await open("2026-03-10T12:00:48Z");
      const [tokens, slides, held] = [
        want("a|tokens", 900, 100, { every: "day" }, "tokens"),
        want("b|slides", 90, 2, { sliding: 60 }),
        want("c|held", 3, 1, minute, "concurrency"),
      ];
      expect(await inspectAll()).toEqual([]);
      await reserve("settled", [tokens, slides, held]);
      await settle("settled", { tokens: 70 });
      await reserve("open", [tokens, slides, held]);
      await extend("open", { tokens: 20 });
      await reserve("given back", [want("zero", 5)]);
      await release("given back");
      await reserve("denied", [want("denied", 5), want("full", 0)]);
      const day = {
        key: "a|tokens",
        unit: "tokens",
        window: { every: "day" },
        used: 190,
        held: 120,
        max: 900,
      } as const;
      expect(await inspectAll()).toEqual([
        { ...day, resetSeconds: 43_152 },
        { key: "b|slides", unit: "requests", window: { sliding: 60 }, used: 4, held: 2, max: 90, resetSeconds: 61 },
        { key: "c|held", unit: "concurrency", window: minute, used: 1, held: 1, max: 3, resetSeconds: 1 },
      ]);
      expect((await inspectAll({ prefix: "b|" })).map(({ key }) => key)).toEqual(["b|slides"]);
      clock.advance(86_400_000);
      expect((await inspectAll()).map(({ key }) => key)).toEqual(["c|held"]);
      await settle("open", { tokens: 1 });
      expect(await inspectAll()).toEqual([]);
    });

    test("a counter's maximum is the one it was last reserved with", async () => {
      const { want, reserve, inspectAll } = await open();
      await reserve("a", [want("k", 5)]);
      await reserve("b", [want("k", 50)]);
      expect(await inspectAll()).toMatchObject([{ key: "k", used: 2, max: 50 }]);
    });

    test("pages of counters together tell of all", async () => {
      const { want, reserve, inspect, inspectAll } = await open();
      const keys = Array.from({ length: 23 }, (_, i) => `k${String(i).padStart(2, "0")}`);
      for (const key of keys) await reserve(key, [want(key, 5), want("other", 100)]);
      expect((await inspectAll({ prefix: "k", limit: 4 })).map(({ key }) => key)).toEqual(keys);
      expect((await inspect({ prefix: "k", limit: 4 })).next).not.toBeNull();
    });

    test("what a prefix holds is never taken for a pattern", async () => {
      const { want, reserve, inspectAll } = await open();
      const keys = ["a*b", "a?b", "a[x]b", "a\\b", "axb"];
      await reserve(
        "all",
        keys.map((key) => want(key, 5)),
      );
      for (const key of keys) expect((await inspectAll({ prefix: key })).map((one) => one.key)).toEqual([key]);
    });

    test("a counter that is reset begins anew, and what open requests hold of it changes it no more", async () => {
      const { want, reserve, settle, release, extend, reset, usedOf } = await open();
      const all = [
        want("f", 100, 40, minute, "tokens"),
        want("s", 100, 40, { sliding: 60 }, "tokens"),
        want("c", 2, 1, minute, "concurrency"),
      ];
      const used = async () => [await usedOf(all[0]!), await usedOf(all[1]!), await usedOf(all[2]!)];
      await reserve("settled", all);
      await reserve("released", all);
      expect((await reserve("no room", all)).granted).toBe(false);
      for (const key of ["f", "s", "c"]) expect(await reset(key)).toBe(true);
      expect(await used()).toEqual([0, 0, 0]);
      for (const key of ["f", "s", "c", "unknown"]) expect(await reset(key)).toBe(false);
      await reserve("after", all);
      expect(await extend("settled", { tokens: 80 })).toBe(true);
      await settle("settled", { tokens: 1 });
      await release("released");
      expect(await used()).toEqual([40, 40, 1]);
      await settle("after", { tokens: 60 });
      expect(await used()).toEqual([60, 60, 0]);
    });

    test("a counter that is reset while it is at nothing forgets what open requests would settle, too", async () => {
      const { want, reserve, settle, reset, usedOf } = await open();
      const one = want("f", 100, 0, minute, "tokens");
      await reserve("open", [one]);
      expect(await reset("f")).toBe(false);
      await settle("open", { tokens: 5 });
      expect(await usedOf(one)).toBe(0);
    });

    test("an empty reserve is granted", async () => {
      const { reserve } = await open();
      expect(await reserve("a", [])).toEqual({ granted: true, states: [], exhausted: [] });
    });

    test("whatever is reserved, settled and released in whatever order, the counters agree with a plain model", async () => {
      await modelProperty(async () => {
        const clock = new TestClock(noon);
        return { clock, counters: await make({ clock, leaseSeconds: noLease }), prefix: randomUUID() };
      });
    });
  });
}
