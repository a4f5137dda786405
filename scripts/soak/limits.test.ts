import { expect, test } from "bun:test";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { runLimits } from "./limits/run.ts";

// The long run is `bun run soak limits`.
test.skipIf(redisIsMissing !== undefined)(
  `three gateways and 64 clients: exactly what the limits say passes, and Redis counts just that ${redisIsMissing ?? ""}`,
  async () => {
    const limits = { requests: 100, tokens: 1_000, usd: 5_000 };
    const result = await runLimits({ gateways: 3, clients: 64, requests: 300, limits });
    expect(result.requests).toEqual({ admitted: 100, limited: 200, others: 0, used: 100, counted: 100 });
    for (const unit of ["tokens", "usd"] as const) {
      const { others, limited, used, counted } = result[unit];
      expect(others).toBe(0);
      expect(limited).toBeGreaterThan(0);
      expect(used).toBeGreaterThan(0);
      expect(used).toBeLessThanOrEqual(limits[unit]);
      expect(counted).toBe(used);
    }
  },
  180_000,
);
