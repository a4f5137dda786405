import { describe, expect, test } from "bun:test";
import { redisIsMissing, startRedis } from "../../src/limits/redis/testing.ts";
import { type AbortPlan, runAborts } from "./abort/run.ts";

// The long run is `bun run soak abort`.
const plan = { aborts: 40, clients: 10, seed: 3, chunkMs: 3 };

async function expectNothingLeft(more: Pick<AbortPlan, "redisUrl">): Promise<void> {
  const { left, whole, rows, untrue, impossible, settled, sent, counters } = await runAborts({ ...plan, ...more });
  expect({ rows, streams: left + whole, untrue, impossible }).toEqual({
    rows: plan.aborts,
    streams: plan.aborts,
    untrue: 0,
    impossible: 0,
  });
  expect(left).toBeGreaterThan(plan.aborts / 2);
  expect(Math.abs(settled - sent)).toBeLessThanOrEqual(0.02 * sent);
  expect(Object.keys(counters).sort()).toEqual(["concurrency", "requests", "tokens", "usd"]);
  for (const { value, held, ledger } of Object.values(counters)) {
    expect(held).toBe(0);
    expect(value).toBeCloseTo(ledger, 6);
  }
}

describe("clients that leave in the middle of streams: nothing stays held, and each is settled by what was sent", () => {
  test("counters in memory", () => expectNothingLeft({}), 30_000);

  test.skipIf(redisIsMissing !== undefined)(
    `counters in Redis ${redisIsMissing ?? ""}`,
    async () => {
      await using redis = await startRedis();
      await expectNothingLeft({ redisUrl: redis.url });
    },
    120_000,
  );
});
