import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { Counters, Reservation } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { TestClock, testCounters } from "../conformance.ts";
import { compareProperty } from "../conformance-compare.ts";
import { createMemoryCounters } from "../memory.ts";
import type { RedisClient } from "./client.ts";
import { createRedisCounters } from "./counters.ts";
import { createScripts } from "./scripts.ts";
import { connectTo, type RedisServer, redisIsMissing, startRedis } from "./testing.ts";

/** A machine that runs many tests at once is slow, not wrong. */
const patientMs = 10_000;

/** Counters without a breaker: what goes wrong is the test's to see. */
function plain(client: RedisClient, options: { clock?: Clock; leaseSeconds?: number; holdSeconds?: number }): Counters {
  const { leaseSeconds = 3600, holdSeconds = leaseSeconds } = options;
  const remote = createRedisCounters({ run: createScripts(client, patientMs), ...options, leaseSeconds, holdSeconds });
  return {
    reserve: (id, owner, reservations) => remote.reserve(id, owner, reservations),
    settle: async (id, actual) => remote.ending(id, actual)?.(),
    release: async (id) => remote.ending(id, null)?.(),
    extend: (id, more) => remote.extend(id, more),
    inspect: (owner, query) => remote.inspect(owner, query),
    reset: (owner, key) => remote.reset(owner, key),
    close: () => undefined,
  };
}

describe.skipIf(redisIsMissing !== undefined)(`counters in Redis ${redisIsMissing ?? ""}`, () => {
  let server: RedisServer;
  let client: RedisClient;
  beforeAll(async () => {
    server = await startRedis("--appendonly", "no");
    client = await connectTo(server.url);
  });
  afterAll(async () => {
    client.disconnect();
    await server[Symbol.asyncDispose]();
  });

  testCounters("redis", (options) => plain(client, options));

  test("whatever is reserved, settled and released in whatever order, Redis and memory answer alike", async () => {
    await compareProperty(
      (clock, leaseSeconds) => ({
        left: plain(client, { clock, leaseSeconds }),
        right: createMemoryCounters({ clock, leaseSeconds }),
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  const owner = { id: "acme", timeZone: "Europe/Berlin" };
  const want = (changes: Partial<Reservation> = {}): Reservation => ({
    key: randomUUID(),
    unit: "requests",
    window: { every: "month" },
    max: 5,
    amount: 1,
    onStoreDown: "deny",
    ...changes,
  });
  const everyKind = () => [
    want(),
    want({ window: { sliding: 60 } }),
    want({ unit: "concurrency" }),
    want({ unit: "usd", window: { every: "day" } }),
  ];

  test("all keys of a request have one hash tag, and none of them stays for ever", async () => {
    await client.flushall();
    const counters = plain(client, {});
    await counters.reserve("a", owner, everyKind());
    const keys = await client.keys("*");
    // Four counters, each with its note, and the open requests.
    expect(keys).toHaveLength(9);
    for (const key of keys) expect(key).toMatch(/^sluice:\{o:acme\}:/);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
    await counters.settle("a", {});
    for (const key of await client.keys("*")) expect(await client.pttl(key)).toBeGreaterThan(0);
  });

  test("a request that is denied leaves nothing behind", async () => {
    await client.flushall();
    const counters = plain(client, {});
    const { granted } = await counters.reserve("a", owner, [...everyKind(), want({ amount: 6 })]);
    expect(granted).toBe(false);
    expect(await client.keys("*")).toEqual([]);
  });

  test("a process whose clock is wrong counts in the window of Redis's clock", async () => {
    const key = randomUUID();
    const run = createScripts(client, patientMs);
    for (const [i, days] of [40, 0, -40, 400].entries()) {
      const counters = createRedisCounters({ run, wall: { now: () => Date.now() + days * 86_400_000 } });
      const answer = await counters.reserve(`${key}-${i}`, owner, [want({ key })]);
      expect(answer).toMatchObject({ granted: true, states: [{ used: i + 1 }] });
    }
    expect(await client.keys(`*${key}:*`)).toHaveLength(1);
  });

  test("a reserve that comes in after it was given up takes nothing", async () => {
    const run = createScripts(client, patientMs);
    const late: (() => Promise<unknown>)[] = [];
    const counters = createRedisCounters({
      run: (...call) => {
        if (call[0] !== "reserve") return run(...call);
        late.push(() => run(...call));
        return Promise.reject(new Error("no answer in time"));
      },
    });
    const id = randomUUID();
    const wanted = want();
    await expect(counters.reserve(id, owner, [wanted])).rejects.toThrow("no answer");
    const undo = counters.ending(id, null)!;
    await undo();
    expect(((await late[0]!()) as unknown[])[0]).toBe("x");
    await undo();
    expect(await plain(client, {}).reserve(randomUUID(), owner, [wanted])).toMatchObject({ states: [{ used: 1 }] });
  });

  test("a request that is ended in the turn it was made in holds nothing", async () => {
    const counters = createRedisCounters({ run: createScripts(client, patientMs) });
    const id = randomUUID();
    const wanted = everyKind();
    const asked = counters.reserve(id, owner, wanted);
    await counters.ending(id, null)!();
    expect((await asked).granted).toBe(true);
    const probe = await plain(client, {}).reserve(randomUUID(), owner, wanted);
    expect(probe.states.map(({ used }) => used)).toEqual([1, 1, 1, 1]);
  });

  test("a reserve whose answer was lost is undone, every kind of it, and once", async () => {
    const run = createScripts(client, patientMs);
    const counters = createRedisCounters({
      run: async (...call) => {
        const answer = await run(...call);
        if (call[0] === "reserve") throw new Error("no answer in time");
        return answer;
      },
    });
    const id = randomUUID();
    const wanted = everyKind();
    await expect(counters.reserve(id, owner, wanted)).rejects.toThrow("no answer");
    const undo = counters.ending(id, null)!;
    await undo();
    await undo();
    const probe = await plain(client, {}).reserve(randomUUID(), owner, wanted);
    expect(probe.states.map(({ used }) => used)).toEqual([1, 1, 1, 1]);
  });

  test("two processes with the same request id take once, and get the same answer", async () => {
    const id = randomUUID();
    const wanted = everyKind();
    const [one, other] = [plain(client, {}), plain(client, {})];
    const answers = await Promise.all([one.reserve(id, owner, wanted), other.reserve(id, owner, wanted)]);
    expect(answers[0]).toEqual(answers[1]);
    await one.settle(id, { usd: 3 });
    await other.release(id);
    const probe = await one.reserve(randomUUID(), owner, wanted);
    expect(probe.states.map(({ used }) => used)).toEqual([2, 2, 1, 4]);
  });

  test("what a dead process holds of concurrency returns, what a living one renews stays", async () => {
    const clock = new TestClock("2026-03-10T12:00:00Z");
    const options = { run: createScripts(client, patientMs), clock, holdSeconds: 0.03 };
    const [dead, living] = [createRedisCounters(options), createRedisCounters(options)];
    const held = want({ unit: "concurrency", max: 2 });
    await dead.reserve(randomUUID(), owner, [held]);
    const kept = randomUUID();
    const since = performance.now();
    await living.reserve(kept, owner, [held]);
    expect((await living.reserve(randomUUID(), owner, [held])).granted).toBe(false);
    // Only what is older than a third of the time is renewed.
    while (performance.now() - since < 20) await new Promise(setImmediate);
    clock.advance(20);
    await living.renew();
    clock.advance(11);
    expect(await living.reserve(randomUUID(), owner, [held])).toMatchObject({ granted: true, states: [{ used: 2 }] });
    expect((await living.reserve(randomUUID(), owner, [held])).granted).toBe(false);
    await living.ending(kept, {})!();
    expect((await living.reserve(randomUUID(), owner, [held])).granted).toBe(true);
  });

  test("a primary that dies with what its replica never heard of: that is forgotten, nothing is counted twice or below zero", async () => {
    await using primary = await startRedis("--appendonly", "no");
    await using replica = await startRedis("--appendonly", "no", "--replicaof", `127.0.0.1 ${primary.port}`);
    const [first, second] = [await connectTo(primary.url), await connectTo(replica.url)];
    let current = createScripts(first, patientMs);
    const counters = createRedisCounters({ run: (...call) => current(...call) });
    const key = randomUUID();
    const all = [
      want({ key, unit: "tokens", max: 1000, amount: 10 }),
      want({ key: `${key}s`, unit: "tokens", window: { sliding: 3600 }, max: 1000, amount: 10 }),
      want({ key: `${key}c`, unit: "concurrency" }),
    ];
    const used = async () => (await counters.inspect(owner, { prefix: key })).counters.map((one) => one.used).sort();
    const open = randomUUID();
    const settled = randomUUID();
    await counters.reserve(open, owner, all);
    await counters.reserve(settled, owner, all);
    while ((await second.keys("*:r:*")).length === 0 || (await second.keys(`*:m:${key}*`)).length < 3)
      await Bun.sleep(2);
    await second.replicaof("NO", "ONE");
    const unheard = randomUUID();
    await counters.ending(settled, { tokens: 4 })!();
    await counters.reserve(unheard, owner, all);
    expect(await used()).toEqual([2, 24, 24]);
    await primary.kill();
    current = createScripts(second, patientMs);
    // Two requests are known here, of which one has been settled: it stays as it was reserved, and returns by lease.
    expect(await used()).toEqual([2, 20, 20]);
    await counters.ending(unheard, { tokens: 900 })!();
    await counters.ending(open, { tokens: 1 })!();
    expect(await used()).toEqual([1, 11, 11]);
    await counters.reserve(randomUUID(), owner, all);
    expect(await used()).toEqual([2, 21, 21]);
    first.disconnect();
    second.disconnect();
  });

  test("amounts that are no whole number are refused before anything is sent", async () => {
    const counters = plain(client, {});
    for (const amount of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expect(Promise.resolve(counters.reserve("a", owner, [want({ amount })]))).rejects.toThrow(RangeError);
    }
  });
});
