import { afterAll, beforeAll, describe, test } from "bun:test";
import type { Counters } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { testCounters } from "../conformance.ts";
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
    await compareProperty((clock, leaseSeconds) => ({
      left: plain(client, { clock, leaseSeconds }),
      right: createMemoryCounters({ clock, leaseSeconds }),
    }));
  });
});
