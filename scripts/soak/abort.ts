/**
 * `bun run soak abort [--aborts 1000] [--clients 32] [--seed 1]`: clients leave streams at random points, with counters in
 * memory and in Redis. Exits 1 when anything stays held, when a stream has no row in the ledger, when what was settled is
 * more than two in a hundred away from what was sent, or when counters and ledger differ.
 */
import { parseArgs } from "node:util";
import { redisIsMissing, startRedis } from "../../src/limits/redis/testing.ts";
import { type AbortResult, runAborts } from "./abort/run.ts";

const { values } = parseArgs({
  options: {
    aborts: { type: "string", default: "1000" },
    clients: { type: "string", default: "32" },
    seed: { type: "string", default: "1" },
  },
});
const [aborts, clients, seed] = [values.aborts, values.clients, values.seed].map(Number) as [number, number, number];
for (const [name, value] of Object.entries({ aborts, clients, seed })) {
  if (Number.isSafeInteger(value) && value >= 1) continue;
  console.error(`--${name} must be a positive integer, not '${values[name as keyof typeof values]}'`);
  process.exit(2);
}

const plan = { aborts, clients, seed, chunkMs: 5, progress: (line: string) => console.log(`  ${line}`) };
let failed = 0;
console.log("counters in memory:");
tell(await runAborts(plan));
if (redisIsMissing === undefined) {
  await using redis = await startRedis();
  console.log("counters in Redis:");
  tell(await runAborts({ ...plan, redisUrl: redis.url }));
} else console.log(redisIsMissing);
process.exit(failed === 0 ? 0 : 1);

function tell({ left, whole, rows, untrue, impossible, settled, sent, read, worst, counters }: AbortResult): void {
  console.log(
    `  ${left} left, ${whole} ended before; ${read} tokens read, ${sent} sent, ${settled} settled; worst ${worst}`,
  );
  const checks: readonly (readonly [what: string, ok: boolean])[] = [
    [`${rows} rows for ${aborts} streams`, rows === aborts && left + whole === aborts],
    ["settled is at most two in a hundred away from sent", Math.abs(settled - sent) <= 0.02 * sent],
    [`whole streams are settled as the provider tells: ${untrue} not`, untrue === 0],
    [`the ledger knows of every byte that was read: ${impossible} not`, impossible === 0],
    ...Object.entries(counters).map(
      ([unit, { value, held, ledger }]) =>
        [
          `${unit}: ${value} counted, ${held} held; the ledger says ${ledger}`,
          held === 0 && isClose(value, ledger),
        ] as const,
    ),
  ];
  for (const [what, ok] of checks) {
    console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
    if (!ok) failed += 1;
  }
}

/** Sums of fractions. */
function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-6;
}
