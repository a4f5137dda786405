import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { redisIsMissing, startRedis } from "../src/limits/redis/testing.ts";
import { inCalm, perSecond } from "./calm.ts";
import { body, policies, runner, secondsOf, slices, start, startSluice } from "./e2e.ts";
import type { Figure } from "./report.ts";

/** Measures a gateway whose limits are counted in Redis beside one that counts them itself, in turns. */
export async function measureStores(quick: boolean): Promise<Figure[]> {
  if (redisIsMissing !== undefined) return [];
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const processes: Subprocess[] = [];
  await using redis = await startRedis("--appendonly", "no");
  try {
    const echo = await start(["src/providers/echo/serve.ts"], processes);
    const targets = {
      memory: await startSluice(join(dir, "memory"), echo.url, processes, policies),
      redis: await startSluice(join(dir, "redis"), echo.url, processes, policies, ["--redis-url", redis.url]),
    };
    const run = runner(targets, body);
    for (const target of ["memory", "redis"] as const) await run(target, { requests: quick ? 3_000 : 40_000 });
    const { results, note } = await inCalm(["memory", "redis"], slices(quick), (target) =>
      run(target, { seconds: secondsOf(quick) }),
    );
    const [withRedis, alone] = [perSecond(results.redis), perSecond(results.memory)];
    return [
      { name: "limits.gateway_memory_per_second", value: alone, unit: "/s" },
      { name: "limits.gateway_redis_per_second", value: withRedis, unit: "/s" },
      {
        name: "limits.gateway_redis_vs_memory",
        value: withRedis / alone,
        unit: "ratio",
        note: `five policies, Redis beside memory; ${note}`,
      },
    ];
  } finally {
    for (const process of processes) process.kill();
    await Promise.all(processes.map((process) => process.exited));
    rmSync(dir, { recursive: true, force: true });
  }
}
