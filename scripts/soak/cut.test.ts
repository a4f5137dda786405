import { expect, test } from "bun:test";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { runCut } from "./cut/run.ts";

// The long run is `bun run soak cut`.
test.skipIf(redisIsMissing !== undefined)(
  `three gateways without Redis let pass the limit together, and Redis learns of it once ${redisIsMissing ?? ""}`,
  async () => {
    const result = await runCut({ gateways: 3, clients: 6, limit: 90 });
    const { before, away, counted } = result;
    expect(away).toBe(90);
    expect(before).toBeGreaterThanOrEqual(45);
    expect(counted).toBe(before + away);
    expect(result).toMatchObject({ others: 0, after: ["429", "429", "429"], countedAfter: counted });
  },
  120_000,
);
