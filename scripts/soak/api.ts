/**
 * `bun run soak api [--requests 20000] [--seed 1]`: requests drawn from the OpenAPI document for every operation of the
 * control plane, good ones and bad ones. Exits 1 when an answer is a 5xx, has a status or a content type that the document
 * does not name, or does not fit its schema; and when an operation was never asked with success.
 */
import { parseArgs } from "node:util";
import { runApi } from "./api/run.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "20000" }, seed: { type: "string", default: "1" } },
});
const [requests, seed] = [Number(values.requests), Number(values.seed)];
if (!Number.isSafeInteger(requests) || requests < 1 || !Number.isSafeInteger(seed)) {
  console.error("--requests must be a positive integer and --seed an integer");
  process.exit(2);
}
const from = performance.now();
const result = await runApi({ requests, seed, progress: (line) => console.log(`  ${line}`) });
for (const finding of result.findings) console.log(`FAIL ${finding}`);
for (const id of result.neverSucceeded) console.log(`FAIL ${id} never succeeded`);
const statuses = [...result.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
console.log(
  `${result.requests} requests in ${((performance.now() - from) / 1000).toFixed(0)} s; ${statuses.join(", ")}`,
);
process.exit(result.findings.length + result.neverSucceeded.length === 0 ? 0 : 1);
