import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { type Harness, providerKey, standIn, startHarness, until } from "./e2e-harness.ts";
import { closedPort } from "./faulty-harness.ts";

const path = "/v1/chat/completions";
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o-2024-08-06", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
const events = [
  chunk({ role: "assistant", content: "Write to " }),
  chunk({ content: "ann@example.com" }),
  chunk({ content: "." }, "stop"),
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o-2024-08-06", choices: [], usage })}\n\n`,
  "data: [DONE]\n\n",
];
const answer = {
  id: "c",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage,
};

/** What reached the provider. */
let received: { readonly headers: Headers; readonly text: string }[] = [];
/** How many attempts are answered with 503 before one is answered. */
let failing = 0;
const provider = standIn(async (request) => {
  const text = await request.text();
  received.push({ headers: request.headers, text });
  if (failing > 0) {
    failing -= 1;
    return Response.json({ error: { message: "busy", type: "x" } }, { status: 503 });
  }
  if (!text.includes('"stream":true')) return Response.json(answer);
  if (text.includes("ENDLESS")) {
    const head = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from(events[0]!)) });
    return new Response(head, { headers: { "content-type": "text/event-stream" } });
  }
  return new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });
});

const policies = {
  "org/mail.policy.yaml":
    "description: No mail.\nuses: pii\nwith: { types: [email], on: [prompt, answer], action: redact }\n",
  "org/rate.policy.yaml":
    "description: Counts.\nuses: rate_limit\nwith: { per: [app], windows: [{ every: day, requests: 100000 }] }\n",
  "org/large.policy.yaml":
    "description: Large prompts are looked at.\nmode: audit\nrules:\n  - { id: large, when: request.estimated_tokens > 1, then: deny }\n",
};

interface Traced {
  readonly sluice: Harness;
  readonly exporter: InMemorySpanExporter;
  /** The trace of one call, once its first span is there, which ends last. */
  traceOf(requestId: string | null): Promise<Trace>;
}

/** A Sluice whose traces stay here. */
async function start(tracing: object = {}): Promise<Traced> {
  const exporter = new InMemorySpanExporter();
  const sluice = await startHarness({
    upstream: provider.url,
    policies,
    replaced: { spanExporter: exporter },
    config: {
      tracing: { delay_seconds: 0.01, ...tracing },
      upstream: { retry_base_seconds: 0.001 },
      providers: {
        openai: { kind: "openai", base_url: `${provider.url}/v1`, api_key: providerKey },
        gemini: { kind: "gemini", base_url: provider.url, api_key: providerKey },
        gone: { kind: "openai", base_url: `${await closedPort()}/v1`, api_key: providerKey, retries: 0 },
      },
      models: {
        two: {
          targets: [
            { provider: "gone", model: "gpt-4o", priority: 1 },
            { provider: "openai", model: "gpt-4o-mini", priority: 2 },
          ],
        },
      },
    },
  });
  const traceOf = (requestId: string | null) =>
    until(() => {
      const spans = exporter.getFinishedSpans();
      const root = spans.find(({ attributes }) => attributes["sluice.request_id"] === requestId);
      return root && new Trace(root, spans);
    });
  return { sluice, exporter, traceOf };
}

let traced: Traced;
beforeAll(async () => {
  traced = await start();
});
beforeEach(() => {
  received = [];
  failing = 0;
  traced.exporter.reset();
});
afterAll(async () => {
  await traced.sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

/** One trace as a tree. */
class Trace {
  readonly root: ReadableSpan;
  readonly children: readonly ReadableSpan[];
  readonly all: readonly ReadableSpan[];

  constructor(root: ReadableSpan, spans: readonly ReadableSpan[]) {
    const of = (span: ReadableSpan) => span.spanContext();
    this.root = root;
    this.all = spans.filter((span) => of(span).traceId === of(root).traceId);
    this.children = this.all
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === of(root).spanId)
      .sort((a, b) => millis(a.startTime) - millis(b.startTime));
  }

  get names(): string[] {
    return this.children.map(({ name }) => name);
  }

  child(name: string, at = 0): ReadableSpan {
    const found = this.children.filter((span) => span.name === name)[at];
    if (found === undefined) throw new Error(`no span ${name}, only ${this.names}`);
    return found;
  }
}

const millis = ([seconds, nanos]: readonly [number, number]) => seconds * 1000 + nanos / 1e6;
const chat = (text: string, more: object = {}) => ({
  model: "gpt-4o",
  messages: [{ role: "user", content: text }],
  ...more,
});
const clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const clientSpan = "00f067aa0ba902b7";
const traceparent = `00-${clientTrace}-${clientSpan}-01`;

describe("the trace of a streamed, retried and redacted call", () => {
  test("has a span for every part, below the client's own", async () => {
    const { sluice, traceOf } = traced;
    failing = 2;
    const asked = chat("mail bob@example.org", { stream: true, max_tokens: 50, temperature: 0.5 });
    const response = await sluice.post(path, asked, { traceparent, tracestate: "vendor=1" });
    expect(await response.text()).not.toContain("ann@example.com");
    expect(received.at(-1)!.text).not.toContain("bob@example.org");
    const trace = await traceOf(response.headers.get("sluice-request-id"));

    expect(trace.root.spanContext().traceId).toBe(clientTrace);
    expect(trace.root.parentSpanContext).toMatchObject({ spanId: clientSpan, isRemote: true });
    expect(trace.names).toEqual([
      "sluice.facts",
      "sluice.decide",
      "sluice.modify",
      "sluice.reserve",
      "chat gpt-4o",
      "chat gpt-4o",
      "chat gpt-4o",
      "sluice.stream",
      "sluice.settle",
    ]);
    expect(trace.all).toHaveLength(trace.children.length + 1);

    expect(trace.root).toMatchObject({
      name: "POST chat",
      kind: SpanKind.SERVER,
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        "http.request.method": "POST",
        "url.path": path,
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "sluice.surface": "chat",
        "sluice.app": expect.any(String),
        "sluice.decision": "modify",
        "sluice.decision.request": "modify",
        "sluice.decision.stream": "modify",
        "sluice.attempts": 3,
        "sluice.code": "",
        "sluice.revision": expect.stringMatching(/^sha256:/),
      },
    });
    const findings = trace.root.events.map(({ name, attributes }) => [name, attributes]);
    expect(findings).toContainEqual([
      "sluice.finding",
      expect.objectContaining({ "sluice.policy": "org/mail", "sluice.phase": "request", "sluice.effect": "modify" }),
    ]);
    expect(findings).toContainEqual([
      "sluice.finding",
      expect.objectContaining({ "sluice.policy": "org/mail", "sluice.phase": "stream", "sluice.effect": "modify" }),
    ]);

    for (const at of [0, 1]) {
      expect(trace.child("chat gpt-4o", at)).toMatchObject({
        kind: SpanKind.CLIENT,
        status: { code: SpanStatusCode.ERROR },
        attributes: { "sluice.attempt": at + 1, "error.type": "503", "http.response.status_code": 503 },
      });
    }
    expect(trace.child("chat gpt-4o", 2)).toMatchObject({
      kind: SpanKind.CLIENT,
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.stream": true,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": expect.any(Number),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "http.request.resend_count": 2,
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(provider.url).port),
        "sluice.target": "openai/gpt-4o",
      },
    });
    expect(trace.child("sluice.stream").attributes).toMatchObject({ "sluice.end": "complete" });
    expect(trace.child("sluice.reserve").attributes).toMatchObject({ "sluice.granted": true });
    expect(trace.child("sluice.settle").attributes).toMatchObject({ "sluice.held": 1, "sluice.used_tokens": 17 });
  });

  test("has no part that begins before the call or ends after it", async () => {
    const { sluice, traceOf } = traced;
    failing = 1;
    const response = await sluice.post(path, chat("mail bob@example.org", { stream: true }));
    await response.text();
    const { root, children } = await traceOf(response.headers.get("sluice-request-id"));
    for (const { name, startTime, endTime } of children) {
      const within = millis(startTime) >= millis(root.startTime) && millis(endTime) <= millis(root.endTime);
      expect([name, within, millis(startTime) <= millis(endTime)]).toEqual([name, true, true]);
    }
  });

  test("goes on at the provider from the attempt, not from the client", async () => {
    const { sluice, traceOf } = traced;
    failing = 1;
    const response = await sluice.post(path, chat("hi", { stream: true }), { traceparent, tracestate: "vendor=1" });
    await response.text();
    const trace = await traceOf(response.headers.get("sluice-request-id"));
    const attempts = [0, 1].map((at) => trace.child("chat gpt-4o", at).spanContext().spanId);
    expect(received.map(({ headers }) => headers.get("traceparent"))).toEqual(
      attempts.map((span) => `00-${clientTrace}-${span}-01`),
    );
    expect(received.map(({ headers }) => headers.get("tracestate"))).toEqual(["vendor=1", "vendor=1"]);
  });
});

describe("other calls", () => {
  test("a call without a trace begins one, which a wrong traceparent does not change", async () => {
    const { sluice, traceOf } = traced;
    const headers = { traceparent: "00-nonsense", tracestate: "vendor=1" };
    const response = await sluice.post(path, chat("hi"), headers);
    const trace = await traceOf(response.headers.get("sluice-request-id"));
    expect(trace.root.parentSpanContext).toBeUndefined();
    const { traceId } = trace.root.spanContext();
    const { spanId } = trace.child("chat gpt-4o").spanContext();
    expect(received[0]!.headers.get("traceparent")).toBe(`00-${traceId}-${spanId}-01`);
    expect(received[0]!.headers.get("tracestate")).toBeNull();
  });

  test("a call that the client does not sample leaves nothing, and the provider learns of it", async () => {
    const { sluice, exporter } = traced;
    const response = await sluice.post(path, chat("hi"), { traceparent: traceparent.replace(/01$/, "00") });
    await sluice.ledger(response.headers.get("sluice-request-id"));
    expect(received[0]!.headers.get("traceparent")).toMatch(new RegExp(`^00-${clientTrace}-[0-9a-f]{16}-00$`));
    expect(received[0]!.headers.get("traceparent")).not.toContain(clientSpan);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  test("of calls without a trace only the share asked for is kept", async () => {
    const { sluice, exporter, traceOf } = await start({ sample_percent: 0 });
    await using _ = sluice;
    const unsampled = await sluice.post(path, chat("hi"));
    await sluice.ledger(unsampled.headers.get("sluice-request-id"));
    expect(received[0]!.headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(exporter.getFinishedSpans()).toEqual([]);
    const sampled = await sluice.post(path, chat("hi"), { traceparent });
    await traceOf(sampled.headers.get("sluice-request-id"));
  });

  test("a refused call says why, and has no attempt", async () => {
    const { sluice, traceOf } = traced;
    const refused = await sluice.post(path, chat("hi", { model: "nobody" }));
    const { root, names } = await traceOf(refused.headers.get("sluice-request-id"));
    expect(root.attributes).toMatchObject({ "http.response.status_code": 404, "sluice.code": "model_not_found" });
    expect(root.status.code).toBe(SpanStatusCode.UNSET);
    expect(names).toEqual([]);
    const stranger = await sluice.post(path, chat("hi"), { authorization: "Bearer nobody" });
    const trace = await traceOf(stranger.headers.get("sluice-request-id"));
    expect(trace.root.attributes).toMatchObject({ "http.response.status_code": 401, "sluice.org": "" });
  });

  test("a provider that fails for good is an error of the call", async () => {
    const { sluice, traceOf } = traced;
    failing = 100;
    const response = await sluice.post(path, chat("hi"));
    expect(response.status).toBe(503);
    const trace = await traceOf(response.headers.get("sluice-request-id"));
    expect(trace.root.status.code).toBe(SpanStatusCode.ERROR);
    expect(trace.root.attributes).toMatchObject({ "error.type": "upstream_error", "sluice.attempts": 3 });
  });

  test("a call that goes elsewhere has an attempt for each target, by the names that they have there", async () => {
    const { sluice, traceOf } = traced;
    const response = await sluice.post(path, chat("hi", { model: "two" }));
    expect(response.status).toBe(200);
    const trace = await traceOf(response.headers.get("sluice-request-id"));
    expect(trace.root.attributes["gen_ai.request.model"]).toBe("two");
    expect(trace.child("chat gpt-4o")).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { "error.type": "upstream_unreachable", "sluice.target": "gone/gpt-4o" },
    });
    expect(trace.child("chat gpt-4o-mini")).toMatchObject({
      status: { code: SpanStatusCode.UNSET },
      attributes: { "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.output_tokens": 5, "sluice.attempt": 2 },
    });
  });

  test("a client that leaves ends the stream's span and the call's", async () => {
    const { sluice, traceOf } = traced;
    const leave = new AbortController();
    const response = await fetch(`${sluice.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${sluice.key}`, "content-type": "application/json" },
      body: JSON.stringify(chat("ENDLESS", { stream: true })),
      signal: leave.signal,
    });
    await response.body!.getReader().read();
    leave.abort();
    const trace = await traceOf(response.headers.get("sluice-request-id"));
    expect(trace.root.attributes).toMatchObject({ "http.response.status_code": 499, "sluice.code": "client_closed" });
    expect(trace.child("sluice.stream").attributes).toMatchObject({ "sluice.end": "abandoned" });
    expect(trace.child("chat gpt-4o").ended).toBe(true);
  });

  test("the key in a Gemini call's query is in no span", async () => {
    const { sluice, exporter, traceOf } = traced;
    const response = await fetch(`${sluice.url}/v1beta/models/gemini-2.5-flash:generateContent?key=${sluice.key}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ contents: [{ parts: [{ text: "hi" }] }] }),
    });
    const { root } = await traceOf(response.headers.get("sluice-request-id"));
    expect(root.attributes["url.path"]).toBe("/v1beta/models/gemini-2.5-flash:generateContent");
    const told = exporter.getFinishedSpans().map(({ name, attributes, events }) => ({ name, attributes, events }));
    expect(JSON.stringify(told)).not.toContain(sluice.key);
  });

  test("without tracing the client's context goes on as it came", async () => {
    await using sluice = await startHarness({ upstream: provider.url, policies });
    await sluice.post(path, chat("hi"), { traceparent, tracestate: "vendor=1" });
    expect(received[0]!.headers.get("traceparent")).toBe(traceparent);
    expect(received[0]!.headers.get("tracestate")).toBe("vendor=1");
  });
});
