/**
 * `bun run soak cut [--gateways 3] [--clients 64] [--limit 10000]`: Redis goes away from several gateways in the middle of a
 * limit that is counted locally then. Exits 1 when they let pass more than the limit together while it is away, or when
 * Redis does not count in the end what was let pass in all, no more and no less.
 */
import { parseArgs } from "node:util";
import { redisIsMissing } from "../../src/limits/redis/testing.ts";
import { runCut } from "./cut/run.ts";

const { values } = parseArgs({
  options: {
    gateways: { type: "string", default: "3" },
    clients: { type: "string", default: "64" },
    limit: { type: "string", default: "10000" },
  },
});
const [gateways, clients, limit] = [values.gateways, values.clients, values.limit].map(Number) as [
  number,
  number,
  number,
];
if (!(gateways >= 2 && clients >= gateways && limit >= gateways)) {
  console.error("there must be at least 2 gateways, as many clients, and a limit that can be shared");
  process.exit(2);
}
if (redisIsMissing !== undefined) {
  console.error(redisIsMissing);
  process.exit(2);
}

const { before, away, awayOf, others, counted, after, countedAfter } = await runCut({ gateways, clients, limit });
console.log(`limit ${limit}: ${before} let pass before, ${away} (${awayOf.join(" + ")}) while Redis was away`);
const checks: readonly (readonly [what: string, ok: boolean])[] = [
  ["every answer is a 200 or a 429", others === 0],
  ["no more than the limit passes while Redis is away", away <= limit],
  ["all of the limit can be had while Redis is away", away === limit],
  [`Redis counts what was let pass: ${counted}`, counted === before + away],
  [`then there is no room left: ${after.join(", ")}`, after.every((one) => one === "429")],
  ["and refusals are not counted", countedAfter === counted],
];
for (const [what, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
process.exit(checks.every(([, ok]) => ok) ? 0 : 1);
