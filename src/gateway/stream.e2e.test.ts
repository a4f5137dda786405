import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type Harness, startHarness, until } from "./e2e-harness.ts";
import {
  type EndedAnswer,
  endingPolicies,
  exceeds,
  expectClosed,
  has,
  serveEndless,
  trigger,
  wordsFor,
} from "./endless-harness.ts";

/** A provider that goes on until its connection is closed; what it says is asked for in the last message. */
function serve() {
  return serveEndless((path, _query, text) => {
    const { messages } = JSON.parse(text) as { messages: { content: string }[] };
    const wire = path.endsWith("/messages") ? messagesWire : chatWire;
    return { events: wire(messages.at(-1)!.content) };
  });
}

function* chatWire(asked: string): Generator<string> {
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  yield chunk({ role: "assistant", content: "" });
  for (const text of wordsFor(asked)) yield chunk({ content: text });
  if (asked.includes("tool")) {
    for (const [index, name] of ["read", trigger, "later"].entries()) {
      yield chunk({
        tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: "" } }],
      });
      for (const part of ['{"a":', '"b"}']) yield chunk({ tool_calls: [{ index, function: { arguments: part } }] });
    }
  }
  for (;;) yield chunk({ content: " more" });
}

function* messagesWire(asked: string): Generator<string> {
  const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const usage = { input_tokens: 11, output_tokens: 1 };
  const message = { id: "m", type: "message", role: "assistant", model: "claude-sonnet-4-5", content: [], usage };
  yield event("message_start", { message: { ...message, stop_reason: null, stop_sequence: null } });
  yield event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
  for (const text of wordsFor(asked))
    yield event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
  if (asked.includes("tool")) {
    yield event("content_block_stop", { index: 0 });
    for (const [i, name] of ["read", trigger, "later"].entries()) {
      const index = i + 1;
      yield event("content_block_start", {
        index,
        content_block: { type: "tool_use", id: `toolu_${i}`, name, input: {} },
      });
      yield event("content_block_delta", { index, delta: { type: "input_json_delta", partial_json: '{"a":"b"}' } });
      yield event("content_block_stop", { index });
    }
  }
  for (;;) yield event("content_block_delta", { index: 0, delta: { type: "text_delta", text: " more" } });
}

const policies = {
  ...endingPolicies,
  "org/said.policy.yaml": `description: Notes words without doing anything about them.
mode: warn
phase: stream
rules:
  - { id: said, when: 'event.text.contains("word3")', then: deny, code: said_word, message: "it said word3" }
`,
};

describe("rules of phase stream end an answer under way so that the official SDK has a whole message", () => {
  let upstream: ReturnType<typeof serve>;
  let sluice: Harness;
  beforeAll(async () => {
    upstream = serve();
    sluice = await startHarness({ policies, upstream: upstream.url, replaced: { fetch: upstream.fetch } });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    upstream[Symbol.dispose]();
  });

  const tools = ["read", trigger, "later"];

  const surfaces = {
    async chat(asked: string): Promise<EndedAnswer> {
      let requestId: string | null = null;
      const client = new OpenAI({
        apiKey: sluice.key,
        baseURL: `${sluice.url}/v1`,
        maxRetries: 0,
        fetch: async (url, init) => {
          const response = await fetch(url, init);
          requestId = response.headers.get("sluice-request-id");
          return response;
        },
      });
      const stream = client.chat.completions.stream({
        model: "gpt-4o",
        messages: [{ role: "user", content: asked }],
        tools: tools.map((name) => ({ type: "function", function: { name, parameters: { type: "object" } } })),
      });
      const { message, finish_reason } = (await stream.finalChatCompletion()).choices[0]!;
      return {
        text: message.content ?? "",
        calls: (message.tool_calls ?? []).map((call) => (call.type === "function" ? call.function.name : "")),
        finish: finish_reason,
        reason: message.refusal ?? "",
        requestId,
      };
    },
    async messages(asked: string): Promise<EndedAnswer> {
      const client = new Anthropic({ apiKey: sluice.key, baseURL: sluice.url, maxRetries: 0 });
      const stream = client.messages.stream({
        model: "claude-sonnet-4-5",
        max_tokens: 1000,
        messages: [{ role: "user", content: asked }],
        tools: tools.map((name) => ({ name, input_schema: { type: "object" } })),
      });
      const { response } = await stream.withResponse();
      const { content, stop_reason, stop_details } = await stream.finalMessage();
      return {
        text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
        calls: content.flatMap((block) => (block.type === "tool_use" ? [block.name] : [])),
        finish: stop_reason ?? "",
        reason: stop_details?.explanation ?? "",
        requestId: response.headers.get("sluice-request-id"),
      };
    },
  };
  const filtered = { chat: "content_filter", messages: "refusal" };
  const words = " word0 word1 word2 word3 word4";

  for (const surface of ["chat", "messages"] as const) {
    const ask = surfaces[surface];

    test(`${surface}: a word`, async () => {
      const answer = await ask("deny");
      expect(answer).toMatchObject({ text: words, calls: [], finish: filtered[surface] });
      expect(answer.reason).toBe("that word is not for this gateway");
      await expectClosed(upstream, has(trigger));
      const row = await sluice.ledger(answer.requestId);
      expect(row).toMatchObject({ status: 200, code: "word_found", provenance: "partial" });
      // What the provider wrote up to the word, and the word.
      expect(row.completion_tokens).toBeGreaterThanOrEqual(12);
      expect(row.completion_tokens).toBeLessThanOrEqual(20);
      // Anthropic tells what it read when it begins.
      if (surface === "messages") expect(row.prompt_tokens).toBe(11);
      else expect(row.prompt_tokens).toBeGreaterThan(0);
    });

    test(`${surface}: a tool, after other calls`, async () => {
      const answer = await ask("tool");
      expect(answer).toMatchObject({ text: words, calls: ["read"], finish: filtered[surface] });
      expect(answer.reason).toBe("the tool forbidden is not for this gateway");
      await expectClosed(upstream, has(trigger));
      expect(await sluice.ledger(answer.requestId)).toMatchObject({ code: "tool_blocked", provenance: "partial" });
    });

    test(`${surface}: a cap on its tokens`, async () => {
      const answer = await ask("go on");
      expect(answer.finish).toBe(filtered[surface]);
      expect(answer.reason).toBe("more than 60 tokens");
      await expectClosed(upstream, exceeds(answer.text));
      const row = await sluice.ledger(answer.requestId);
      expect(row).toMatchObject({ code: "output_cap", provenance: "partial" });
      expect(row.completion_tokens).toBeGreaterThan(45);
      expect(row.completion_tokens).toBeLessThan(110);
    });
  }

  test("one decision is recorded for an answer, with every finding once", async () => {
    const { requestId } = await surfaces.chat("deny");
    await sluice.ledger(requestId);
    const { data } = (await sluice.admin(`decisions?request_id=${requestId}&phase=stream`)) as { data: object[] };
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      decision: "deny",
      code: "word_found",
      evaluated: { decided: 3, not_applicable: 0, errors: 0 },
      reasons: [
        { policy: "org/word", rule: "word", effect: "deny" },
        { policy: "org/said", rule: "said", effect: "warn", would: "deny", mode: "warn" },
      ],
    });
  });
});

describe("limits hold while an answer flows", () => {
  let upstream: ReturnType<typeof serve>;
  beforeAll(() => {
    upstream = serve();
  });
  afterAll(() => upstream[Symbol.dispose]());

  async function chat(sluice: Harness, body: object) {
    const response = await sluice.post("/v1/chat/completions", {
      model: "gpt-4o",
      stream: true,
      messages: [{ role: "user", content: "go on" }],
      ...body,
    });
    const text = await response.text();
    const finish = /"finish_reason":"(\w+)"/.exec(text)?.[1];
    return { text, finish, row: await sluice.ledger(response.headers.get("sluice-request-id")) };
  }

  test("the maximum of a request is kept even by a provider that does not, where policies rely on it", async () => {
    const policies = {
      "org/cap.policy.yaml": `description: Requests are capped.
rules:
  - { id: cap, when: request.max_tokens > 1000, then: deny, code: too_many, message: "too many" }
`,
    };
    await using sluice = await startHarness({ policies, upstream: upstream.url, replaced: { fetch: upstream.fetch } });
    const { finish, text, row } = await chat(sluice, { max_tokens: 100, stream_options: { include_usage: true } });
    expect(finish).toBe("length");
    expect(text).toEndWith("data: [DONE]\n\n");
    await expectClosed(upstream, exceeds(text));
    expect(text).toMatch(/"choices":\[\],"usage":\{"prompt_tokens":\d+,"completion_tokens":\d+,/);
    expect(row).toMatchObject({ code: "max_tokens", provenance: "partial", status: 200 });
    expect(row.completion_tokens).toBeGreaterThan(100);
    expect(row.completion_tokens).toBeLessThan(600);
  });

  test("an answer takes slice after slice of a limit, and ends when there is none", async () => {
    const policies = {
      "org/rate.policy.yaml": `description: Tokens a day, taken as they are written.
uses: rate_limit
with: { per: [app], windows: [{ every: day, tokens: 400 }], slice_completion_tokens: 50 }
`,
    };
    await using sluice = await startHarness({ policies, upstream: upstream.url, replaced: { fetch: upstream.fetch } });
    const { finish, text, row } = await chat(sluice, { max_tokens: 10_000 });
    expect(finish).toBe("length");
    await expectClosed(upstream, exceeds(text));
    expect(row).toMatchObject({ status: 200, provenance: "partial" });
    expect(row.code).not.toBe("");
    expect(row.total_tokens).toBeGreaterThan(250);
    expect(row.total_tokens).toBeLessThan(450);
    // What was used is used; the next request finds no room.
    const next = await sluice.post("/v1/chat/completions", {
      model: "gpt-4o",
      messages: [{ role: "user", content: "go on ".repeat(30) }],
      max_tokens: 100,
    });
    expect(next.status).toBe(429);
  });

  test("a client that goes away in mid-stream ends the call at the provider", async () => {
    const { "org/word.policy.yaml": word } = policies;
    await using sluice = await startHarness({
      policies: { "org/word.policy.yaml": word },
      upstream: upstream.url,
      replaced: { fetch: upstream.fetch },
    });
    const leaving = new AbortController();
    const response = await fetch(`${sluice.url}/v1/chat/completions`, {
      method: "POST",
      signal: leaving.signal,
      headers: { authorization: `Bearer ${sluice.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "hello" }] }),
    });
    const reader = response.body!.getReader();
    await reader.read();
    leaving.abort();
    await reader.read().catch(() => undefined);
    await until(() => upstream.seen.closed > 0);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      status: 499,
      code: "client_closed",
      provenance: "partial",
    });
  });
});
