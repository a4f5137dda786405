import { expect, test } from "bun:test";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { checksOf } from "./crash/checks.ts";
import { runCrash } from "./crash/run.ts";

// The long run is `bun run soak crash`.
test.skipIf(redisIsMissing !== undefined)(
  `a replica that is killed: its places return, the others go on, and no acknowledged row is lost ${redisIsMissing ?? ""}`,
  async () => {
    const plan = { inFlight: 30, holdSeconds: 3, clients: 1 };
    const checks = checksOf(plan, await runCrash(plan));
    expect(checks.filter(([, ok]) => !ok)).toEqual([]);
  },
  120_000,
);
