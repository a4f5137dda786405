/**
 * `bun run soak crash [--in-flight 200] [--hold-seconds 5] [--clients 4]`: three gateway processes share Redis and a
 * database, and one of them is killed with streams in flight. Exits 1 when its places do not return, when the others are
 * touched by it, when a row that was acknowledged is lost, or when the database is not whole.
 *
 * Acknowledged is what the admin API told of. A row that is not may be lost with its process, for as long as it waits to be
 * stored: a quarter of a second at most, and what storing takes.
 */
import { parseArgs } from "node:util";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { checksOf } from "./crash/checks.ts";
import { runCrash } from "./crash/run.ts";

const { values } = parseArgs({
  options: {
    "in-flight": { type: "string", default: "200" },
    "hold-seconds": { type: "string", default: "5" },
    clients: { type: "string", default: "4" },
  },
});
const [inFlight, holdSeconds, clients] = [values["in-flight"], values["hold-seconds"], values.clients].map(Number);
if (!(inFlight! >= 1 && inFlight! <= 230 && holdSeconds! >= 3 && clients! >= 1)) {
  console.error("--in-flight must be from 1 to 230, --hold-seconds at least 3, --clients at least 1");
  process.exit(2);
}
if (redisIsMissing !== undefined) {
  console.error(redisIsMissing);
  process.exit(2);
}

const progress = (line: string) => console.log(`  ${line}`);
const plan = { inFlight: inFlight!, holdSeconds: holdSeconds!, clients: clients!, progress };
const result = await runCrash(plan);
const { held, returnedAfter, others, later, laterLost, oldestLost } = result;
console.log(`${held} places held, those of the killed replica back after ${(returnedAfter / 1000).toFixed(1)} s`);
console.log(`${others} answers of the others; of the killed one ${later} that were not acknowledged`);
console.log(`${laterLost} of those have no row, the oldest from ${oldestLost.toFixed(0)} ms before the end`);
let failed = 0;
for (const [what, ok] of checksOf(plan, result)) {
  console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
  if (!ok) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
