import { describe, expect, test } from "bun:test";
import type { ChangeSignals } from "../../core/changes.ts";
import { createTestLogger } from "../../store/testing.ts";
import { openRedisSignals } from "./signals.ts";
import { redisIsMissing, startRedis, startSentinel } from "./testing.ts";

/** Ends of a deployment, each counting what it hears. */
function ends(url: string, count: number, probeMs = 50) {
  const logger = createTestLogger();
  const all = Array.from({ length: count }, () => {
    const signals = openRedisSignals({ url, logger, probeMs });
    const end = { signals, heard: 0 };
    signals.listen(() => {
      end.heard += 1;
    });
    return end;
  });
  return {
    all,
    logger,
    async [Symbol.asyncDispose]() {
      for (const { signals } of all) await signals.close();
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(2);
}

const connected = ({ channel }: ChangeSignals) => channel.connected;

describe.skipIf(redisIsMissing !== undefined)(`signals over Redis ${redisIsMissing ?? ""}`, () => {
  test("wake all others and not who sent them", async () => {
    await using redis = await startRedis();
    await using three = ends(redis.url, 3);
    const [a, b, c] = three.all as [(typeof three.all)[0], (typeof three.all)[0], (typeof three.all)[0]];
    await until(() => three.all.every(({ signals }) => connected(signals)));
    // Each was woken once when it was connected.
    await until(() => three.all.every(({ heard }) => heard >= 1));
    const before = three.all.map(({ heard }) => heard);
    // The connection that sends may be ready a little later than the one that listens.
    while (b.heard === before[1]) {
      a.signals.send();
      await Bun.sleep(5);
    }
    await until(() => c.heard > before[2]!);
    expect(a.heard).toBe(before[0]!);
    expect(a.signals.channel.name).toBe(`Redis at 127.0.0.1:${redis.port}`);
  });

  test("go on by themselves after Redis was gone, and wake because some may be lost", async () => {
    await using redis = await startRedis();
    await using two = ends(redis.url, 2);
    const [a, b] = two.all as [(typeof two.all)[0], (typeof two.all)[0]];
    await until(() => connected(b.signals) && b.heard === 1);
    await redis.kill();
    await until(() => !connected(a.signals) && !connected(b.signals));
    // Lost, and no error.
    a.signals.send();
    await redis.start();
    await until(() => connected(b.signals) && b.heard === 2);
    while (b.heard === 2) {
      a.signals.send();
      await Bun.sleep(5);
    }
    const lines = two.logger.lines.filter((line) => line.includes("polling alone"));
    expect(lines).toHaveLength(2);
    await until(() => two.logger.lines.filter((line) => line.includes("at once again")).length === 2);
  });

  test("over a connection that is dead without knowing are noticed, and begin anew", async () => {
    await using redis = await startRedis();
    await using one = ends(redis.url, 1);
    const [a] = one.all as [(typeof one.all)[0]];
    await until(() => connected(a.signals));
    redis.hang();
    await until(() => !connected(a.signals));
    expect(one.logger.lines.join("\n")).toContain("Redis does not answer");
    redis.resume();
    await until(() => connected(a.signals));
  }, 15_000);

  test("with a wrong password are not connected, log no password, and throw nothing", async () => {
    await using redis = await startRedis("--requirepass", "right-password");
    await using one = ends(redis.url.replace("redis://", "redis://:wrong-password@"), 1);
    const [a] = one.all as [(typeof one.all)[0]];
    await until(() => one.logger.lines.length > 0);
    a.signals.send();
    expect(connected(a.signals)).toBe(false);
    expect(one.logger.lines.join("\n")).not.toContain("wrong-password");
  });

  test("find their server through Sentinel", async () => {
    await using redis = await startRedis();
    await using sentinel = await startSentinel("main", redis.port);
    await using two = ends(`redis+sentinel://127.0.0.1:${sentinel.port}/main`, 2);
    const [a, b] = two.all as [(typeof two.all)[0], (typeof two.all)[0]];
    await until(() => connected(b.signals) && b.heard === 1);
    while (b.heard === 1) {
      a.signals.send();
      await Bun.sleep(5);
    }
  });

  test("that are closed connect no more", async () => {
    await using redis = await startRedis();
    await using one = ends(redis.url, 1);
    const [a] = one.all as [(typeof one.all)[0]];
    await until(() => connected(a.signals));
    await a.signals.close();
    await until(() => !connected(a.signals));
    a.signals.send();
    await redis.kill();
    await redis.start();
    expect(one.logger.lines).toEqual([]);
  });
});
