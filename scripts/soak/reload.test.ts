import { expect, test } from "bun:test";
import { runReloads } from "./reload/run.ts";

// The long run is `bun run soak reload`; memory and the slowest hundredth need its length.
test("policies edited under load: no request fails, and none is judged by two revisions", async () => {
  const result = await runReloads({ count: 40, seed: 7, clients: 6 });
  expect(result).toMatchObject({ edits: 40, failed: 0, mixed: 0, examples: [] });
  expect(result.mistakes).toBeGreaterThan(0);
  expect(result.across).toBeGreaterThan(0);
  expect(result.enforcedP50).toBeLessThan(500);
});
