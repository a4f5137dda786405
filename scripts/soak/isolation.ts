/**
 * `bun run soak isolation [--calls 10000] [--seed 1]`: operators of two organisations make calls of every kind, half of them
 * for what is the other's. Exits 1 when an answer tells anything of the other organisation, or when a call changes anything
 * there. Says which operations never succeeded.
 */
import { parseArgs } from "node:util";
import { runIsolation } from "./isolation/run.ts";

const { values } = parseArgs({
  options: { calls: { type: "string", default: "10000" }, seed: { type: "string", default: "1" } },
});
const [calls, seed] = [Number(values.calls), Number(values.seed)];
if (!Number.isSafeInteger(calls) || calls < 1 || !Number.isSafeInteger(seed)) {
  console.error("--calls must be a positive integer and --seed an integer");
  process.exit(2);
}
const result = await runIsolation({ calls, seed, progress: (line) => console.log(`  ${line}`) });
for (const finding of result.findings) console.log(`FAIL ${finding}`);
for (const id of result.neverSucceeded) console.log(`note: ${id} never succeeded`);
const statuses = [...result.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
console.log(`${result.calls} calls, ${result.crossing} of them across; ${statuses.join(", ")}`);
process.exit(result.findings.length === 0 ? 0 : 1);
