import { describe, expect, test } from "bun:test";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { faults } from "./outage/faults.ts";
import { runOutage } from "./outage/run.ts";

// All of the faults, for longer and with how long answers take, is `bun run soak outage`.
const plan = { gateways: 2, clients: 1, pauseMs: 40, phaseMs: 400, breakerOpenSeconds: 0.3 };

describe.skipIf(redisIsMissing !== undefined)(`gateways whose Redis goes away ${redisIsMissing ?? ""}`, () => {
  test.each(faults.filter(({ name }) => ["hung", "restarted", "flushed"].includes(name)))(
    "$name: every answer is as its policy declares, and Redis counts in the end just what was let pass",
    async (fault) => {
      const { wrong, counted, metrics, told } = await runOutage(fault, plan);
      expect(wrong).toEqual([]);
      for (const { requests, tokens } of Object.values(counted)) {
        expect(requests[0]).toBeGreaterThan(0);
        expect(requests[1]).toBe(requests[0]);
        expect(tokens[1]).toBe(tokens[0]);
      }
      expect(metrics.dropped).toBe(0);
      if (fault.harmless) {
        expect(metrics).toMatchObject({ opened: 0, fallbacks: { local: 0, deny: 0, allow: 0 } });
        return;
      }
      if (fault.brief) return;
      expect(Math.min(metrics.opened, metrics.halfOpened, metrics.closed)).toBeGreaterThanOrEqual(plan.gateways);
      expect(told).toContain("breaker");
    },
    120_000,
  );
});
