import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { blackhole, canMakeBlackhole } from "../upstream/testing-blackhole.ts";
import { type Harness, providerKey, standIn, startHarness, until } from "./e2e-harness.ts";
import {
  type Behaviour,
  chunk,
  closedPort,
  drip,
  type FaultyProvider,
  faultyProvider,
  finish,
  inTurn,
  partOf,
  reset,
  silence,
  stream,
  whole,
} from "./faulty-harness.ts";

const path = "/v1/chat/completions";
const completion = JSON.stringify({
  id: "c1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi there" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
});
const event = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const events = [
  event({ role: "assistant", content: "Hi " }),
  event({ content: "there" }),
  event({}, "stop"),
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 } })}\n\n`,
  "data: [DONE]\n\n",
];
const error = (message: string, more: object = {}) => JSON.stringify({ error: { message, type: "x", ...more } });

/** Each call takes one of these: what is left says how often it was charged. */
const requestsADay = 100_000;
const policies = {
  "org/rate.policy.yaml": `description: Counts.\nuses: rate_limit\nwith: { per: [app], windows: [{ every: day, requests: ${requestsADay} }] }\n`,
};

/** The models: `one` has the first provider, `two` both, `gone` has nobody, `gone-two` nobody and then the second. */
interface Setting extends AsyncDisposable {
  readonly sluice: Harness;
  readonly first: FaultyProvider;
  readonly second: FaultyProvider;
}

async function start(upstream: object = {}): Promise<Setting> {
  const [first, second] = [await faultyProvider(), await faultyProvider()];
  const provider = (url: string) => ({ kind: "openai", base_url: `${url}/v1`, api_key: providerKey });
  const target = (name: string, priority = 1) => ({ provider: name, model: "gpt-4o", priority });
  const sluice = await startHarness({
    policies,
    config: {
      upstream: {
        first_byte_timeout_seconds: 0.8,
        idle_timeout_seconds: 0.8,
        total_timeout_seconds: 2.5,
        retry_base_seconds: 0.01,
        retry_max_wait_seconds: 2,
        breaker_enabled: false,
        ...upstream,
      },
      providers: {
        first: provider(first.url),
        second: provider(second.url),
        gone: provider(await closedPort()),
      },
      models: {
        one: { targets: [target("first")] },
        two: { targets: [target("second", 2), target("first", 1)] },
        gone: { targets: [target("gone")] },
        "gone-two": { targets: [target("gone"), target("second", 2)] },
      },
    },
  });
  return {
    sluice,
    first,
    second,
    async [Symbol.asyncDispose]() {
      await sluice[Symbol.asyncDispose]();
      first[Symbol.dispose]();
      second[Symbol.dispose]();
    },
  };
}

let setting: Setting;
beforeAll(async () => {
  setting = await start();
});
afterAll(() => setting[Symbol.asyncDispose]());
beforeEach(() => {
  setting.first.requests = 0;
  setting.second.requests = 0;
  setting.second.behave = whole(200, completion);
});

/** What a client got, and what is known of the call. */
interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly row: Record<string, unknown>;
  /** Attempts at each provider. */
  readonly asked: readonly [number, number];
}

const left = (headers: Headers) => Number(headers.get("ratelimit-remaining"));

async function call(model: string, { streams = false, at = setting } = {}): Promise<Outcome> {
  const body = { model, messages: [{ role: "user", content: "hello" }], stream: streams };
  const response = await at.sluice.post(path, body);
  const text = await response.text();
  const id = response.headers.get("sluice-request-id");
  const row = await at.sluice.ledger(id);
  const { data } = (await at.sluice.admin(`usage/records?request_id=${id}`)) as { data: unknown[] };
  expect(data).toHaveLength(1);
  expect(text).not.toContain(providerKey);
  const { status, headers } = response;
  return { status, text, headers, row, asked: [at.first.requests, at.second.requests] };
}

/** Calls, and shows that the limit was charged once: the call after it finds one less, however many attempts there were. */
async function callCounted(model: string, options: { streams?: boolean } = {}): Promise<Outcome> {
  const at = setting;
  at.first.requests = 0;
  at.second.requests = 0;
  const outcome = await call(model, options);
  const { asked } = outcome;
  at.first.behave = whole(200, completion);
  const next = await call("one");
  expect(left(outcome.headers) - left(next.headers)).toBe(1);
  return { ...outcome, asked };
}

describe("a provider that fails before its answer", () => {
  const failures: [name: string, behave: Behaviour, attempts: number, status: number, code: string][] = [
    ["resets the connection", (socket) => socket.resetAndDestroy(), 3, 502, "upstream_unreachable"],
    ["does not speak HTTP", (socket) => socket.end("SSH-2.0-OpenSSH\r\n"), 3, 502, "upstream_unreachable"],
    ["hangs before its headers", silence, 1, 504, "upstream_timeout"],
    ["answers 500", whole(500, error("boom")), 3, 500, "upstream_error"],
    ["answers 502 in HTML", whole(502, "<html>", { "content-type": "text/html" }), 3, 502, "upstream_error"],
    ["answers 503", whole(503, error("down")), 3, 503, "upstream_error"],
    ["answers 529", whole(529, error("overloaded")), 3, 529, "upstream_error"],
    ["answers 429", whole(429, error("slow down")), 3, 429, "upstream_error"],
    ["says not to retry", whole(500, error("no"), { "x-should-retry": "false" }), 1, 500, "upstream_error"],
    ["has no money", whole(429, error("quota", { code: "insufficient_quota" })), 1, 429, "upstream_error"],
    ["asks for an hour", whole(429, error("wait"), { "retry-after": "3600" }), 1, 429, "upstream_error"],
  ];
  for (const streams of [false, true]) {
    const kind = streams ? "stream" : "whole";
    test.each(failures)(
      `and %s (${kind}), is tried again as it should be`,
      async (_name, behave, attempts, status, code) => {
        setting.first.behave = behave;
        const outcome = await callCounted("one", { streams });
        expect(outcome).toMatchObject({ status, asked: [attempts, 0] });
        expect(outcome.row).toMatchObject({ status, code, provider: "first", total_tokens: 0 });
      },
    );

    test.each(failures)(`and %s (${kind}), is replaced by the next one`, async (_name, behave, attempts) => {
      setting.first.behave = behave;
      if (streams) setting.second.behave = stream(events, finish);
      const outcome = await callCounted("two", { streams });
      expect(outcome).toMatchObject({ status: 200, asked: [attempts, 1] });
      expect(outcome.text).toContain("there");
      expect(outcome.row).toMatchObject({ status: 200, code: "", provider: "second", total_tokens: 11 });
    });
  }

  test("and is not there at all, is 502, or replaced", async () => {
    const alone = await callCounted("gone");
    expect(alone).toMatchObject({ status: 502, row: { code: "upstream_unreachable", provider: "gone" } });
    setting.second.requests = 0;
    const replaced = await callCounted("gone-two");
    expect(replaced).toMatchObject({ status: 200, asked: [0, 1], row: { provider: "second" } });
  });

  test("has its last answer passed on, untouched", async () => {
    const last = '{"error": {"message":"third",  "type":"server_error"}}';
    setting.first.behave = inTurn(whole(500, error("first")), whole(503, error("second")), whole(500, last));
    const outcome = await callCounted("one");
    expect(outcome).toMatchObject({ status: 500, text: last, asked: [3, 0] });
  });

  test("recovers: the client sees only that", async () => {
    setting.first.behave = inTurn(whole(500, error("first")), (socket) => socket.destroy(), whole(200, completion));
    const outcome = await callCounted("one");
    expect(outcome).toMatchObject({
      status: 200,
      text: completion,
      asked: [3, 0],
      row: { code: "", total_tokens: 11 },
    });
    const metrics = await (await fetch(`${setting.sluice.url}/metrics`)).text();
    expect(metrics).toMatch(/sluice_upstream_retries_total\{provider="first",kind="retry"\} [1-9]/);
    expect(metrics).toMatch(/sluice_upstream_retries_total\{provider="second",kind="failover"\} [1-9]/);
  });

  test("is not tried again at once when it says when: seconds, milliseconds, a date", async () => {
    // A date has whole seconds: one that is a second and a half away is at least half a second away.
    const hints: [() => Record<string, string>, number][] = [
      [() => ({ "retry-after": "0.3" }), 300],
      [() => ({ "retry-after-ms": "200" }), 200],
      [() => ({ "retry-after": new Date(Date.now() + 1500).toUTCString() }), 500],
    ];
    for (const [hint, atLeastMs] of hints) {
      setting.first.requests = 0;
      let asked = 0;
      let waitedMs = 0;
      setting.first.behave = (socket, attempt) => {
        if (attempt > 1) waitedMs = performance.now() - asked;
        asked = performance.now();
        (attempt > 1 ? whole(200, completion) : whole(429, error("wait"), hint()))(socket, attempt);
      };
      expect(await call("one")).toMatchObject({ status: 200, asked: [2, 0] });
      expect(waitedMs).toBeGreaterThan(atLeastMs - 50);
    }
  });

  test("gets no more attempts than the time allows", async () => {
    await using at = await start({ retry_budget_seconds: 0.2, retry_base_seconds: 0.000_001, retries: 10 });
    const fails = whole(500, error("slow"));
    // At any pace of the machine the second attempt ends when the time is over; a slow machine may have no time for it at all.
    at.first.behave = inTurn(fails, (socket, attempt) => void setTimeout(() => fails(socket, attempt), 250));
    const outcome = await call("two", { at });
    // Too late for a third attempt, and for the second provider.
    const [first, second] = outcome.asked;
    expect({ ...outcome, asked: second }).toMatchObject({ status: 500, asked: 0, row: { provider: "first" } });
    expect(first).toBeWithin(1, 3);
  });
});

test.skipIf(!canMakeBlackhole)(
  "a provider that cannot be connected to is replaced within the connect time-out (only Linux can show it)",
  async () => {
    using hole = await blackhole();
    using second = await faultyProvider();
    second.behave = whole(200, completion);
    await using sluice = await startHarness({
      config: {
        upstream: { connect_timeout_seconds: 0.1, retries: 0 },
        providers: {
          hole: { kind: "openai", base_url: `${hole.url}/v1` },
          second: { kind: "openai", base_url: `${second.url}/v1` },
        },
        models: {
          both: { targets: [{ provider: "hole" }, { provider: "second", priority: 2 }] },
          alone: { targets: [{ provider: "hole" }] },
        },
      },
    });
    const ask = (model: string) => sluice.post(path, { model, messages: [{ role: "user", content: "hello" }] });
    expect((await ask("both")).status).toBe(200);
    const alone = await ask("alone");
    expect(alone.status).toBe(502);
    expect(await alone.json()).toMatchObject({ error: { code: "upstream_unreachable" } });
  },
);

describe("a provider that fails in its answer", () => {
  test("after the headers of a stream, before its first byte: it is replaced", async () => {
    setting.second.behave = stream(events, finish);
    for (const [after, attempts] of [
      [silence, 1],
      [reset, 3],
    ] as const) {
      setting.first.requests = 0;
      setting.second.requests = 0;
      setting.first.behave = stream([], after);
      const outcome = await callCounted("two", { streams: true });
      expect(outcome).toMatchObject({ status: 200, asked: [attempts, 1], row: { provider: "second", code: "" } });
    }
  });

  test("after the headers of a stream, with no other provider: a plain error, no broken stream", async () => {
    setting.first.behave = stream([], silence);
    const hung = await callCounted("one", { streams: true });
    expect(hung).toMatchObject({ status: 504, row: { code: "upstream_timeout" } });
    expect(JSON.parse(hung.text).error.code).toBe("upstream_timeout");
  });

  test.each([
    ["is silent", silence, "upstream_timeout"],
    ["is reset", reset, "upstream_interrupted"],
  ] as const)(
    "a stream that %s in the middle ends with an error, and is not begun again",
    async (_name, after, code) => {
      setting.first.behave = stream(events.slice(0, 1), after);
      const outcome = await callCounted("two", { streams: true });
      expect(outcome).toMatchObject({ status: 200, asked: [1, 0] });
      expect(outcome.text).toStartWith(events[0]!);
      expect(outcome.text).toContain(code);
      expect(outcome.row).toMatchObject({ code: "upstream_interrupted", provenance: "partial", provider: "first" });
    },
  );

  test("a truncated stream passes as it is, and is told apart", async () => {
    setting.first.behave = stream(events.slice(0, 2), finish);
    const outcome = await callCounted("two", { streams: true });
    expect(outcome).toMatchObject({ status: 200, asked: [1, 0], text: events.slice(0, 2).join("") });
    expect(outcome.row).toMatchObject({ code: "upstream_interrupted", provenance: "partial" });
  });

  test.each([
    ["is silent", silence, 504, "upstream_timeout"],
    ["is reset", reset, 502, "upstream_interrupted"],
  ] as const)(
    "a whole answer that %s in the middle is an error, and not asked for again",
    async (_name, after, status, code) => {
      setting.first.behave = partOf(completion.slice(0, 40), after);
      const outcome = await callCounted("two");
      expect(outcome).toMatchObject({ status, asked: [1, 0], row: { status, code, provider: "first" } });
    },
  );

  test("what drips is waited for until the call has taken too long", async () => {
    const slow = drip(
      events.map((one) => chunk(one)),
      600,
    );
    setting.first.behave = stream([], slow);
    const streamed = await callCounted("one", { streams: true });
    expect(streamed.status).toBe(200);
    expect(streamed.text).toContain("upstream_timeout");
    expect(streamed.text).toContain("2.5 s");
    setting.first.behave = stream(
      [],
      drip([...events.slice(0, 2).map((one) => chunk(one)), chunk(events.slice(2).join("")), "0\r\n\r\n"], 150),
    );
    const inTime = await callCounted("one", { streams: true });
    expect(inTime).toMatchObject({ status: 200, row: { code: "", total_tokens: 11 } });
    setting.first.behave = partOf(completion.slice(0, 20), drip([...completion.slice(20)], 50));
    const plain = await callCounted("one");
    expect(plain).toMatchObject({ status: 504, row: { code: "upstream_timeout" } });
  });

  test.each([
    ["garbage", "}{ not json"],
    ["half of the answer", completion.slice(0, 60)],
    ["a list", "[]"],
    ["nothing", ""],
  ])("%s with status 200 is an error, and not asked for again", async (_name, body) => {
    setting.first.behave = whole(200, body);
    const outcome = await callCounted("two");
    expect(outcome).toMatchObject({ status: 502, asked: [1, 0], row: { code: "upstream_invalid" } });
  });
});

describe("an answer is what its bytes say, not its headers", () => {
  test.each(["text/plain", "application/octet-stream", "text/event-stream", "application/json; charset=utf-8"])(
    "a whole answer as %s",
    async (type) => {
      setting.first.behave = whole(200, completion, { "content-type": type });
      for (const streams of [false, true]) {
        const outcome = await callCounted("one", { streams });
        expect(outcome).toMatchObject({ status: 200, text: completion, row: { code: "", total_tokens: 11 } });
        setting.first.behave = whole(200, completion, { "content-type": type });
      }
    },
  );

  test.each(["application/json", "text/plain", "application/octet-stream"])("a stream as %s", async (type) => {
    setting.first.behave = stream(events, finish, { "content-type": type });
    const outcome = await callCounted("one", { streams: true });
    expect(outcome.text).toContain("there");
    expect(outcome).toMatchObject({ status: 200, row: { code: "", total_tokens: 11 } });
  });

  const encodings = [
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
  ] as const;
  for (const [encoding, compress] of encodings) {
    test(`compressed with ${encoding}, whole: the client gets it plain, and its usage is read`, async () => {
      setting.first.behave = whole(200, compress(completion), { "content-encoding": encoding });
      const outcome = await callCounted("one");
      expect(outcome).toMatchObject({ status: 200, text: completion, row: { code: "", total_tokens: 11 } });
      expect(outcome.headers.get("content-encoding")).toBeNull();
      const length = outcome.headers.get("content-length");
      if (length !== null) expect(Number(length)).toBe(completion.length);
    });

    test(`compressed with ${encoding}, as a stream`, async () => {
      setting.first.behave = stream(
        [],
        (socket) => {
          socket.write(chunk(compress(events.join(""))));
          finish(socket);
        },
        { "content-encoding": encoding },
      );
      const outcome = await callCounted("one", { streams: true });
      expect(outcome.text).toContain("there");
      expect(outcome).toMatchObject({ status: 200, row: { code: "", total_tokens: 11 } });
      expect(outcome.headers.get("content-encoding")).toBeNull();
    });

    test(`compressed with ${encoding}, an error: it is read for what it says`, async () => {
      const spent = compress(error("quota", { code: "insufficient_quota" }));
      setting.first.behave = whole(429, spent, { "content-encoding": encoding });
      const outcome = await callCounted("one");
      expect(outcome).toMatchObject({ status: 429, asked: [1, 0] });
      expect(JSON.parse(outcome.text).error.code).toBe("insufficient_quota");
    });
  }
});

describe("a client that is gone", () => {
  test("ends the attempt under way, and nothing is tried again", async () => {
    const { sluice, first, second } = setting;
    first.behave = silence;
    const leave = new AbortController();
    const answer = fetch(sluice.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${sluice.key}` },
      body: JSON.stringify({ model: "two", messages: [{ role: "user", content: "hello" }] }),
      signal: leave.signal,
    });
    await until(() => first.requests === 1);
    leave.abort();
    await expect(answer).rejects.toThrow();
    await until(() => first.open === 0);
    const row = await until(async () => {
      const { data } = (await sluice.admin("usage/records?limit=1")) as { data: Record<string, unknown>[] };
      return data[0]?.status === 499 ? data[0] : undefined;
    });
    expect(row).toMatchObject({ code: "client_closed", provider: "first" });
    expect([first.requests, second.requests]).toEqual([1, 0]);
  });
});

describe("a target that fails too often", () => {
  const partOfStatus = async (at: Setting, id: string) => {
    const { parts } = (await at.sluice.admin("status")) as { parts: { name: string; state: string; detail: string }[] };
    return parts.find(({ name }) => name === `upstream ${id}`);
  };

  test("is left alone, told at /metrics and status, and tried again after a while", async () => {
    await using at = await start({
      retries: 0,
      breaker_enabled: true,
      breaker_min_calls: 5,
      breaker_open_seconds: 0.5,
    });
    at.first.behave = whole(500, error("boom"));
    at.second.behave = whole(200, completion);
    for (let i = 0; i < 5; i += 1) expect((await call("one", { at })).status).toBe(500);
    await until(async () => (await partOfStatus(at, "first/gpt-4o"))?.state === "open");

    const refused = await call("one", { at });
    expect(refused).toMatchObject({ status: 503, asked: [5, 0], row: { code: "upstream_unavailable", status: 503 } });
    expect(Number(refused.headers.get("retry-after"))).toBe(1);
    expect(await call("two", { at })).toMatchObject({ status: 200, asked: [5, 1], row: { provider: "second" } });

    const metrics = await (await fetch(`${at.sluice.url}/metrics`)).text();
    expect(metrics).toContain('sluice_breaker_state{name="first/gpt-4o"} 2');
    expect(metrics).toContain('sluice_breaker_transitions_total{name="first/gpt-4o",to="open"} 1');
    expect(metrics).toContain('sluice_upstream_errors_total{provider="first",kind="status_500"} 5');
    expect(metrics).toMatch(/sluice_upstream_seconds_count\{provider="second"\} 1/);
    expect(metrics).toContain('sluice_upstream_in_flight{name="second/gpt-4o"} 0');

    at.first.behave = whole(200, completion);
    await until(async () => (await partOfStatus(at, "first/gpt-4o"))?.state === "half_open");
    expect((await call("one", { at })).status).toBe(200);
    await until(async () => (await partOfStatus(at, "first/gpt-4o"))?.state === "ready");
    expect((await partOfStatus(at, "first/gpt-4o"))?.detail).toContain("5 of 6 attempts failed");
  });
});

test("more calls than may be under way wait for their turn; those that wait too long are told", async () => {
  await using at = await start({
    max_in_flight: 1,
    max_queue: 1,
    queue_timeout_seconds: 30,
    first_byte_timeout_seconds: 30,
    total_timeout_seconds: 60,
  });
  const held: (() => void)[] = [];
  at.first.behave = (socket, attempt) => void held.push(() => whole(200, completion)(socket, attempt));
  const calls = [call("one", { at })];
  await until(() => at.first.requests === 1);
  calls.push(call("one", { at }));
  await until(async () =>
    (await (await fetch(`${at.sluice.url}/metrics`)).text()).includes('queued{name="first/gpt-4o"} 1'),
  );
  expect((await call("one", { at })).status).toBe(503);
  held[0]!();
  await until(() => at.first.requests === 2);
  held[1]!();
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200]);
});

describe("each target gets what is its own", () => {
  const seen: { path: string; headers: Record<string, string>; body: Record<string, unknown> }[] = [];
  let status = 200;
  const provider = standIn(async (request) => {
    const url = new URL(request.url);
    const body = (await request.json()) as Record<string, unknown>;
    seen.push({ path: url.pathname + url.search, headers: Object.fromEntries(request.headers), body });
    return Response.json(status === 200 ? JSON.parse(completion) : { error: {} }, { status });
  });
  let sluice: Harness;
  beforeAll(async () => {
    const { url } = provider;
    sluice = await startHarness({
      config: {
        upstream: { retries: 0, breaker_enabled: false },
        providers: {
          openai: { base_url: `${url}/v1`, api_key: "key-of-openai" },
          azure: { base_url: url, api_key: "key-of-azure", api_version: "2024-10-21" },
          anthropic: { base_url: url, api_key: "key-of-anthropic" },
          gemini: { base_url: url, api_key: "key-of-gemini" },
          cohere: { base_url: url, api_key: "key-of-cohere" },
        },
        models: {
          all: {
            targets: [
              { provider: "openai", model: "gpt-4o" },
              { provider: "azure", model: "our-deployment", priority: 2 },
              { provider: "openai", model: "gpt-4o-mini", priority: 3 },
            ],
          },
        },
      },
    });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    provider[Symbol.dispose]();
  });
  beforeEach(() => {
    seen.length = 0;
    status = 200;
  });

  test("its path, its model's name and its credentials, and nothing of the one before", async () => {
    status = 500;
    await (await sluice.post(path, { model: "all", messages: [{ role: "user", content: "hello" }] })).bytes();
    expect(seen.map((one) => [one.path, one.body.model])).toEqual([
      ["/v1/chat/completions", "gpt-4o"],
      ["/openai/deployments/our-deployment/chat/completions?api-version=2024-10-21", "our-deployment"],
      ["/v1/chat/completions", "gpt-4o-mini"],
    ]);
    const keys = seen.map(({ headers }) => [headers.authorization, headers["api-key"]]);
    expect(keys).toEqual([
      ["Bearer key-of-openai", undefined],
      [undefined, "key-of-azure"],
      ["Bearer key-of-openai", undefined],
    ]);
  });

  const hello = [{ role: "user", content: "hello" }];
  test.each([
    [
      "/azure/openai/deployments/mine/chat/completions?api-version=2025-01-01",
      { messages: hello },
      "/openai/deployments/mine/chat/completions?api-version=2025-01-01",
      ["api-key", "key-of-azure"],
    ],
    [
      "/v1/messages",
      { model: "claude-opus-4-5", max_tokens: 5, messages: hello },
      "/v1/messages",
      ["x-api-key", "key-of-anthropic"],
    ],
    [
      "/v1beta/models/gemini-2.5-flash:generateContent",
      { contents: [{ parts: [{ text: "hello" }] }] },
      "/v1beta/models/gemini-2.5-flash:generateContent",
      ["x-goog-api-key", "key-of-gemini"],
    ],
    [
      "/v2/chat",
      { model: "command-a-03-2025", messages: hello },
      "/v2/chat",
      ["authorization", "Bearer key-of-cohere"],
    ],
  ] as const)("%s", async (asked, body, sent, [name, value]) => {
    const response = await sluice.post(asked, body);
    expect([response.status, await response.text()]).toEqual([200, JSON.stringify(JSON.parse(completion))]);
    expect(seen.map((one) => [one.path, one.headers[name]])).toEqual([[sent, value]]);
    expect(JSON.stringify(seen)).not.toContain(sluice.key);
  });
});

test("what takes long gets as long as its kind may take", async () => {
  using slow = await faultyProvider();
  slow.behave = (socket, attempt) => void setTimeout(() => whole(200, completion)(socket, attempt), 700);
  await using sluice = await startHarness({
    config: {
      upstream: { retries: 0, chat_timeout_seconds: 0.3, stream_timeout_seconds: 0.3, embedding_timeout_seconds: 0.3 },
      providers: {
        slow: { kind: "openai", base_url: `${slow.url}/v1` },
        patient: { kind: "openai", base_url: `${slow.url}/v1`, first_byte_timeout_seconds: 30 },
      },
      models: {
        plain: { targets: [{ provider: "slow", model: "gpt-4o" }] },
        marked: { targets: [{ provider: "slow", model: "our-thinker", reasoning: true }] },
        named: { targets: [{ provider: "slow", model: "o3" }] },
        patient: { targets: [{ provider: "patient", model: "gpt-4o" }] },
      },
    },
  });
  const messages = [{ role: "user", content: "hello" }];
  const status = async (model: string, stream = false) => (await sluice.post(path, { model, messages, stream })).status;
  const [plain, streamed, marked, named, patient] = await Promise.all([
    ...[status("plain"), status("plain", true), status("marked"), status("named", true), status("patient")],
  ]);
  expect([plain, streamed, marked, named, patient]).toEqual([504, 504, 200, 200, 200]);
  const embedding = await sluice.post("/v1/embeddings", { model: "named", input: "hello" });
  expect(embedding.status).toBe(504);
});

test("calls are spread by weight", async () => {
  await using first = await faultyProvider();
  await using second = await faultyProvider();
  for (const one of [first, second]) one.behave = whole(200, completion);
  const target = (provider: string, weight: number) => ({ provider, model: "gpt-4o", weight });
  await using sluice = await startHarness({
    config: {
      providers: {
        first: { kind: "openai", base_url: `${first.url}/v1` },
        second: { kind: "openai", base_url: `${second.url}/v1` },
      },
      models: { both: { targets: [target("first", 75), target("second", 25)] } },
    },
  });
  const body = { model: "both", messages: [{ role: "user", content: "hello" }] };
  for (let i = 0; i < 200; i += 1) await (await sluice.post(path, body)).bytes();
  expect(first.requests + second.requests).toBe(200);
  // Six standard deviations to each side.
  expect(first.requests).toBeWithin(150 - 37, 150 + 37);
});
