/**
 * `bun run soak replicas [--rounds 20]`: three gateway processes over one database file. On one of them applications are
 * paused, models switched off, keys revoked, policies made, bound and tuned, again and again; how long until both others
 * obey is told for each, with Redis, and then by polling alone. Exits 1 when one in twenty takes 250 ms or more with
 * Redis, or any takes longer than the longest poll without.
 */
import { parseArgs } from "node:util";
import { redisIsMissing, startRedis } from "../../src/limits/redis/testing.ts";
import { type Act, acts, delayOf, passes, startThree } from "../../src/store/changes/acts-harness.ts";
import type { Fleet } from "../../src/store/changes/fleet-harness.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`--rounds must be a positive integer, not '${values.rounds}'`);
  process.exit(2);
}
if (redisIsMissing !== undefined) {
  console.error(redisIsMissing);
  process.exit(2);
}

const atOnceMs = 250;
/** The default interval with all its jitter, and what obeying takes. */
const nextPollMs = 1_200 + atOnceMs;

await using redis = await startRedis();
await using fleet = await startThree("--redis-url", redis.url);
// Code that never ran is slow the first time.
await measure(fleet, 1);
console.log(`with Redis, ${rounds} rounds each:`);
const atOnce = await measure(fleet, rounds);
const slow = atOnce.filter((ms) => ms >= atOnceMs).length;
await redis.kill();
const few = Math.max(1, Math.ceil(rounds / 5));
console.log(`by polling alone, ${few} rounds each:`);
const polled = await measure(fleet, few);
const late = polled.filter((ms) => ms >= nextPollMs).length;

const checks: readonly (readonly [what: string, ok: boolean])[] = [
  [`at most one in twenty takes ${atOnceMs} ms with Redis: ${slow} of ${atOnce.length}`, slow * 20 <= atOnce.length],
  [`none takes ${nextPollMs} ms without: ${late} of ${polled.length}`, late === 0],
];
for (const [what, ok] of checks) console.log(`${ok ? "ok  " : "FAIL"} ${what}`);
process.exitCode = checks.every(([, ok]) => ok) ? 0 : 1;

/** Every delay; told by what was done. */
async function measure(over: Fleet, count: number): Promise<readonly number[]> {
  const all: number[] = [];
  for (const { name, make, obeyed, undo } of acts) {
    const delays: number[] = [];
    for (let i = 0; i < count; i += 1) {
      delays.push(await delayOf(over, make, obeyed));
      delays.push(await delayOf(over, undo, passes));
    }
    tell(`${name}, and its end`, delays);
    all.push(...delays);
  }
  const revoked: number[] = [];
  for (let i = 0; i < count; i += 1) revoked.push(await revoke(over));
  tell("a key revoked", revoked);
  return [...all, ...revoked];
}

async function revoke(over: Fleet): Promise<number> {
  const { json } = await over.replicas[0]!.admin("POST", "keys", { application: "demo" });
  for (const replica of over.replicas) await replica.ask(json.key);
  const make: Act["make"] = (a) => a.admin("POST", `keys/${json.id}/revoke`);
  return delayOf(over, make, async (other) => (await other.ask(json.key)).code === "invalid_key");
}

function tell(what: string, delays: readonly number[]): void {
  const sorted = [...delays].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(0);
  console.log(`  ${what.padEnd(40)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, longest ${at(1)} ms`);
}
