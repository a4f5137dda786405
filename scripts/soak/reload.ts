/**
 * `bun run soak reload [--count 10000] [--seed 1] [--clients 8]`: edits policies (YAML, TypeScript and a file that it
 * imports, in place and by renaming, some with mistakes) of a running gateway under load. Every policy stamps the answer
 * with its own number in two phases, so an answer shows which contents judged it. Exits 1 when a request failed, when one
 * was judged by two revisions, when memory grew by 100 MB, or when p99 from edit to enforced is 500 ms or more.
 */
import { parseArgs } from "node:util";
import { megabytes, runReloads } from "./reload/run.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    clients: { type: "string", default: "8" },
  },
});
const plan = { count: Number(values.count), seed: Number(values.seed), clients: Number(values.clients) };
for (const [name, value] of Object.entries(plan)) {
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be an integer, not '${values[name as keyof typeof values]}'`);
    process.exit(2);
  }
}
const result = await runReloads({ ...plan, progress: (line) => console.log(line) });

const growth = result.memoryAfter - result.memoryBefore;
const ms = (value: number) => `${value.toFixed(0)} ms`;
const checks: readonly (readonly [name: string, found: string, wanted: string, ok: boolean])[] = [
  ["failed requests", String(result.failed), "0", result.failed === 0],
  ["judged by two revisions", String(result.mixed), "0", result.mixed === 0],
  ["edit to enforced, p99", ms(result.enforcedP99), "under 500 ms", result.enforcedP99 < 500],
  [
    "memory growth",
    `${megabytes(growth)} (${megabytes(result.memoryBefore)} to ${megabytes(result.memoryAfter)})`,
    "under 100 MB",
    growth < 100e6,
  ],
];
console.log(
  `seed ${plan.seed}: ${result.edits} edits (${result.mistakes} with a mistake), ${result.requests} requests, ` +
    `${result.across} of them across an edit; p50 ${ms(result.enforcedP50)}, most ${ms(result.enforcedMax)}; ` +
    `${result.seconds.toFixed(0)} s`,
);
for (const [name, found, wanted, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${name}: ${found}, ${wanted}`);
for (const example of result.examples) console.log(`     ${example}`);
process.exit(checks.every(([, , , ok]) => ok) ? 0 : 1);
