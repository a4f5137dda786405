import { redisIsMissing, startRedis } from "../src/limits/redis/testing.ts";
import { body, policies } from "./e2e.ts";
import { inFlight } from "./limits.ts";
import type { Figure } from "./report.ts";
import type { Servers } from "./servers.ts";
import { compareThroughput } from "./throughput.ts";

/** Measures a gateway whose limits are counted in Redis beside one that counts them itself, in turns. */
export async function measureStores(quick: boolean): Promise<Figure[]> {
  if (redisIsMissing !== undefined) return [];
  await using redis = await startRedis("--appendonly", "no");
  const begin = async (servers: Servers) => {
    const echo = await servers.startEcho();
    return {
      memory: await servers.startSluice(echo, policies),
      redis: await servers.startSluice(echo, policies, { args: ["--redis-url", redis.url] }),
    };
  };
  const names = ["redis", "memory"] as const;
  const { perSecond, ratio, note } = await compareThroughput({
    names,
    begin,
    body,
    warmUp: 40_000,
    connections: inFlight,
    quick,
  });
  return [
    { name: "limits.gateway_memory_per_second", value: perSecond.memory, unit: "/s" },
    { name: "limits.gateway_redis_per_second", value: perSecond.redis, unit: "/s" },
    {
      name: "limits.gateway_redis_vs_memory",
      value: ratio,
      unit: "ratio",
      note: `five policies, Redis beside memory, ${inFlight} at once; ${note}`,
    },
  ];
}
