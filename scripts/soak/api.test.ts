import { expect, test } from "bun:test";
import { runApi } from "./api/run.ts";

// The long run is `bun run soak api`.
test("requests of every kind for every operation get answers that the OpenAPI document names, and none fails inside", async () => {
  const { requests, statuses, findings } = await runApi({ requests: 600, seed: 7 });
  expect(findings).toEqual([]);
  expect(requests).toBeGreaterThanOrEqual(600);
  for (const status of [200, 400, 404]) expect(statuses.get(status)).toBeGreaterThan(20);
}, 120_000);
