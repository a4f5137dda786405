/**
 * `bun run soak limits [--requests 30000] [--limit 10000] [--gateways 3] [--clients 64]`: several gateways that share one
 * Redis, and clients that together ask for more than there is. Exits 1 when not exactly the limit was admitted, when
 * more tokens or money were used than the limit, or when Redis's counter is not what the answers add up to.
 */
import { parseArgs } from "node:util";
import { limitedUnits, mostReserved, runLimits } from "./limits/run.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "30000" },
    limit: { type: "string", default: "10000" },
    gateways: { type: "string", default: "3" },
    clients: { type: "string", default: "64" },
  },
});
const [requests, limit, gateways, clients] = [values.requests, values.limit, values.gateways, values.clients].map(
  Number,
);
const plan = { requests: requests!, limit: limit!, gateways: gateways!, clients: clients! };
for (const [name, value] of Object.entries(plan)) {
  if (!Number.isSafeInteger(value) || value < 1) {
    console.error(`--${name} must be a positive integer, not '${values[name as keyof typeof values]}'`);
    process.exit(2);
  }
}

// So many tokens, and so much money, that some of the requests find room and some do not.
const limits = { requests: plan.limit, tokens: plan.limit * 10, usd: plan.limit * 50 };
const from = performance.now();
const result = await runLimits({ ...plan, limits, progress: (line) => console.log(`  ${line}`) });
console.log(`${((performance.now() - from) / 1000).toFixed(0)} s`);

let failed = 0;
for (const unit of limitedUnits) {
  const { admitted, limited, others, used, counted } = result[unit];
  const most = limits[unit];
  console.log(`${unit}: ${admitted} admitted, ${limited} limited, ${others} others; ${used} of ${most} used`);
  const checks: readonly (readonly [what: string, ok: boolean])[] = [
    ["every answer is a 200 or a refusal by the limit", others === 0 && admitted + limited === plan.requests],
    unit === "requests"
      ? [`exactly ${most} admitted`, admitted === Math.min(most, plan.requests)]
      : // At the end the last calls give back what they reserved and did not use.
        [
          `at most ${most} used, and no less than was asked for`,
          used <= most && used > most - clients! * mostReserved[unit],
        ],
    [`Redis counts the same: ${counted}`, counted === used],
  ];
  for (const [what, ok] of checks) {
    console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
    if (!ok) failed += 1;
  }
}
process.exit(failed === 0 ? 0 : 1);
