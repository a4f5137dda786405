import { expect, test } from "bun:test";
import { postgresIsMissing } from "../../src/store/postgres-harness.ts";
import { checksOf, runRecords } from "./records/run.ts";

// The long run is `bun run soak records`.
const common = { requests: 600, clients: 8, kills: 1, progress: () => undefined };

test.skipIf(postgresIsMissing !== undefined).each([
  ["all of them", { ...common, awayMs: 300, retrySeconds: 30, factsPercent: 0, prompts: 7 }],
  ["or counted as dropped", { ...common, awayMs: 2_500, retrySeconds: 0.1, factsPercent: 50, prompts: 600 }],
] as const)(
  `records of calls are stored while the database is killed and started again, ${postgresIsMissing ?? "%s"}`,
  async (_, plan) => {
    const checks = checksOf(plan, await runRecords(plan));
    expect(checks.filter(([, ok]) => !ok)).toEqual([]);
  },
  120_000,
);
