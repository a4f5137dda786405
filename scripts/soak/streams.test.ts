import { expect, test } from "bun:test";
import { carryLarge } from "./streams/large.ts";
import { runStreams } from "./streams/run.ts";

// The long run is `bun run soak streams`.
test("mutated streams, answers and requests of every surface neither crash nor hang what reads them", async () => {
  const { failures } = await runStreams({ seed: 1, cases: 150 });
  expect(failures).toEqual([]);
}, 60_000);

test("a large answer goes through to its end, its memory with it", async () => {
  const { megabytes, ended, grownMb } = await carryLarge(12, "guarded");
  expect(ended).toBe("data: [DONE]");
  expect(megabytes).toBeGreaterThan(11.9);
  expect(grownMb).toBeLessThan(60);
}, 60_000);
