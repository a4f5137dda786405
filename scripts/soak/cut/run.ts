import { startRedis } from "../../../src/limits/redis/testing.ts";
import { type Replica, startFleet } from "../../../src/store/changes/fleet-harness.ts";
import { ask, countedIn, isWell, rateLimit, redisPart, until, untilFollowed } from "../faults/tools.ts";

/** Who asks for how much while Redis is cut off. */
export interface CutPlan {
  readonly gateways: number;
  readonly clients: number;
  /** Requests that the limit lets pass in a month. */
  readonly limit: number;
}

/** What was let pass. */
export interface CutResult {
  /** Of the limit as Redis counted it; half of it before Redis went away. */
  readonly before: number;
  /** By the counters of the gateways alone, all together. */
  readonly away: number;
  readonly awayOf: readonly number[];
  /** Answers that were neither a 200 nor a 429. */
  readonly others: number;
  /** What Redis counts when it is back and was told everything. */
  readonly counted: number;
  /** What each gateway answers then, and what it warns of. */
  readonly after: readonly string[];
  /** What Redis counts after those. */
  readonly countedAfter: number;
}

const model = "gpt-4o";

/** Takes Redis away from several gateways in the middle of a limit, until each of them has no room left. */
export async function runCut({ gateways, clients, limit }: CutPlan): Promise<CutResult> {
  await using redis = await startRedis();
  await using fleet = await startFleet(gateways, "--redis-url", redis.url, "--redis-breaker-open-seconds", "0.5");
  fleet.writePolicy("org/shared.policy.yaml", rateLimit(model, "local", `requests: ${limit}`));
  await untilFollowed(fleet, 2);
  const { replicas, key } = fleet;
  await until(async () =>
    (await Promise.all(replicas.map(redisPart))).every(({ detail }) => detail.includes(`${gateways} replicas`)),
  );

  let before = 0;
  let others = 0;
  const awayOf = replicas.map(() => 0);
  const spent = replicas.map(() => 0);
  const client = async (replica: Replica, at: number) => {
    // One refusal may be Redis's own; many in a row mean that there is no room here.
    while (spent[at]! < enough * clients) {
      const { status, warnings } = await ask(replica, key, model);
      const here = warnings === "limits_counted_locally";
      if (status === 200 && here) awayOf[at]! += 1;
      else if (status === 200) before += 1;
      else if (status === 429 && here) spent[at]! += 1;
      else if (status !== 429) others += 1;
    }
  };
  const all = Array.from({ length: clients }, (_, i) => client(replicas[i % gateways]!, i % gateways));
  await until(() => before >= limit / 2);
  await redis.kill();
  await Promise.all(all);
  await redis.start();
  await until(async () => (await Promise.all(replicas.map(isWell))).every(Boolean));
  const counted = await countedIn(redis, "org/shared", "requests");
  const last = await Promise.all(replicas.map((replica) => ask(replica, key, model)));
  return {
    before,
    away: awayOf.reduce((sum, one) => sum + one, 0),
    awayOf,
    others,
    counted,
    after: last.map(({ status, warnings }) => `${status}${warnings}`),
    countedAfter: await countedIn(redis, "org/shared", "requests"),
  };
}

const enough = 3;
