/**
 * `bun run soak outage [name ...] [--gateways 3] [--clients 2] [--seconds 5]`: gateways under load whose Redis goes away in
 * each of the ways there are (all, or those that are named) and comes back. Exits 1 when an answer is not what its policy
 * declares, when calls wait once it is known that Redis is away, when metrics or status do not tell of it, or when what
 * Redis counts in the end is not what was let pass.
 */
import { parseArgs } from "node:util";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { checksOf } from "./outage/checks.ts";
import { faults } from "./outage/faults.ts";
import { runOutage } from "./outage/run.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gateways: { type: "string", default: "3" },
    clients: { type: "string", default: "2" },
    seconds: { type: "string", default: "5" },
  },
});
const [gateways, clients, seconds] = [values.gateways, values.clients, values.seconds].map(Number);
const chosen = faults.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
if (chosen.length < Math.max(1, positionals.length) || !(gateways! >= 1 && clients! >= 1 && seconds! > 0)) {
  console.error(`numbers must be positive, and faults among ${faults.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
if (redisIsMissing !== undefined) {
  console.error(redisIsMissing);
  process.exit(2);
}

let failed = 0;
for (const fault of chosen) {
  const plan = { gateways: gateways!, clients: clients!, phaseMs: seconds! * 1000, pauseMs: 60, breakerOpenSeconds: 1 };
  const result = await runOutage(fault, plan);
  const { answers, strayed, seenAfter, wellAfter, before, away, longest, metrics, told } = result;
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  console.log(
    `${fault.name}: ${answers} answers (${strayed} fell back outside); seen after ${ms(seenAfter)}, well ${ms(wellAfter)} after its end`,
  );
  console.log(
    `  p50 ${ms(before.p50)} before, ${ms(away.p50)} while away; p99 ${ms(before.p99)} and ${ms(away.p99)}; longest ${ms(longest)}`,
  );
  const { local, deny, allow } = metrics.fallbacks;
  console.log(
    `  breakers opened ${metrics.opened}, tried ${metrics.halfOpened}, closed ${metrics.closed}; limits counted here ${local}, denied ${deny}, let pass ${allow}`,
  );
  if (told !== "") console.log(`  status: ${told}`);
  for (const [what, ok] of checksOf(fault, result)) {
    console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
    if (!ok) failed += 1;
  }
}
process.exit(failed === 0 ? 0 : 1);
