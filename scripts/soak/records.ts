/**
 * `bun run soak records [--requests 50000] [--clients 64]`: calls through a gateway over PostgreSQL, which is killed and
 * started again meanwhile. Once with enough time to try again, few decisions that have records of their own, and prompts
 * that come again, so that caches answer; once with too little time, many such decisions, and no prompt twice. Exits 1 when
 * records are neither stored nor counted as dropped, or when the ledger, its sums and the provider's figures are not the
 * same to the nano-dollar.
 */
import { parseArgs } from "node:util";
import { postgresIsMissing } from "../../src/store/postgres-harness.ts";
import { checksOf, type RecordsPlan, runRecords } from "./records/run.ts";

const { values } = parseArgs({
  options: { requests: { type: "string", default: "50000" }, clients: { type: "string", default: "64" } },
});
const [requests, clients] = [values.requests, values.clients].map(Number);
if (!(requests! >= 100 && clients! >= 1)) {
  console.error("--requests must be at least 100, --clients at least 1");
  process.exit(2);
}
if (postgresIsMissing !== undefined) {
  console.error(postgresIsMissing);
  process.exit(2);
}

const common = {
  requests: requests!,
  clients: clients!,
  kills: 2,
  progress: (line: string) => console.log(`  ${line}`),
};
const plans: readonly (readonly [string, RecordsPlan])[] = [
  ["tried again for long", { ...common, awayMs: 2_000, retrySeconds: 30, factsPercent: 0, prompts: 97 }],
  [
    "tried again for too short a time",
    { ...common, awayMs: 5_000, retrySeconds: 0.5, factsPercent: 50, prompts: requests! },
  ],
];
let bad = 0;
for (const [name, plan] of plans) {
  console.log(`${name}: ${plan.requests} requests, ${plan.clients} clients`);
  for (const [what, ok] of checksOf(plan, await runRecords(plan))) {
    console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
    if (!ok) bad += 1;
  }
}
process.exit(bad === 0 ? 0 : 1);
