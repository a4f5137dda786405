import { expect, test } from "bun:test";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { runLimits } from "./limits/run.ts";

// The long run is `bun run soak limits`.
test.skipIf(redisIsMissing !== undefined)(
  `three gateways and 64 clients: exactly what the limits say passes, and Redis counts just that ${redisIsMissing ?? ""}`,
  async () => {
    const limits = { requests: 300, tokens: 3_000 };
    const { requests, tokens } = await runLimits({ gateways: 3, clients: 64, requests: 900, limits });
    expect(requests).toEqual({ admitted: 300, limited: 600, others: 0, used: 300, counted: 300 });
    expect(tokens.others).toBe(0);
    expect(tokens.limited).toBeGreaterThan(0);
    expect(tokens.used).toBeLessThanOrEqual(limits.tokens);
    expect(tokens.counted).toBe(tokens.used);
  },
);
