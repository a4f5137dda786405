import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { type RedisServer, redisIsMissing, startRedis } from "../limits/redis/testing.ts";
import { type Harness, standIn, startHarness, until } from "./e2e-harness.ts";

// Each test starts a whole Sluice or several, beside whatever else the machine does.
setDefaultTimeout(60_000);

/** What the stand-in says that a call used; 2.5 and 10 USD per million make it 220 micro-dollars. */
const used = { prompt_tokens: 8, completion_tokens: 20, total_tokens: 28 };
const asking = { model: "gpt-4o", messages: [{ role: "user", content: "hello" }], max_tokens: 100 };
/** What such a request reserves: its prompt is 8 tokens. */
const reserved = { tokens: 108, micro: 8 * 2.5 + 100 * 10 };
const spent = { tokens: 28, micro: 220 };

const answer = (usage: object = used) =>
  Response.json({
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "gpt-4o",
    choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    usage,
  });
const event = (more: object) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", ...more })}\n\n`;
const words = (content: string) => event({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const lastEvents = `${event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}${event({ choices: [], usage: used })}data: [DONE]\n\n`;

let calls = 0;
let reply: (request: Request) => Response | Promise<Response> = () => answer();
const provider = standIn((request) => {
  calls += 1;
  return reply(request);
});
let sluice: Harness;
/** Counts for all of them while it is there; each Sluice has a database of its own. */
let redis: RedisServer | undefined;
let databases = 0;
afterEach(async () => {
  await sluice[Symbol.asyncDispose]();
  reply = () => answer();
  calls = 0;
});

async function start(policies: Record<string, string>, config: Record<string, unknown> = {}): Promise<Harness> {
  sluice = await startHarness({
    upstream: provider.url,
    config: {
      upstream: { retries: 0 },
      ...(redis && { redis_url: `${redis.url}/${databases++}` }),
      ...config,
    },
    policies: Object.fromEntries(Object.entries(policies).map(([name, text]) => [`org/${name}.policy.yaml`, text])),
  });
  return sluice;
}

const chat = (body: object = {}, headers: Record<string, string> = {}) =>
  sluice.post("/v1/chat/completions", { ...asking, ...body }, headers);

/** A call to its last byte. */
async function done(body: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  const response = await chat(body, headers);
  const bytes = await response.bytes();
  return new Response(bytes, { status: response.status, headers: response.headers });
}

async function messageOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: { message: string } }).error.message;
}

/** Clients that ask until a request of theirs is refused, all at once; answers the statuses of all requests. */
async function together(clients: number, ask: () => Promise<Response>): Promise<number[]> {
  const statuses: number[] = [];
  const client = async () => {
    for (let status = 200; status === 200; statuses.push(status)) status = (await ask()).status;
  };
  await Promise.all(Array.from({ length: clients }, client));
  return statuses;
}

const passed = (statuses: readonly number[]) => statuses.filter((status) => status === 200).length;

/** Tokens that are used or held: what a request that never fits is told, and takes nothing for. */
async function tokensUsed(): Promise<number> {
  const { headers, status } = await done({ max_tokens: 10_000_000 });
  expect(status).toBeGreaterThan(400);
  return Number(headers.get("ratelimit-limit")) - Number(headers.get("ratelimit-remaining"));
}

/** Micro-dollars that are used or held, of a budget that this request all but fills. */
async function microUsed(usd: number): Promise<number> {
  const response = await done({ max_tokens: Math.floor((usd * 1e6 - 20) / 10) });
  expect(response.status).toBe(402);
  return Math.round(Number(/^([\d.]+) of/.exec(await messageOf(response))![1]) * 1e6);
}

const inMemory = test;
const inRedis = test.skipIf(redisIsMissing !== undefined);

const daily = (limit: string) => `uses: rate_limit\nwith: { windows: [{ every: day, ${limit} }] }\n`;
const budget = (config: string) => `uses: budget\nwith: { ${config} }\n`;

describe.each(["memory", "Redis"])("64 clients at once, counted in %s,", (store) => {
  const test = store === "Redis" ? inRedis : inMemory;
  beforeAll(async () => {
    if (store === "Redis" && redisIsMissing === undefined) redis = await startRedis();
  });
  afterAll(async () => {
    await redis?.[Symbol.asyncDispose]();
    redis = undefined;
  });

  test("get as many requests as there are, and not one more", async () => {
    await start({ requests: daily("requests: 300") });
    const statuses = await together(64, () => done());
    expect([passed(statuses), statuses.length, calls]).toEqual([300, 364, 300]);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
  });

  test("settle tokens to what was used, and never use more than there are", async () => {
    const limit = 4_000;
    await start({ tokens: daily(`tokens: ${limit}`) });
    let admitted = passed(await together(64, () => done()));
    // What was held is back now: one after the other, until there is no room for another one's maximum.
    for (let status = 200; status === 200; admitted += Number(status === 200)) {
      await until(async () => (await tokensUsed()) === admitted * spent.tokens);
      ({ status } = await done());
    }
    expect(admitted).toBe(Math.floor((limit - reserved.tokens) / spent.tokens) + 1);
    expect([calls, await tokensUsed()]).toEqual([admitted, admitted * spent.tokens]);
  });

  test("settle money to what was paid, and never pay more than there is", async () => {
    const usd = 0.012;
    await start({ money: budget(`usd_per_day: ${usd}`) });
    let admitted = passed(await together(64, () => done()));
    for (let status = 200; status === 200; admitted += Number(status === 200)) {
      await until(async () => (await microUsed(usd)) === admitted * spent.micro);
      ({ status } = await done());
    }
    expect(admitted).toBe(Math.floor((usd * 1e6 - reserved.micro) / spent.micro) + 1);
    expect([calls, await microUsed(usd)]).toEqual([admitted, admitted * spent.micro]);
    expect(admitted * spent.micro).toBeLessThanOrEqual(usd * 1e6);
  });

  test("that use all they ask for fill money and tokens to the last unit", async () => {
    reply = () => answer({ prompt_tokens: 8, completion_tokens: 100, total_tokens: 108 });
    const number = 250;
    await start({
      money: budget(`usd_per_month: ${(number * reserved.micro) / 1e6}, tokens_per_day: ${number * reserved.tokens}`),
    });
    const statuses = await together(64, () => done());
    expect([passed(statuses), calls, new Set(statuses)]).toEqual([number, number, new Set([200, 402])]);
  });

  test("have as many requests under way as there are places", async () => {
    let most = 0;
    let now = 0;
    const waiting: (() => void)[] = [];
    reply = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise<void>((resolve) => waiting.push(resolve));
      now -= 1;
      return answer();
    };
    await start({ places: "uses: concurrency\nwith: { max: 7 }\n" });
    const asked = Array.from({ length: 64 }, () => done());
    await until(() => waiting.length === 7);
    const refused = await Promise.race(asked);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await messageOf(refused)).toStartWith("7 of 7 requests are under way at once");
    for (const go of waiting) go();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect([passed(statuses), most]).toEqual([7, 7]);
    reply = () => answer();
    await until(async () => (await done()).status === 200);
  });
});

describe("whatever the ending, what was not used returns", () => {
  const policies = {
    money: budget("usd_per_day: 0.03"),
    places: "uses: concurrency\nwith: { max: 1 }\n",
  };
  /** Everything is settled: one place is free again, and so much money is used. */
  async function settled(micro: number): Promise<void> {
    await until(async () => (await microUsed(0.03)) === micro);
  }

  test("an answer that comes whole", async () => {
    await start(policies);
    expect((await done()).status).toBe(200);
    await settled(spent.micro);
  });

  test("a stream, whose place is held until its last byte", async () => {
    let open!: ReadableStreamDefaultController<string>;
    const keep = (controller: typeof open) => {
      open = controller;
    };
    reply = () => {
      const body = new ReadableStream<string>({ start: keep });
      return new Response(body.pipeThrough(new TextEncoderStream()), {
        headers: { "content-type": "text/event-stream" },
      });
    };
    await start(policies);
    const response = chat({ stream: true });
    await until(() => open !== undefined);
    open.enqueue(words("he"));
    const reader = (await response).body!.getReader();
    await reader.read();
    expect((await done()).status).toBe(429);
    open.enqueue(words("llo") + lastEvents);
    open.close();
    while (!(await reader.read()).done);
    reply = () => answer();
    await settled(spent.micro);
  });

  test("a stream that the client leaves is settled with what was sent", async () => {
    reply = () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(words("one two three"))),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    await start(policies);
    const leaving = new AbortController();
    const response = await fetch(`${sluice.url}/v1/chat/completions`, {
      method: "POST",
      signal: leaving.signal,
      headers: { authorization: `Bearer ${sluice.key}`, "content-type": "application/json" },
      body: JSON.stringify({ ...asking, stream: true }),
    });
    await response.body!.getReader().read();
    leaving.abort();
    reply = () => answer();
    // Three words of a token each.
    await settled(8 * 2.5 + 3 * 10);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({ provenance: "partial" });
  });

  test("a stream that the provider breaks off", async () => {
    reply = () => new Response(words("one two three"), { headers: { "content-type": "text/event-stream" } });
    await start(policies);
    await done({ stream: true });
    await settled(8 * 2.5 + 3 * 10);
  });

  test("an error of the provider's, which used nothing", async () => {
    reply = () => Response.json({ error: { message: "no", type: "server_error" } }, { status: 500 });
    await start(policies);
    expect((await done()).status).toBe(500);
    reply = () => answer();
    await done();
    await settled(spent.micro);
  });

  test("an answer that is no answer", async () => {
    reply = () => new Response("<html>", { headers: { "content-type": "text/html" } });
    await start(policies);
    expect((await done()).status).toBe(502);
    reply = () => answer();
    await done();
    await settled(spent.micro);
  });

  test("an answer that a rule refuses was paid for all the same", async () => {
    const refuses = "phase: response\nrules: [{ when: response.status == 200, then: deny }]\n";
    await start({ ...policies, refuses });
    expect((await done()).status).toBe(403);
    await settled(spent.micro);
  });

  test("an answer that a rule refuses, of a provider that does not say what it used", async () => {
    const refuses = "phase: response\nrules: [{ when: response.status == 200, then: deny }]\n";
    reply = () => answer({});
    await start({ ...policies, refuses });
    const { status, headers } = await done();
    expect(status).toBe(403);
    const row = await sluice.ledger(headers.get("sluice-request-id"));
    expect(row).toMatchObject({ prompt_tokens: 8, completion_tokens: 1, provenance: "estimated" });
    // What it wrote is one token.
    await settled(8 * 2.5 + 10);
  });

  describe("a stream that a rule wants to see whole", () => {
    const looks = "phase: response\nrules: [{ when: response.status == 418, then: deny }]\n";

    test("and that is too long to be kept", async () => {
      const padding = event({ choices: [], padding: "-".repeat(4_000) });
      reply = () =>
        new Response(words("one two three") + padding, { headers: { "content-type": "text/event-stream" } });
      await start({ ...policies, looks }, { max_answer_bytes: 3_000 });
      const { status, headers } = await done({ stream: true });
      expect(status).toBe(502);
      const row = await sluice.ledger(headers.get("sluice-request-id"));
      expect(row).toMatchObject({ prompt_tokens: 8, completion_tokens: 3, provenance: "partial" });
      await settled(8 * 2.5 + 3 * 10);
    });

    test("and that stops coming", async () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(words("one two three"))),
      });
      reply = () => new Response(body, { headers: { "content-type": "text/event-stream" } });
      await start({ ...policies, looks }, { upstream: { retries: 0, idle_timeout_seconds: 0.2 } });
      const { status, headers } = await done({ stream: true });
      expect(status).toBe(504);
      const row = await sluice.ledger(headers.get("sluice-request-id"));
      expect(row).toMatchObject({ prompt_tokens: 8, completion_tokens: 3, provenance: "partial" });
      reply = () => answer();
      await settled(8 * 2.5 + 3 * 10);
    });
  });

  test("cached tokens cost what they cost", async () => {
    reply = () => answer({ ...used, prompt_tokens: 8, prompt_tokens_details: { cached_tokens: 6 } });
    await start(policies);
    await done();
    await settled(2 * 2.5 + 6 * 1.25 + 20 * 10 + 0.5);
  });
});

describe("a shutdown", () => {
  inRedis("settles what is under way: places are free at once, and what was sent is paid", async () => {
    await using shared = await startRedis();
    const policies = { money: budget("usd_per_day: 0.03"), places: "uses: concurrency\nwith: { max: 1 }\n" };
    const config = { redis_url: shared.url };
    reply = () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode(words("one two three"))),
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    await start(policies, config);
    const response = await chat({ stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    expect((await done()).status).toBe(429);
    expect(await sluice.running.close(0)).toBe(false);
    await reader.read().catch(() => undefined);
    rmSync(sluice.dir, { recursive: true, force: true });

    reply = () => answer();
    await start(policies, config);
    expect(await microUsed(0.03)).toBe(8 * 2.5 + 3 * 10);
    expect((await done()).status).toBe(200);
  });
});

test("the difference between what was reserved and what was used is a metric", async () => {
  await start({ money: budget("usd_per_day: 0.03"), tokens: daily("tokens: 9000") });
  await done();
  const metric = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  const text = await until(async () => {
    const all = await (await fetch(`${sluice.url}/metrics`)).text();
    return metric(all, "sluice_settle_drift_usd_count") === 1 && all;
  });
  expect(metric(text, "sluice_settle_drift_tokens_sum")).toBe(reserved.tokens - spent.tokens);
  expect(metric(text, "sluice_settle_drift_usd_sum")).toBeCloseTo((reserved.micro - spent.micro) / 1e6, 9);
});

describe("a refused request takes nothing", () => {
  test("neither of the limits that had room, nor of those of other policies", async () => {
    await start({ tokens: daily("requests: 1000, tokens: 9000"), money: budget("usd_per_day: 0.03, per: [user]") });
    await done({}, { "sluice-user": "ann" });
    await until(async () => (await tokensUsed()) === spent.tokens);
    // Ann's budget refuses; the tokens of the application stay as they are.
    for (let i = 0; i < 5; i += 1) {
      expect((await done({ max_tokens: 2_990 }, { "sluice-user": "ann" })).status).toBe(402);
    }
    expect(await tokensUsed()).toBe(spent.tokens);
    const { headers } = await done({}, { "sluice-user": "bob" });
    // The tightest: 28 and 108 of 9,000 tokens, not 2 of 1,000 requests.
    expect(headers.get("ratelimit-remaining")).toBe(String(9000 - spent.tokens - reserved.tokens));
  });

  for (const [store, check] of [["memory", inMemory] as const, ["Redis", inRedis] as const]) {
    check(`nor passes when it asks for more than can be counted, in ${store}`, async () => {
      await using shared = store === "Redis" ? await startRedis() : undefined;
      const limits = "windows: [{ every: day, requests: 5, tokens: 9000 }], onStoreDown: allow";
      await start({ tokens: `uses: rate_limit\nwith: { ${limits} }\n` }, shared && { redis_url: shared.url });
      for (const n of [1, 128]) expect((await done({ max_tokens: Number.MAX_SAFE_INTEGER, n })).status).toBe(429);
      expect([calls, await tokensUsed()]).toEqual([0, 0]);
    });
  }

  test("when a rule refuses, limits are not asked", async () => {
    await start({ tokens: daily("tokens: 9000"), rule: "rules: [{ when: request.temperature > 1.0, then: deny }]\n" });
    const response = await done({ temperature: 1.5 });
    expect([response.status, response.headers.get("ratelimit-limit")]).toEqual([403, null]);
    expect(await tokensUsed()).toBe(0);
  });

  test("what only observes can neither refuse nor be taken by what is refused", async () => {
    await start({
      watched: `mode: audit\n${daily("requests: 1")}`,
      warned: `mode: warn\n${budget("usd_per_day: 0.001")}`,
      tokens: daily("tokens: 9000"),
    });
    const first = await done();
    expect([first.status, first.headers.get("sluice-warnings")]).toEqual([200, "budget_exceeded"]);
    expect((await done()).status).toBe(200);
    await until(async () => (await tokensUsed()) === 2 * spent.tokens);
  });
});

describe("headers", () => {
  const seconds = () => Math.ceil((86_400_000 - (Date.now() % 86_400_000)) / 1000);

  test("tell the tightest limit on every answer, whatever its kind", async () => {
    await start({ limits: daily("requests: 1000, tokens: 9000") });
    const plain = await done();
    expect(plain.headers.get("ratelimit-limit")).toBe("9000");
    expect(Math.abs(Number(plain.headers.get("ratelimit-reset")) - seconds())).toBeLessThanOrEqual(1);
    reply = () => new Response(words("a") + lastEvents, { headers: { "content-type": "text/event-stream" } });
    expect((await done({ stream: true })).headers.get("ratelimit-limit")).toBe("9000");
    reply = () => Response.json({ error: { message: "no" } }, { status: 400 });
    expect((await done()).headers.get("ratelimit-limit")).toBe("9000");
    expect(plain.headers.get("retry-after")).toBeNull();
  });

  test("of a refusal say when all limits that refused have room", async () => {
    await start({
      short: "uses: rate_limit\nwith: { windows: [{ every: hour, requests: 1 }] }\n",
      long: daily("requests: 1"),
      roomy: daily("tokens: 9000"),
    });
    await done();
    const { status, headers } = await done();
    expect([status, headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")]).toEqual([429, "1", "0"]);
    expect(Math.abs(Number(headers.get("retry-after")) - seconds())).toBeLessThanOrEqual(1);
    expect(headers.get("ratelimit-reset")).toBe(headers.get("retry-after"));
  });

  test("of a request that no window has room for tell clients not to come back with it", async () => {
    await start({ tokens: daily("tokens: 50") });
    const { status, headers } = await done();
    expect(status).toBe(429);
    expect([headers.get("retry-after"), headers.get("x-should-retry")]).toEqual([null, "false"]);
    expect([headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")]).toEqual(["50", "50"]);
  });
});

describe("a budget", () => {
  test("warns at its thresholds, and refuses with the day it begins anew", async () => {
    // 5 calls of 220 micro-dollars; each reserves 1,020.
    await start({ money: budget("usd_per_month: 0.0022") });
    const codes: (string | null)[] = [];
    for (let i = 0; i < 6; i += 1) {
      const response = await done();
      codes.push(response.status === 200 ? response.headers.get("sluice-warnings") : await messageOf(response));
      await until(async () => (await microUsed(0.0022)) === spent.micro * Math.min(i + 1, 6));
    }
    expect(codes).toEqual([null, null, null, null, null, null]);
    const refused = await done();
    expect(refused.status).toBe(402);
    const { headers } = refused;
    expect([headers.get("x-should-retry"), headers.get("retry-after")]).toEqual(["false", null]);
    expect(await messageOf(refused)).toMatch(
      /^0\.00132 of 0\.0022 USD of this month's budget are used, and the request may take 0\.00102; the budget begins anew on \d{4}-\d{2}-01\.$/,
    );
    // A request that asks for less still fits, and is warned: 60 % were used before it, then more.
    const warned: string[] = [];
    for (const max_tokens of [30, 30, 20]) {
      const { headers } = await done({ max_tokens });
      warned.push(headers.get("sluice-warnings") ?? "");
      await sluice.ledger(headers.get("sluice-request-id"));
    }
    expect(warned).toEqual(["", "", "budget_75"]);
  });

  test("that is soft goes on counting, and says so", async () => {
    await start({ money: budget("usd_per_day: 0.0004, hard: false"), tokens: daily("tokens: 100000") });
    const warnings: (string | null)[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { status, headers } = await done();
      expect(status).toBe(200);
      warnings.push(headers.get("sluice-warnings"));
      await sluice.ledger(headers.get("sluice-request-id"));
    }
    expect(warnings).toEqual([null, null, "budget_100", "budget_100"]);
    const { data } = (await sluice.admin("limits?policy=org/money")) as { data: object[] };
    expect(data).toMatchObject([{ unit: "usd", value: 0.00088, held: 0, max: null, remaining: null }]);
  });

  test("of a model that nobody has a price for is what the policy says", async () => {
    const homemade = { models: { homemade: { targets: [{ provider: "openai" }] } } };
    const model = { model: "homemade" };
    await start({ money: budget("usd_per_day: 0.03") }, homemade);
    const denied = await done(model);
    expect([denied.status, calls]).toEqual([403, 0]);
    expect(await messageOf(denied)).toStartWith("No price is known for the model 'homemade'");
    await sluice[Symbol.asyncDispose]();

    await start({ money: budget("usd_per_day: 0.03, onUnpriced: flag") }, homemade);
    const flagged = await done(model);
    expect([flagged.status, flagged.headers.get("sluice-warnings")]).toEqual([200, "model_unpriced"]);
    expect(await sluice.ledger(flagged.headers.get("sluice-request-id"))).toMatchObject({ cost_usd: null });
    await sluice[Symbol.asyncDispose]();

    const assumed = "onUnpriced: default, default_price: { input: 5, output: 20 }";
    await start({ money: budget(`usd_per_day: 0.03, ${assumed}`) }, homemade);
    await done(model);
    await until(async () => (await microUsed(0.03)) === 8 * 5 + 20 * 20);
  });

  test("takes the configured price before the vendor's", async () => {
    const price = { input: 1, output: 5, date: "2026-11-01" };
    await start({ money: budget("usd_per_day: 0.03") }, { models: { "gpt-4o": { price } } });
    const { headers } = await done();
    const id = headers.get("sluice-request-id");
    expect(await sluice.ledger(id)).toMatchObject({ price_date: "2026-11-01" });
    const refused = await done({ max_tokens: 5_998 });
    expect(await messageOf(refused)).toStartWith("0.000108 of 0.03 USD");
  });

  test("reserves what keeping the prompt for an hour costs, where the request asks for that", async () => {
    await start({ money: budget("usd_per_day: 0.000001") });
    const needs = async (cache_control?: object) => {
      const content = [{ type: "text", text: "hello ".repeat(1000), ...(cache_control && { cache_control }) }];
      const body = { model: "claude-haiku-4-5", max_tokens: 1, messages: [{ role: "user", content }] };
      const message = await messageOf(await sluice.post("/v1/messages", body));
      return Number(/may take ([\d.]+) USD/.exec(message)![1]) * 1e6 - 5;
    };
    const plain = await needs();
    // 1.25 and 2 USD per million: writing to the cache costs more than not, and for an hour more still.
    expect(await needs({ type: "ephemeral" })).toBe(plain);
    expect((await needs({ type: "ephemeral", ttl: "1h" })) / plain).toBeCloseTo(1.6, 2);
  });

  test("reserves what the dearest target would cost, and settles what the one that answered does", async () => {
    const models = {
      fast: {
        targets: [
          { provider: "openai", model: "gpt-4o-mini", priority: 1 },
          { provider: "openai", model: "gpt-4o", priority: 2 },
        ],
      },
    };
    await start({ money: budget("usd_per_day: 0.03") }, { models });
    await done({ model: "fast" });
    // 8 and 20 tokens at 0.15 and 0.6: 13.2 micro-dollars.
    await until(async () => (await microUsed(0.03)) === 13);
    const tight = await done({ model: "fast", max_tokens: 2_999 });
    expect(await messageOf(tight)).toStartWith("The request may take 0.03001 USD");
  });
});

test("what a budget warned of is found again in the record of the decision", async () => {
  await start({ money: budget("usd_per_day: 0.0002, hard: false") });
  const ids: (string | null)[] = [];
  for (let i = 0; i < 2; i += 1) {
    const { headers } = await done();
    ids.push(headers.get("sluice-decision-id"));
    await sluice.ledger(headers.get("sluice-request-id"));
  }
  const explained = await until(async () => {
    const answer = await sluice.admin(`explain/${ids[1]}`);
    return answer.status !== 404 && answer;
  });
  expect(JSON.stringify(explained)).toContain("100 % of this day's budget are used");
  expect(explained).toMatchObject({ differences: [] });
});

test("rules that are asked after the call read how limits stand", async () => {
  await start({
    "team-money": budget("usd_per_day: 0.03"),
    tokens: daily("tokens: 9000, requests: 20"),
    before: "phase: response\nrules: [{ id: held, when: limits.used.tokens == 1.0, then: warn }]\n",
    after: `phase: usage
rules:
  - { id: tokens, when: limits.used.tokens == 1.0 && limits.limit.tokens == 20.0 && limits.remaining.tokens == 19.0, then: warn }
  - { id: money, when: budget.spent_usd.team_money == 0.00022 && budget.limit_usd.team_money == 0.03, then: warn }
  - { id: share, when: "budget.fraction.team_money > 0.007 && !has(budget.fraction.tokens)", then: warn }
`,
  });
  const { headers } = await done();
  const request_id = headers.get("sluice-request-id");
  await sluice.ledger(request_id);
  const { data } = (await sluice.admin(`decisions?request_id=${request_id}`)) as {
    data: { phase: string; reasons: { rule: string }[] }[];
  };
  const rules = data.flatMap(({ phase, reasons }) => reasons.map(({ rule }) => `${phase} ${rule}`)).sort();
  expect(rules).toEqual(["response held", "usage money", "usage share", "usage tokens"]);
  const id = headers.get("sluice-decision-id")!.replace(/_request$/, "_usage");
  expect(await sluice.admin(`explain/${id}`)).toMatchObject({ differences: [] });
});

describe("a stream that reserves by slices", () => {
  const long = { stream: true, max_tokens: 1000 };
  /** Says a thousand words, each a token, until the client has enough. */
  const talking = () => {
    let said = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        said += 1;
        if (said <= 1000) controller.enqueue(new TextEncoder().encode(words(" word")));
        else controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  test("is ended where no other slice fits, and settled within the budget", async () => {
    reply = talking;
    // Its prompt, and four slices of 100 tokens; all of its maximum would never fit.
    await start({ money: budget("usd_per_day: 0.00402, slice_completion_tokens: 100") });
    const response = await chat(long);
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain("budget_exceeded");
    expect(text).toEndWith("data: [DONE]\n\n");
    const row = await sluice.ledger(response.headers.get("sluice-request-id"));
    const tokens = row.completion_tokens as number;
    expect(tokens).toBeGreaterThan(300);
    expect(tokens).toBeLessThanOrEqual(400);
    await until(async () => (await microUsed(0.00402)) === 20 + 10 * tokens);
  });

  test("is not ended for a limit that reserved all of it", async () => {
    reply = talking;
    await start({
      sliced: "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 9000 }], slice_completion_tokens: 100 }\n",
      whole: "uses: rate_limit\nwith: { windows: [{ every: hour, tokens: 1300 }] }\n",
    });
    const text = await (await chat({ ...long, max_tokens: 1200 })).text();
    expect(text).not.toContain("rate_limit_exceeded");
    expect(text.match(/ word/g)).toHaveLength(1000);
  });

  test("leaves room for others meanwhile, and gives back what it did not write", async () => {
    reply = () => new Response(words(" word") + lastEvents, { headers: { "content-type": "text/event-stream" } });
    await start({
      tokens: "uses: rate_limit\nwith: { windows: [{ every: day, tokens: 9000 }], slice_completion_tokens: 50 }\n",
    });
    const { headers } = await done(long);
    expect(headers.get("ratelimit-remaining")).toBe(String(9000 - 8 - 50));
    await until(async () => (await tokensUsed()) === spent.tokens);
  });
});

describe("where nothing is written", () => {
  test("embeddings reserve and pay their input", async () => {
    const usage = { prompt_tokens: 2, total_tokens: 2 };
    reply = () => Response.json({ object: "list", data: [], model: "text-embedding-3-small", usage });
    await start({ money: budget("usd_per_day: 0.03"), tokens: daily("tokens: 9000, requests: 100000") });
    const embed = () => sluice.post("/v1/embeddings", { model: "text-embedding-3-small", input: "hello there" });
    const { headers, status } = await embed();
    expect([status, headers.get("ratelimit-remaining")]).toEqual([200, "8998"]);
    await sluice.ledger(headers.get("sluice-request-id"));
    expect(await tokensUsed()).toBe(2);
  });

  test("counting tokens takes no money and no tokens", async () => {
    reply = () => Response.json({ input_tokens: 8 });
    await start({ money: budget("usd_per_day: 0.000001"), tokens: daily("tokens: 9000") });
    const { model: _, max_tokens: __, ...rest } = asking;
    const { headers, status } = await sluice.post("/v1/messages/count_tokens", { model: "claude-sonnet-4-5", ...rest });
    expect(status).toBe(200);
    await sluice.ledger(headers.get("sluice-request-id"));
    reply = () => answer();
    await until(async () => (await tokensUsed()) === 0);
  });
});
