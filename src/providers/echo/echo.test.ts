import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic, { OverloadedError } from "@anthropic-ai/sdk";
import OpenAI, { APIConnectionError, BadRequestError, RateLimitError } from "openai";
import { type Surface, surfaces } from "../../core/phases.ts";
import type { JsonObject } from "../../core/wire.ts";
import { body } from "../testing.ts";
import { createEcho } from "./echo.ts";
import { type EchoServer, serveEcho } from "./serve.ts";
import { echoSurfaces } from "./surfaces.ts";

const hello = [{ role: "user" as const, content: "hello  there world" }];
const schema = {
  type: "object" as const,
  properties: { q: { type: "string" }, n: { type: "integer" } },
  required: ["q", "n"],
};
const asking = [{ role: "user" as const, content: "please call search now" }];

let server: EchoServer;
let openai: OpenAI;
let anthropic: Anthropic;
beforeAll(() => {
  server = serveEcho();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "x", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: "x", maxRetries: 0 });
});
afterAll(() => server.stop());

const having = (setting: string) => ({ headers: new Headers({ "sluice-echo": setting }) });
const thrownBy = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  );

describe("the official openai SDK", () => {
  test("gets the text back, with usage", async () => {
    const answer = await openai.chat.completions.create({ model: "m", messages: hello, n: 2 });
    expect(answer.choices.map(({ message }) => message.content)).toEqual(["hello  there world", "hello  there world"]);
    expect(answer.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 });
  });

  test("gets it streamed, with usage only when it asks", async () => {
    for (const asked of [false, true]) {
      const stream = await openai.chat.completions.create({
        model: "m",
        messages: hello,
        stream: true,
        ...(asked && { stream_options: { include_usage: true } }),
      });
      let text = "";
      let usages = 0;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        if (chunk.usage) usages += 1;
      }
      expect([text, usages]).toEqual(["hello  there world", asked ? 1 : 0]);
    }
  });

  test("gets a tool call whose arguments fit the schema, and the tool's result echoed", async () => {
    const tools = [{ type: "function" as const, function: { name: "search", parameters: schema } }];
    const call = { name: "search", arguments: '{"q":"please call search now","n":1}' };
    const plain = await openai.chat.completions.create({ model: "m", messages: asking, tools });
    expect(plain.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ function: call }] },
    });
    const streamed = await openai.chat.completions
      .stream({ model: "m", messages: asking, tools })
      .finalChatCompletion();
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ type: "function", function: call });

    const message = plain.choices[0]!.message;
    const result = { role: "tool" as const, tool_call_id: message.tool_calls![0]!.id, content: "call search said 42" };
    const next = await openai.chat.completions.create({ model: "m", messages: [...asking, message, result], tools });
    expect(next.choices[0]?.message.content).toBe("call search said 42");
  });

  test("is cut at its maximum, and may set the length", async () => {
    const cut = await openai.chat.completions.create({ model: "m", messages: hello, max_completion_tokens: 2 });
    expect(cut.choices[0]).toMatchObject({ finish_reason: "length", message: { content: "hello  there" } });
    const long = await openai.chat.completions.create({ model: "m", messages: hello }, having("tokens=7"));
    expect(long.choices[0]?.message.content).toBe("hello  there world hello  there world hello");
    expect(long.usage?.completion_tokens).toBe(7);
  });

  test("raises its typed errors for the faults", async () => {
    const fails = (fault: string) =>
      thrownBy(openai.chat.completions.create({ model: "m", messages: hello }, having(`fault=${fault}`)));
    expect(await fails("status:429")).toBeInstanceOf(RateLimitError);
    expect(await fails("reset")).toBeInstanceOf(APIConnectionError);
    expect(await fails("garbage")).toBeInstanceOf(SyntaxError);
    expect(await fails("truncate")).toBeInstanceOf(SyntaxError);
    const wrong = await thrownBy(openai.chat.completions.create({ model: "", messages: hello }));
    expect(wrong).toBeInstanceOf(BadRequestError);
    const setting = await thrownBy(openai.chat.completions.create({ model: "m", messages: hello }, having("speed=1")));
    expect((setting as BadRequestError).code).toBe("invalid_echo_setting");
  });
});

describe("the official @anthropic-ai/sdk", () => {
  const base = { model: "m", max_tokens: 50, messages: hello };

  test("gets the text back, plain and streamed, with usage", async () => {
    const expected = { content: [{ type: "text", text: "hello  there world" }], stop_reason: "end_turn" };
    const plain = await anthropic.messages.create(base);
    const streamed = await anthropic.messages.stream(base).finalMessage();
    for (const message of [plain, streamed]) {
      expect(message).toMatchObject(expected as object);
      expect(message.usage).toMatchObject({ input_tokens: 5, output_tokens: 3 });
    }
  });

  test("gets a tool call, and the tool's result echoed", async () => {
    const request = { ...base, messages: asking, tools: [{ name: "search", input_schema: schema }] };
    const plain = await anthropic.messages.create(request);
    const streamed = await anthropic.messages.stream(request).finalMessage();
    for (const message of [plain, streamed]) {
      expect(message.stop_reason).toBe("tool_use");
      expect(message.content[0]).toMatchObject({
        type: "tool_use",
        name: "search",
        input: { q: "please call search now", n: 1 },
      });
    }
    const { id } = plain.content[0] as Anthropic.ToolUseBlock;
    const result = {
      role: "user" as const,
      content: [{ type: "tool_result" as const, tool_use_id: id, content: "42" }],
    };
    const next = await anthropic.messages.create({
      ...request,
      messages: [...asking, { role: "assistant", content: plain.content }, result],
    });
    expect(next.content).toMatchObject([{ type: "text", text: "42" }]);
  });

  test("is cut at its maximum and raises its typed errors", async () => {
    expect((await anthropic.messages.create({ ...base, max_tokens: 1 })).stop_reason).toBe("max_tokens");
    const error = await thrownBy(anthropic.messages.create(base, having("fault=status:529")));
    expect(error).toBeInstanceOf(OverloadedError);
  });
});

describe("in the same process", () => {
  const bodyOf = (stream: boolean) => body({ model: "m", max_tokens: 50, messages: hello, stream });

  test("waits as long as it is told, and no longer than the signal", async () => {
    const waits: number[] = [];
    const wait = (milliseconds: number) => {
      waits.push(milliseconds);
      return Promise.resolve();
    };
    const echo = createEcho({ wait, settings: { latencyMs: 7, chunkMs: 3, chunks: 2 }, clock: { now: () => 5000 } });
    const answer = await (await echo({ surface: "chat", body: bodyOf(true) })).text();
    expect(waits).toEqual([7, 3, 3, 3, 3, 3]);
    expect(answer).toContain('"created":5,');
    expect(answer.match(/"content":"[^"]+"/g)).toEqual(['"content":"hello"', '"content":"  there world"']);

    const real = createEcho({ settings: { latencyMs: 60_000 } });
    expect(await thrownBy(real({ surface: "chat", body: bodyOf(false), signal: AbortSignal.abort("gone") }))).toBe(
      "gone",
    );
    const hung = createEcho({ settings: { fault: "hang" } });
    const leave = new AbortController();
    const pending = thrownBy(hung({ surface: "chat", body: bodyOf(false), signal: leave.signal }));
    leave.abort("gone");
    expect(await pending).toBe("gone");
  });

  /** A body that every surface takes: each reads what it knows. */
  const anyBody = (stream: boolean) =>
    body({
      ...{ model: "m", stream, max_tokens: 50, messages: hello, prompt: "hello there", input: "hello there" },
      ...{ contents: [{ role: "user", parts: [{ text: "hello there" }] }], content: { parts: [{ text: "hello" }] } },
      ...{ texts: ["hello"], input_type: "search_query" },
    });
  const asked = (surface: Surface, stream: boolean) => {
    const method = surface === "gemini" && stream ? "streamGenerateContent?alt=sse" : "generateContent";
    return { surface, body: anyBody(stream), path: `/v1beta/models/m:${method}`, target: { model: "m" } };
  };

  for (const surface of surfaces) {
    const { format, events } = echoSurfaces[surface];

    test(`${surface}: an answer is one that its format reads, whole and streamed, with equal usage`, async () => {
      const echo = createEcho({ clock: { now: () => 0 } });
      const ask = async (stream: boolean) => (await echo(asked(surface, stream))).text();
      const whole = format.readAnswer(JSON.parse(await ask(false)) as JsonObject);
      expect(await ask(false)).toBe(await ask(false));
      // Gemini's embeddings tell none.
      if (surface !== "gemini-embeddings") expect(whole.usage?.promptTokens).toBeGreaterThan(0);
      if (events === undefined) return;
      const relay = format.openStream();
      relay.write(Buffer.from(await ask(true)));
      relay.end();
      expect([relay.complete, relay.error, relay.unknownEvents ?? 0]).toEqual([true, "", 0]);
      const streamed = relay.summary();
      expect(streamed.text).toBe(whole.text);
      // Chat and completions tell it when they are asked.
      if (streamed.usage !== null) expect(streamed.usage).toEqual(whole.usage!);
    });

    test(`${surface}: a refused connection rejects, as fetch does`, async () => {
      const echo = createEcho({ settings: { fault: "refuse" } });
      expect(await thrownBy(echo(asked(surface, false)))).toMatchObject({ code: "ConnectionRefused" });
    });

    if (events === undefined) continue;
    test(`${surface}: a stream that is truncated ends in half an event, one that is reset fails, garbage is no JSON`, async () => {
      const read = async (fault: string) => (await createEcho({ settings: { fault } })(asked(surface, true))).text();
      const [whole, truncated, garbage] = await Promise.all([read(""), read("truncate"), read("garbage")]);
      expect(whole.startsWith(truncated)).toBe(true);
      expect(truncated).not.toMatch(/\n\r?\n$/);
      expect(garbage).toContain("data: }{ not json");
      expect(await thrownBy(read("reset"))).toMatchObject({ message: "connection reset" });
    });
  }
});
