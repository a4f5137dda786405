import type { Counters, Reservation } from "../src/core/limits.ts";
import { createMemoryCounters } from "../src/limits/memory.ts";
import type { RedisClient } from "../src/limits/redis/client.ts";
import { openRedisCounters } from "../src/limits/redis/open.ts";
import { connectTo, redisIsMissing, startRedis } from "../src/limits/redis/testing.ts";
import { median } from "./calm.ts";
import type { Figure } from "./report.ts";

/** Requests under way at once. */
export const inFlight = 64;
/** Requests that each of them makes while the time is taken. */
const turns = 20;
const owner = { id: "default", timeZone: "UTC" };
const windows = ["second", "minute", "hour", "day", "week", "month"] as const;

/** Six limits as a request has them, of a caller of that name. */
function sixLimits(caller: string): readonly Reservation[] {
  return windows.map((every) => ({
    key: `default|org/limits|${every}|requests|${every}|app=${caller}`,
    unit: "requests",
    window: { every },
    max: 1e12,
    amount: 1,
    onStoreDown: "local",
  }));
}

/** All callers share their counters, as those of one application do, or none do. */
const sharing: readonly (readonly [name: string, limitsOf: (caller: number) => readonly Reservation[]])[] = [
  ["", always(sixLimits("app_1"))],
  ["_apart", listed(Array.from({ length: inFlight }, (_, i) => sixLimits(`app_${i}`)))],
];

/**
 * Measures what taking from six counters in one step costs, with 64 requests at once: in memory, and in Redis beside a
 * single INCR through the same library in the same process. Both are taken in turns and the median of each counts:
 * whatever else the machine does meets both.
 */
export async function measureLimits(quick: boolean): Promise<Figure[]> {
  const figures: Figure[] = [];
  const rounds = quick ? 5 : 30;
  for (const [name, limitsOf] of sharing) {
    const counters = createMemoryCounters({ clock: Date });
    const rate = await best(rounds * 10, () => reserves(counters, limitsOf, 10));
    figures.push({ name: `limits.memory_reserve_6${name}`, value: 1e9 / rate, unit: "ns", note: noteOf(name) });
    await counters.close();
  }
  if (redisIsMissing === undefined) figures.push(...(await measureRedis(rounds)));
  return figures;
}

async function measureRedis(rounds: number): Promise<Figure[]> {
  await using server = await startRedis("--appendonly", "no");
  const client = await connectTo(server.url);
  const counters = await openRedisCounters({
    url: server.url,
    commandTimeoutMs: 10_000,
    breaker: { enabled: true, openMs: 1_000 },
    clock: Date,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: { breaker() {}, fallback() {}, settlesDropped() {} },
  });
  const figures: Figure[] = [];
  for (const [name, limitsOf] of sharing) {
    const incrs: number[] = [];
    const all: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      incrs.push(await increments(client));
      all.push(await reserves(counters, limitsOf, turns));
    }
    const [incr, reserve] = [median(incrs), median(all)];
    const measured = `limits.redis_reserve_6${name}`;
    figures.push({ name: measured, value: reserve, unit: "/s", note: noteOf(name) });
    figures.push({ name: `${measured}_incr`, value: incr, unit: "/s", note: "INCR of one key with ioredis" });
    figures.push({ name: `${measured}_vs_incr`, value: reserve / incr, unit: "ratio" });
  }
  await counters.close();
  client.disconnect();
  return figures;
}

function noteOf(name: string): string {
  return `${inFlight} at once, ${name === "" ? "counters shared" : "each with counters of its own"}; without settling`;
}

async function best(rounds: number, measure: () => Promise<number>): Promise<number> {
  let most = 0;
  for (let round = 0; round < rounds; round += 1) most = Math.max(most, await measure());
  return most;
}

let request = 0;

/** Reserves a second; they are settled when the time has been taken. */
async function reserves(
  counters: Counters,
  limitsOf: (caller: number) => readonly Reservation[],
  each: number,
): Promise<number> {
  const ids: string[][] = [];
  for (let caller = 0; caller < inFlight; caller += 1) {
    ids.push(
      Array.from({ length: each }, () => `018f2a9c-7c5e-7000-8000-${(request++).toString(16).padStart(12, "0")}`),
    );
  }
  const from = performance.now();
  await Promise.all(
    ids.map(async (own, caller) => {
      for (const id of own) {
        const answer = counters.reserve(id, owner, limitsOf(caller));
        if (answer instanceof Promise) await answer;
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  await Promise.all(ids.flat().map((id) => counters.settle(id, {})));
  return (inFlight * each) / seconds;
}

async function increments(client: RedisClient): Promise<number> {
  const from = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let i = 0; i < turns; i += 1) await client.incr("n");
    }),
  );
  return (inFlight * turns * 1000) / (performance.now() - from);
}

function always<T>(value: T): () => T {
  return () => value;
}

function listed<T>(values: readonly T[]): (i: number) => T {
  return (i) => values[i]!;
}
