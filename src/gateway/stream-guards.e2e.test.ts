import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { type Harness, standIn, startHarness, until } from "./e2e-harness.ts";
import { faultyProvider, reset, stream } from "./faulty-harness.ts";

const said = "Write to ann@example.com or to bob@example.org, whoever answers.";
const calls = [
  ["read_file", { path: "/tmp/a" }],
  ["run_shell", { command: "ls" }],
  ["transfer_money", { amount: 5000 }],
  ["search", { q: "a", limit: 50 }],
] as const;

const policies = {
  "org/mail.policy.yaml": "description: No mail.\nuses: pii\nwith: { types: [email], on: [answer], action: redact }\n",
  "org/tools.policy.yaml": `description: Tools within bounds.
uses: tool_guard
with:
  rules:
    - { name: no_shell, tools: ["*shell*"], action: strip }
    - { name: large_transfer, tools: [transfer_money], when: [{ path: amount, op: gt, value: 1000 }], action: strip }
    - { name: few_results, tools: [search], action: rewrite, rewrite: { cap: { limit: 20 } } }
`,
};

/** The same answer on both surfaces, whole or as a stream of single characters. */
function provider() {
  return standIn(async (request) => {
    const { stream } = (await request.json()) as { stream?: boolean };
    const messages = new URL(request.url).pathname.endsWith("/messages");
    const body = messages ? messagesAnswer(stream === true) : chatAnswer(stream === true);
    return new Response(body, { headers: { "content-type": stream ? "text/event-stream" : "application/json" } });
  });
}

function chatAnswer(stream: boolean): string {
  const head = { id: "c", created: 1, model: "gpt-4o" };
  const usage = { prompt_tokens: 9, completion_tokens: 60, total_tokens: 69 };
  const tool = ([name, given]: (typeof calls)[number], i: number) => ({
    id: `call_${i}`,
    type: "function",
    function: { name, arguments: JSON.stringify(given) },
  });
  if (!stream) {
    const message = { role: "assistant", content: said, tool_calls: calls.map(tool) };
    return JSON.stringify({
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage,
    });
  }
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const parts = [chunk({ role: "assistant", content: "" }), ...[...said].map((content) => chunk({ content }))];
  for (const [index, call] of calls.entries()) {
    const { function: called, ...rest } = tool(call, index);
    parts.push(chunk({ tool_calls: [{ index, ...rest, function: { name: called.name, arguments: "" } }] }));
    for (const char of called.arguments) parts.push(chunk({ tool_calls: [{ index, function: { arguments: char } }] }));
  }
  return [...parts, chunk({}, "tool_calls"), "data: [DONE]\n\n"].join("");
}

function messagesAnswer(stream: boolean): string {
  const head = { id: "m", type: "message", role: "assistant", model: "claude-opus-4-5", stop_sequence: null };
  const tool = ([name, input]: (typeof calls)[number], i: number) => ({
    type: "tool_use",
    id: `toolu_${i}`,
    name,
    input,
  });
  if (!stream) {
    const content = [{ type: "text", text: said }, ...calls.map(tool)];
    return JSON.stringify({ ...head, content, stop_reason: "tool_use", usage: { input_tokens: 9, output_tokens: 60 } });
  }
  const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const delta = (index: number, members: object) => event("content_block_delta", { index, delta: members });
  const parts = [
    event("message_start", {
      message: { ...head, content: [], stop_reason: null, usage: { input_tokens: 9, output_tokens: 1 } },
    }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    ...[...said].map((text) => delta(0, { type: "text_delta", text })),
    event("content_block_stop", { index: 0 }),
  ];
  for (const [i, call] of calls.entries()) {
    parts.push(event("content_block_start", { index: i + 1, content_block: { ...tool(call, i), input: {} } }));
    for (const partial_json of JSON.stringify(call[1]))
      parts.push(delta(i + 1, { type: "input_json_delta", partial_json }));
    parts.push(event("content_block_stop", { index: i + 1 }));
  }
  const end = event("message_delta", {
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 60 },
  });
  return [...parts, end, event("message_stop", {})].join("");
}

describe("what policies look for in answers, they find in whole ones and in streams alike", () => {
  let upstream: ReturnType<typeof provider>;
  let sluice: Harness;
  beforeAll(async () => {
    upstream = provider();
    sluice = await startHarness({ policies, upstream: upstream.url });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    upstream[Symbol.dispose]();
  });

  const expected = {
    text: "Write to [email] or to [email], whoever answers.",
    calls: [
      ["read_file", { path: "/tmp/a" }],
      ["search", { q: "a", limit: 20 }],
    ],
  };

  for (const stream of [false, true]) {
    test(`chat, ${stream ? "streamed" : "whole"}`, async () => {
      const client = new OpenAI({ apiKey: sluice.key, baseURL: `${sluice.url}/v1`, maxRetries: 0 });
      const asked = { model: "gpt-4o", messages: [{ role: "user" as const, content: "go" }] };
      const { choices } = stream
        ? await client.chat.completions.stream(asked).finalChatCompletion()
        : await client.chat.completions.create(asked);
      const { message, finish_reason } = choices[0]!;
      expect({
        text: message.content,
        calls: message.tool_calls?.map((call) =>
          call.type === "function" ? [call.function.name, JSON.parse(call.function.arguments)] : [],
        ),
      }).toEqual(expected as never);
      expect(finish_reason).toBe("tool_calls");
    });

    test(`messages, ${stream ? "streamed" : "whole"}`, async () => {
      const client = new Anthropic({ apiKey: sluice.key, baseURL: sluice.url, maxRetries: 0 });
      const asked = { model: "claude-opus-4-5", max_tokens: 99, messages: [{ role: "user" as const, content: "go" }] };
      const { content, stop_reason } = stream
        ? await client.messages.stream(asked).finalMessage()
        : await client.messages.create(asked);
      expect({
        text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
        calls: content.flatMap((block) => (block.type === "tool_use" ? [[block.name, block.input]] : [])),
      }).toEqual(expected as never);
      expect(stop_reason).toBe("tool_use");
    });
  }

  test("leave one decision, of the phase in which the words were seen", async () => {
    for (const [stream, phase] of [
      [true, "stream"],
      [false, "response"],
    ] as const) {
      const response = await sluice.post("/v1/chat/completions", {
        model: "gpt-4o",
        stream,
        messages: [{ role: "user", content: "go" }],
      });
      await response.text();
      const id = response.headers.get("sluice-request-id");
      const decision = await until(async () => {
        const { data } = (await sluice.admin(`decisions?request_id=${id}&phase=${phase}`)) as {
          data: { reasons: { policy: string }[] }[];
        };
        return data[0];
      });
      expect(new Set(decision.reasons.map(({ policy }) => policy))).toEqual(new Set(["org/mail", "org/tools"]));
    }
  });
});

test.each([true, false])(
  "what was found before a provider broke off is recorded, held back or not: %p",
  async (held) => {
    const chunk = `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta: { content: `${said} ` }, finish_reason: null }] })}\n\n`;
    using upstream = await faultyProvider();
    upstream.behave = stream([chunk, chunk], reset);
    const responding = {
      "org/long.policy.yaml": `description: Answers are bounded.
phase: response
rules: [{ id: long, when: response.bytes > 100000, then: deny, message: too long }]
`,
    };
    await using sluice = await startHarness({
      policies: { ...policies, ...(held && responding) },
      upstream: upstream.url,
    });
    const body = { model: "gpt-4o", stream: true, messages: [{ role: "user", content: "go" }] };
    const response = await sluice.post("/v1/chat/completions", body);
    expect(response.status).toBe(held ? 502 : 200);
    expect(await response.text()).toContain("upstream_interrupted");
    const id = response.headers.get("sluice-request-id");
    expect(await sluice.ledger(id)).toMatchObject({ code: "upstream_interrupted", provenance: "partial" });
    const { data } = (await sluice.admin(`decisions?request_id=${id}&phase=stream`)) as { data: object[] };
    expect(data).toMatchObject([{ reasons: [{ policy: "org/mail", code: "pii_redacted_in_answer" }] }]);
  },
);

test("a client that stops reading holds the provider, not memory, also where a stream is looked at", async () => {
  let written = 0;
  const part = Buffer.from(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta: { content: "x ".repeat(8_000) }, finish_reason: null }] })}\n\n`,
  );
  let closed = false;
  using upstream = standIn((request) => {
    request.signal.addEventListener("abort", () => {
      closed = true;
    });
    const stream = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          await new Promise(setImmediate);
          written += part.length;
          controller.enqueue(part.slice());
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
  await using sluice = await startHarness({ policies, upstream: upstream.url });
  const leaving = new AbortController();
  const response = await fetch(`${sluice.url}/v1/chat/completions`, {
    method: "POST",
    signal: leaving.signal,
    headers: { authorization: `Bearer ${sluice.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "go" }] }),
  });
  const reader = response.body!.getReader();
  await reader.read();
  // What the sockets between hold is all that is written; then nothing more, for as long as nobody reads.
  let before = -1;
  await until(async () => {
    const still = before === written;
    before = written;
    await Bun.sleep(150);
    return still;
  });
  expect(written).toBeLessThan(64 * 2 ** 20);
  leaving.abort();
  await reader.read().catch(() => undefined);
  await until(() => closed);
}, 30_000);
