import { describe, expect, test } from "bun:test";
import type { Json, JsonObject } from "../../core/wire.ts";
import { openaiChat } from "./format.ts";
import { readChatStream } from "./stream.ts";
import { readUsage } from "./usage.ts";

const usage = (
  promptTokens: number,
  completionTokens: number,
  cachedTokens: number | null = null,
  reasoningTokens: number | null = null,
  cacheWriteTokens: number | null = null,
) => ({
  promptTokens,
  completionTokens,
  totalTokens: promptTokens + completionTokens,
  cachedTokens,
  cacheWriteTokens,
  reasoningTokens,
});
const plain = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

describe("usage of every vendor is normalised", () => {
  const cases: readonly [name: string, given: Json | undefined, expected: ReturnType<typeof usage> | null][] = [
    ["without details", plain, usage(10, 5)],
    [
      "cached and reasoning inside",
      { ...plain, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 3 } },
      usage(10, 5, 4, 3),
    ],
    [
      "OpenRouter's cache writes",
      { ...plain, prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 2 } },
      usage(10, 5, 0, null, 2),
    ],
    ["Mistral's misspelt details", { ...plain, prompt_token_details: { cached_tokens: 4 } }, usage(10, 5, 4)],
    ["DeepSeek's cache hits", { ...plain, prompt_cache_hit_tokens: 6, prompt_cache_miss_tokens: 4 }, usage(10, 5, 6)],
    ["Perplexity's reasoning at the top", { ...plain, reasoning_tokens: 2 }, usage(10, 5, null, 2)],
    [
      "xAI's reasoning outside",
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 22, completion_tokens_details: { reasoning_tokens: 7 } },
      usage(10, 12, null, 7),
    ],
    [
      "Gemini's reasoning only in the total",
      { prompt_tokens: 10, completion_tokens: 5, total_tokens: 18 },
      usage(10, 8, null, 3),
    ],
    [
      "reasoning beyond the completion, as OpenRouter may say",
      { ...plain, completion_tokens_details: { reasoning_tokens: 6 } },
      usage(10, 5, null, 6),
    ],
    ["cache reads counted apart", { ...plain, prompt_tokens_details: { cached_tokens: 100 } }, usage(110, 5, 100)],
    ["no total", { prompt_tokens: 10, completion_tokens: 5 }, usage(10, 5)],
    ["nothing but zeroes", { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, null],
    ["counts that are none", { prompt_tokens: "10", completion_tokens: -1, total_tokens: null }, null],
    ["null", null, null],
    ["absent", undefined, null],
  ];
  for (const [name, given, expected] of cases) test(name, () => expect(readUsage(given)).toEqual(expected));
});

/** With its text, which is put together only when it is read. */
function said(body: JsonObject) {
  const { usage, finishReason, model, text } = openaiChat.readAnswer(body);
  return { usage, finishReason, model, text };
}

describe("a whole answer", () => {
  test("tells usage, finish reason, model and everything the model wrote", () => {
    const answer: JsonObject = {
      model: "gpt-4o-2024-11-20",
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            content: "a",
            reasoning_content: "b",
            tool_calls: [{ id: "1", function: { name: "c", arguments: "{}" } }],
          },
        },
        {
          finish_reason: "stop",
          message: {
            content: [
              { type: "thinking", thinking: [{ type: "text", text: "d" }] },
              { type: "text", text: "e" },
            ],
          },
        },
        {
          finish_reason: "stop",
          message: {
            content: null,
            refusal: "f",
            audio: { transcript: "g" },
            function_call: { name: "h", arguments: "i" },
          },
        },
      ],
      usage: plain,
    };
    expect(said(answer)).toEqual({
      usage: usage(10, 5),
      finishReason: "tool_calls",
      model: "gpt-4o-2024-11-20",
      text: "abc{}defghi",
    });
  });

  test("of any other shape is empty and no exception", () => {
    const empty = { usage: null, finishReason: "", model: "", text: "" };
    for (const odd of [
      {},
      { choices: {} },
      { choices: [null, 1, []] },
      { choices: [{ message: 4 }], usage: [] },
      { error: "x" },
    ]) {
      expect(said(odd)).toEqual(empty);
    }
  });
});

const chunk = (delta: JsonObject, finish: string | null = null, more: JsonObject = {}) =>
  JSON.stringify({ id: "1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }], ...more });

function stream(...events: readonly (string | readonly [event: string, data: string])[]) {
  const reader = readChatStream();
  for (const event of events) {
    if (typeof event === "string") reader.push("", event);
    else reader.push(...event);
  }
  const { usage: told, finishReason, model, text } = reader.summary();
  return { usage: told, finishReason, model, text, complete: reader.complete, error: reader.error };
}

describe("a stream", () => {
  const end = chunk({}, "stop");

  test("tells usage on a chunk of its own, and a null after it takes nothing back", () => {
    expect(
      stream(
        chunk({ content: "a" }, null, { usage: null }),
        end,
        JSON.stringify({ choices: [], usage: plain }),
        JSON.stringify({ choices: [], usage: null, moderation: {} }),
        "[DONE]",
      ),
    ).toEqual({ usage: usage(10, 5), finishReason: "stop", model: "m", text: "a", complete: true, error: "" });
  });

  test("with usage on every chunk counts the last, not the sum", () => {
    const grown = (n: number) => ({ usage: { prompt_tokens: 10, completion_tokens: n, total_tokens: 10 + n } });
    const { usage: told } = stream(chunk({ content: "a" }, null, grown(1)), chunk({}, "stop", grown(5)));
    expect(told).toEqual(usage(10, 5));
  });

  test("with Groq's usage, in one place or both, counts it once", () => {
    expect(stream(chunk({}, "stop", { x_groq: { usage: plain } })).usage).toEqual(usage(10, 5));
    expect(stream(chunk({}, "stop", { x_groq: { usage: plain }, usage: plain })).usage).toEqual(usage(10, 5));
  });

  test("that tells no usage has its text for an estimate", () => {
    const { usage: told, text } = stream(
      JSON.stringify({ model: "", choices: [], prompt_filter_results: [] }),
      chunk({ role: "assistant", content: "" }),
      chunk({ reasoning: "r" }),
      chunk({ content: 'say \\"usage\\": {' }),
      chunk({ tool_calls: [{ index: 0, id: "t", function: { name: "f", arguments: "" } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }),
      end,
    );
    expect([told, text]).toEqual([null, 'rsay \\"usage\\": {f{}']);
  });

  test("is complete with [DONE], or with a finish reason where the vendor sends no [DONE]", () => {
    expect(stream(chunk({ content: "a" })).complete).toBe(false);
    expect(stream(chunk({ content: "a" }), end).complete).toBe(true);
    expect(stream(chunk({ content: "a" }), "[DONE]").complete).toBe(true);
    expect(stream().complete).toBe(false);
  });

  test("with an error inside says so, in each of its shapes", () => {
    const shapes: readonly (readonly [string, string, string])[] = [
      ["", '{"error":{"message":"boom","type":"server_error"}}', "boom"],
      ["error", '{"error":{"message":"boom","status_code":400}}', "boom"],
      ["error", '{"message":"boom"}', "boom"],
      ["error", "no JSON", "error"],
      ["", '{"code":"The service is unavailable","error":"boom"}', "boom"],
      ["", '{"choices":[],"error":{"code":502},"usage":null}', "error"],
    ];
    for (const [event, data, error] of shapes) {
      expect(stream(chunk({ content: "a" }), [event, data], "[DONE]")).toMatchObject({
        error,
        complete: false,
        text: "a",
      });
    }
  });

  test("of a hundred thousand events keeps its text and little else", () => {
    const reader = readChatStream();
    const data = chunk({ content: "word " });
    for (let i = 0; i < 100_000; i += 1) reader.push("", data);
    expect(reader.summary().text).toBe("word ".repeat(100_000));
  });
});
