import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Harness, standIn, startHarness, until } from "../../gateway/e2e-harness.ts";
import { type RedisServer, redisIsMissing, startRedis } from "./testing.ts";

const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
};
const limited = (onStoreDown: string, model: string) =>
  `scope: { models: ["${model}"] }
uses: rate_limit
with: { windows: [{ every: month, requests: 6, tokens: 4000 }], onStoreDown: ${onStoreDown} }
`;

describe.skipIf(redisIsMissing !== undefined)(`a gateway whose Redis goes away ${redisIsMissing ?? ""}`, () => {
  let redis: RedisServer;
  let sluice: Harness;
  const provider = standIn(async (request) => {
    await request.text();
    return Response.json(answer);
  });
  beforeAll(async () => {
    redis = await startRedis();
    sluice = await startHarness({
      upstream: provider.url,
      policies: {
        "org/local.policy.yaml": limited("local", "gpt-4o"),
        "org/deny.policy.yaml": limited("deny", "gpt-4o-mini"),
        "org/allow.policy.yaml": limited("allow", "gpt-4.1"),
      },
      // What a Redis does that is slow is told elsewhere: here it is there or not, however busy the machine is.
      config: { redis_url: redis.url, redis: { breaker_open_seconds: 0.2, command_timeout_seconds: 2 } },
    });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    provider[Symbol.dispose]();
    await redis[Symbol.asyncDispose]();
  });

  async function ask(model: string) {
    const chat = { model, max_tokens: 5, messages: [{ role: "user", content: "hello" }] };
    const response = await sluice.post("/v1/chat/completions", chat);
    const { error } = (await response.json()) as { error?: { code: string } };
    const { headers, status } = response;
    return {
      status,
      code: error?.code,
      warnings: headers.get("sluice-warnings"),
      left: headers.get("ratelimit-remaining"),
    };
  }
  const ready = async () =>
    (await (await fetch(`${sluice.url}/readyz`)).json()) as { status: string; parts: { name: string }[] };
  const metric = async (name: string) => {
    const text = await (await fetch(`${sluice.url}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(" ")[1]);
  };
  const redisPart = async () => {
    const { parts } = (await sluice.admin("status")) as { parts: { name: string; state: string; detail: string }[] };
    return parts.find(({ name }) => name === "redis");
  };

  test("each limit does as it declares, every surface tells of it, and all is well again by itself", async () => {
    expect(await ask("gpt-4o")).toEqual({ status: 200, code: undefined, warnings: null, left: "5" });
    expect(await ready()).toEqual({ status: "ready", parts: [] });
    expect(await redisPart()).toMatchObject({ state: "ready", detail: expect.stringContaining("1 replica") });
    expect(await metric('sluice_breaker_state{name="redis"}')).toBe(0);

    await redis.kill();
    await until(async () => (await metric('sluice_breaker_transitions_total{name="redis",to="open"}')) !== undefined);
    expect(await ready()).toMatchObject({ status: "degraded", parts: [{ name: "redis", state: "degraded" }] });
    expect(await redisPart()).toMatchObject({ state: "degraded" });

    expect(await ask("gpt-4o")).toMatchObject({ status: 200, warnings: "limits_counted_locally" });
    expect(await ask("gpt-4o-mini")).toMatchObject({ status: 503, code: "store_unavailable", warnings: null });
    expect(await ask("gpt-4.1")).toMatchObject({ status: 200, warnings: "limits_not_checked", left: null });
    // Counted here, and by the whole limit, because there is no other replica.
    const more = await Promise.all(Array.from({ length: 6 }, () => ask("gpt-4o")));
    expect(more.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 429]);
    for (const action of ["local", "deny", "allow"]) {
      expect(await metric(`sluice_store_fallback_total{action="${action}"}`)).toBeGreaterThan(0);
    }

    await redis.start();
    await until(async () => (await ready()).status === "ready");
    expect(await metric('sluice_breaker_state{name="redis"}')).toBe(0);
    expect(await metric('sluice_breaker_transitions_total{name="redis",to="closed"}')).toBeGreaterThanOrEqual(1);
    // What was let pass meanwhile is known to Redis now.
    await until(async () => !(await redisPart())?.detail.includes("settled"));
    expect(await ask("gpt-4o")).toMatchObject({ status: 429, code: "rate_limit_exceeded", warnings: null, left: "0" });
    expect(await ask("gpt-4o-mini")).toEqual({ status: 200, code: undefined, warnings: null, left: "5" });
    expect(await ask("gpt-4.1")).toEqual({ status: 200, code: undefined, warnings: null, left: "4" });
  });
});
