import { expect, test } from "bun:test";
import { runIsolation } from "./isolation/run.ts";

// The long run is `bun run soak isolation`.
test("operators of two organisations are told nothing of each other, and change nothing there", async () => {
  const { calls, crossing, statuses, findings } = await runIsolation({ calls: 600, seed: 5 });
  expect(findings).toEqual([]);
  expect(calls).toBe(600);
  expect(crossing).toBeGreaterThan(60);
  for (const status of [200, 403, 404]) expect(statuses.get(status)).toBeGreaterThan(20);
}, 120_000);
