import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { OnStoreDown, Reservation } from "../../core/limits.ts";
import type { Logger } from "../../core/ports.ts";
import type { BreakerState } from "../breaker.ts";
import { openRedisCounters } from "./open.ts";
import { connectTo, type RedisServer, redisIsMissing, type SlowWire, slowWire, startRedis } from "./testing.ts";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const owner = { id: "acme", timeZone: "UTC" };

/** Counters behind a breaker, and everything they tell. */
async function open(url: string, breaker = { enabled: true, openMs: 150 }) {
  const story: BreakerState[] = [];
  const fallbacks: OnStoreDown[] = [];
  let dropped = 0;
  const counters = await openRedisCounters({
    url,
    commandTimeoutMs: 100,
    breaker,
    clock: Date,
    logger: silent,
    heartbeatMs: 40,
    metrics: {
      breaker: (_, state) => void story.push(state),
      fallback: (action) => void fallbacks.push(action),
      settlesDropped: (count) => {
        dropped += count;
      },
    },
  });
  return { counters, story, fallbacks, dropped: () => dropped };
}

/** A month's tokens, so that no window ends while a test runs (on its last night a month may: once in a year of runs). */
function tokens(key: string, onStoreDown: OnStoreDown, amount = 10): Reservation {
  return { key, unit: "tokens", window: { every: "month" }, max: 100_000, amount, onStoreDown };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(2);
}

/** What a counter stands at, by a connection that has nothing to do with the one under test. */
async function usedOf(server: RedisServer, key: string): Promise<number> {
  const client = await connectTo(server.url);
  const [name] = await client.keys(`sluice:*:w:${key}:*`);
  const used = name === undefined ? 0 : Number(await client.get(name));
  client.disconnect();
  return used;
}

interface Fault {
  readonly name: string;
  /** What the health says of it. */
  readonly tells: RegExp;
  inject(server: RedisServer, wire: SlowWire): Promise<void>;
  lift(server: RedisServer, wire: SlowWire): Promise<void>;
}

async function command(url: string, ...args: readonly string[]): Promise<void> {
  const client = await connectTo(url);
  await client.call(args[0]!, ...args.slice(1)).catch(() => undefined);
  client.disconnect();
}

const faults: readonly Fault[] = [
  {
    name: "killed and started again",
    tells: /the connection was lost/,
    inject: (server) => server.kill(),
    lift: (server) => server.start(),
  },
  {
    name: "hung",
    tells: /did not answer/,
    inject: async (server) => server.hang(),
    lift: async (server) => server.resume(),
  },
  {
    name: "200 ms slow",
    tells: /did not answer/,
    inject: async (_, wire) => {
      wire.delayMs = 200;
    },
    lift: async (_, wire) => {
      wire.delayMs = 0;
    },
  },
  {
    name: "a read-only replica",
    tells: /READONLY/,
    inject: ({ url }) => command(url, "REPLICAOF", "127.0.0.1", "1"),
    lift: ({ url }) => command(url, "REPLICAOF", "NO", "ONE"),
  },
  {
    name: "asking for another password",
    tells: /NOAUTH|WRONGPASS/,
    async inject({ url }) {
      const client = await connectTo(url);
      await client.config("SET", "requirepass", "other");
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      client.disconnect();
    },
    lift: ({ url }) => command(url.replace("//", "//:other@"), "CONFIG", "SET", "requirepass", ""),
  },
];

describe.skipIf(redisIsMissing !== undefined)(`Redis goes away and comes back ${redisIsMissing ?? ""}`, () => {
  test.each(faults)(
    "$name: limits do as declared, and no use is lost or counted twice",
    async ({ tells, inject, lift }) => {
      await using server = await startRedis();
      using wire = await slowWire(server.port);
      const { counters, story, fallbacks, dropped } = await open(wire.url);
      const key = randomUUID();
      let spent = 0;

      const before = await counters.reserve("before", owner, [tokens(key, "local")]);
      expect(before).toMatchObject({ granted: true, states: [{ used: 10 }] });
      expect(before.storeDown).toBeUndefined();
      await counters.reserve("open", owner, [tokens(key, "deny")]);
      await counters.settle("before", { tokens: 7 });
      expect(await usedOf(server, key)).toBe(17);
      spent += 7;

      await inject(server, wire);
      // Under load, from the first moment on.
      for (let i = 0; story.at(-1) !== "open"; i += 1) {
        const answer = await counters.reserve(`seen${i}`, owner, [tokens(key, "local")]);
        await counters.settle(`seen${i}`, { tokens: 3 });
        if (answer.granted) spent += 3;
      }
      expect(counters.health().state).toBe("degraded");

      const waits: number[] = [];
      for (let i = 0; i < 300; i += 1) {
        const from = performance.now();
        const answer = await counters.reserve(`away${i}`, owner, [tokens(key, "local"), tokens(key, "allow")]);
        waits.push(performance.now() - from);
        expect(answer).toMatchObject({ granted: true, storeDown: true });
        expect(() => counters.reserve(`denied${i}`, owner, [tokens(key, "deny")])).toThrow("unavailable");
        await counters.settle(`away${i}`, { tokens: 2 });
        spent += 2 * 2;
        if (story.at(-1) !== "open") break;
      }
      waits.sort((a, b) => a - b);
      expect(waits[Math.floor(waits.length * 0.99)]!).toBeLessThan(50);
      expect(new Set(fallbacks)).toEqual(new Set(["local", "allow", "deny"]));
      await until(() => tells.test(counters.health().detail));
      await counters.settle("open", { tokens: 4 });
      spent += 4;
      await counters.reserve("across", owner, [tokens(key, "local")]);

      await lift(server, wire);
      await until(() => counters.health().state === "ready");
      const after = await counters.reserve("after", owner, [tokens(key, "deny")]);
      expect(after.storeDown).toBeUndefined();
      await counters.settle("after", { tokens: 5 });
      await counters.settle("across", { tokens: 6 });
      spent += 5 + 6;
      await until(async () => (await usedOf(server, key)) === spent && !counters.health().detail.includes("settled"));
      // Everything is told: what comes later changes nothing.
      await until(() => counters.health().state === "ready");
      expect(await usedOf(server, key)).toBe(spent);
      expect(dropped()).toBe(0);
      expect(story.slice(0, 3)).toEqual(["closed", "open", "half_open"]);
      expect(story.at(-1)).toBe("closed");
      await counters.close();
    },
  );

  test("flapping: what was used is right in the end, however often", async () => {
    await using server = await startRedis();
    const { counters, story } = await open(server.url, { enabled: true, openMs: 60 });
    const key = randomUUID();
    let spent = 0;
    let asked = 0;
    const call = async () => {
      const id = `r${asked++}`;
      if ((await counters.reserve(id, owner, [tokens(key, "local")])).granted) spent += 3;
      await counters.settle(id, { tokens: 3 });
    };
    for (let times = 1; times <= 3; times += 1) {
      await Promise.all(Array.from({ length: 20 }, call));
      const [killed] = await Promise.all([server.kill(), ...Array.from({ length: 20 }, call)]);
      expect(killed).toBeUndefined();
      while (story.at(-1) !== "open") await call();
      await Promise.all([server.start(), ...Array.from({ length: 20 }, call)]);
      await until(() => counters.health().state === "ready");
    }
    await until(async () => (await usedOf(server, key)) === spent);
    expect(story.filter((state) => state === "open").length).toBeGreaterThanOrEqual(3);
    await counters.close();
    expect(await usedOf(server, key)).toBe(spent);
  });

  test("killed under load and started again: of what it had answered nothing is lost", async () => {
    await using server = await startRedis();
    const { counters } = await open(server.url);
    const key = randomUUID();
    let spent = 0;
    let calls = 0;
    let going = true;
    const client = async () => {
      while (going) {
        const id = `r${calls++}`;
        const { granted } = await counters.reserve(id, owner, [tokens(key, "local")]);
        await counters.settle(id, { tokens: 1 });
        if (granted) spent += 1;
        // What is answered here takes no turn of the event loop.
        await new Promise(setImmediate);
      }
    };
    const clients = Array.from({ length: 16 }, client);
    await until(() => calls > 200);
    await server.kill();
    await until(() => counters.health().state === "degraded");
    await server.start();
    await until(() => counters.health().state === "ready");
    const sofar = calls;
    await until(() => calls > sofar + 200);
    going = false;
    await Promise.all(clients);
    await until(async () => (await usedOf(server, key)) === spent);
    await counters.close();
    expect(await usedOf(server, key)).toBe(spent);
  });

  test("a server that lost everything begins its windows anew, and requests of before settle nothing", async () => {
    await using server = await startRedis("--appendonly", "no");
    const { counters } = await open(server.url);
    const key = randomUUID();
    await counters.reserve("a", owner, [tokens(key, "local")]);
    await server.kill();
    await until(() => counters.health().state === "degraded");
    await server.start();
    await until(() => counters.health().state === "ready");
    await counters.settle("a", { tokens: 90 });
    expect(await usedOf(server, key)).toBe(0);
    expect(await counters.reserve("b", owner, [tokens(key, "local")])).toMatchObject({ states: [{ used: 10 }] });
    await counters.close();
  });

  test("a server that is flushed begins its windows anew, and requests of before settle nothing and cannot be extended", async () => {
    await using server = await startRedis();
    const { counters, story, fallbacks } = await open(server.url);
    const key = randomUUID();
    await counters.reserve("settled", owner, [tokens(key, "local")]);
    await counters.reserve("released", owner, [tokens(key, "local")]);
    await command(server.url, "FLUSHALL");
    expect(await counters.extend("settled", { tokens: 5 })).toBe(false);
    expect(await counters.reserve("new", owner, [tokens(key, "local")])).toMatchObject({ states: [{ used: 10 }] });
    await counters.settle("settled", { tokens: 90 });
    await counters.release("released");
    await counters.settle("new", { tokens: 7 });
    expect(await usedOf(server, key)).toBe(7);
    expect((await counters.inspect(owner)).counters).toMatchObject([{ key, used: 7, held: 0 }]);
    expect(story).toEqual(["closed"]);
    expect(fallbacks).toEqual([]);
    await counters.close();
  });

  test("while Redis is away requests are extended as their limits declare, and what was used is known afterwards", async () => {
    await using server = await startRedis();
    const { counters } = await open(server.url);
    const key = randomUUID();
    const limits = { local: tokens(key, "local"), deny: tokens(`${key}d`, "deny"), allow: tokens(`${key}a`, "allow") };
    await counters.reserve("local", owner, [{ ...limits.local, max: 100 }]);
    await counters.reserve("deny", owner, [limits.deny]);
    await counters.reserve("allow", owner, [limits.allow]);
    await server.kill();
    await until(() => counters.health().state === "degraded");
    expect(await counters.extend("local", { tokens: 60 })).toBe(true);
    expect(await counters.extend("local", { tokens: 60 })).toBe(false);
    expect(await counters.extend("deny", { tokens: 1 })).toBe(false);
    expect(await counters.extend("allow", { tokens: 10_000_000 })).toBe(true);
    await counters.reserve("here", owner, [{ ...tokens(`${key}h`, "local"), max: 100 }]);
    expect(await counters.extend("here", { tokens: 30 })).toBe(true);
    await expect(Promise.resolve(counters.inspect(owner))).rejects.toThrow("unavailable");
    await expect(Promise.resolve(counters.reset(owner, key))).rejects.toThrow("unavailable");
    await counters.settle("local", { tokens: 55 });
    await counters.settle("deny", {});
    await counters.settle("allow", { tokens: 123 });
    await counters.settle("here", {});
    await server.start();
    await until(() => counters.health().state === "ready");
    await until(async () => (await usedOf(server, `${key}h`)) === 40);
    expect(await usedOf(server, key)).toBe(55);
    expect(await usedOf(server, `${key}d`)).toBe(10);
    expect(await usedOf(server, `${key}a`)).toBe(123);
    await counters.close();
  });

  test("scripts that are flushed are sent again: nothing falls back", async () => {
    await using server = await startRedis();
    const { counters, story, fallbacks } = await open(server.url);
    const key = randomUUID();
    for (let i = 1; i <= 3; i += 1) {
      await command(server.url, "SCRIPT", "FLUSH", "SYNC");
      const answers = Array.from({ length: 8 }, (_, j) =>
        counters.reserve(`${i}.${j}`, owner, [tokens(key, "deny", 1)]),
      );
      expect((await Promise.all(answers)).every(({ granted }) => granted)).toBe(true);
      await command(server.url, "SCRIPT", "FLUSH", "SYNC");
      await counters.settle(`${i}.0`, { tokens: 2 });
    }
    expect(await usedOf(server, key)).toBe(3 * 9);
    expect(story).toEqual(["closed"]);
    expect(fallbacks).toEqual([]);
    await counters.close();
  });

  test("a Redis that is away from the start is waited for in the background", async () => {
    await using server = await startRedis();
    await server.kill();
    const { counters, story } = await open(server.url);
    const key = randomUUID();
    expect(counters.health().state).toBe("degraded");
    expect(await counters.reserve("a", owner, [tokens(key, "local")])).toMatchObject({
      granted: true,
      storeDown: true,
    });
    await counters.settle("a", { tokens: 8 });
    await server.start();
    await until(() => counters.health().state === "ready");
    await until(async () => (await usedOf(server, key)) === 8);
    expect(story.at(-1)).toBe("closed");
    await counters.close();
  });

  test("without the breaker every call tries, waits no longer than the time-out, and falls back", async () => {
    await using server = await startRedis();
    const { counters, story } = await open(server.url, { enabled: false, openMs: 150 });
    const key = randomUUID();
    server.hang();
    const from = performance.now();
    for (const id of ["a", "b", "c", "d"]) {
      expect((await counters.reserve(id, owner, [tokens(key, "local")])).storeDown).toBe(true);
      await counters.settle(id, { tokens: 5 });
    }
    expect(performance.now() - from).toBeGreaterThanOrEqual(4 * 95);
    expect(story).toEqual(["closed"]);
    server.resume();
    await until(async () => (await usedOf(server, key)) === 20);
    expect((await counters.reserve("e", owner, [tokens(key, "local")])).storeDown).toBeUndefined();
    await counters.close();
  });

  test("the maximum is shared by the replicas that were there: together they let pass exactly as much", async () => {
    await using server = await startRedis();
    const all = await Promise.all([open(server.url), open(server.url), open(server.url)]);
    await until(() => all.every(({ counters }) => counters.health().detail.includes("3 replicas")));
    await server.kill();
    const limit = { ...tokens(randomUUID(), "local", 1), max: 100 };
    let granted = 0;
    for (const [i, { counters }] of all.entries()) {
      for (let j = 0; j < 60; j += 1) {
        if ((await counters.reserve(`${i}.${j}`, owner, [limit])).granted) granted += 1;
      }
    }
    expect(granted).toBe(100);
    for (const { counters } of all) await counters.close();
  });

  test("a replica that leaves, or falls silent, is not counted any more", async () => {
    await using server = await startRedis();
    const [a, b] = [await open(server.url), await open(server.url)];
    await until(() => a.counters.health().detail.includes("2 replicas"));
    await b.counters.close();
    await until(() => a.counters.health().detail.includes("1 replica"));
    const client = await connectTo(server.url);
    await client.zadd("sluice:{replicas}", Date.now(), "killed");
    await until(() => a.counters.health().detail.includes("2 replicas"));
    await until(() => a.counters.health().detail.includes("1 replica"));
    client.disconnect();
    await a.counters.close();
  });
});
