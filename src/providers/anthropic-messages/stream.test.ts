import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../core/wire.ts";
import { anthropicMessages } from "./format.ts";
import { readMessagesStream } from "./stream.ts";

type Event = readonly [type: string, members: JsonObject];

function stream(events: readonly Event[], named = true) {
  const reader = readMessagesStream();
  for (const [type, members] of events) reader.push(named ? type : "", JSON.stringify({ ...members, type }));
  const { usage, finishReason, model, text } = reader.summary();
  return { usage, finishReason, model, text, complete: reader.complete, error: reader.error };
}

const started = (usage: JsonObject, model = "claude-a"): Event => ["message_start", { message: { model, usage } }];
const text = (value: string): Event => [
  "content_block_delta",
  { index: 0, delta: { type: "text_delta", text: value } },
];
const ended = (usage: JsonObject): Event => ["message_delta", { delta: { stop_reason: "end_turn" }, usage }];
const stopped: Event = ["message_stop", {}];
const usage = (promptTokens: number, completionTokens: number, cached: number | null, written: number | null) => ({
  promptTokens,
  completionTokens,
  totalTokens: promptTokens + completionTokens,
  cachedTokens: cached,
  cacheWriteTokens: written,
  reasoningTokens: null,
});
const first = { input_tokens: 10, cache_read_input_tokens: 4, cache_creation_input_tokens: 2, output_tokens: 1 };

describe("a stream of messages", () => {
  const events: readonly Event[] = [
    started(first),
    ["content_block_start", { index: 0, content_block: { type: "thinking", thinking: "" } }],
    ["ping", {}],
    ["content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: "hm " } }],
    ["content_block_delta", { index: 0, delta: { type: "signature_delta", signature: "QUJD" } }],
    ["content_block_stop", { index: 0 }],
    text("Hi"),
    ["content_block_start", { index: 2, content_block: { type: "tool_use", name: "f", input: {} } }],
    ["content_block_delta", { index: 2, delta: { type: "input_json_delta", partial_json: '{"q":1}' } }],
    ended({ output_tokens: 9 }),
    stopped,
  ];

  test("tells usage overlaid field by field, finish reason, model and everything the model wrote", () => {
    const whole = {
      usage: usage(16, 9, 4, 2),
      finishReason: "end_turn",
      model: "claude-a",
      text: 'hm Hif{"q":1}',
      complete: true,
      error: "",
    };
    expect(stream(events)).toEqual(whole);
    expect(stream(events, false)).toEqual(whole);
  });

  test("takes the later input count, and a null for no count", () => {
    expect(
      stream([started(first), ended({ input_tokens: 61, cache_read_input_tokens: null, output_tokens: 2 })]).usage,
    ).toEqual(usage(67, 2, 4, 2));
  });

  test("tells what of the cache is kept for an hour, which has a price of its own", () => {
    const cache_creation = { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 1 };
    expect(stream([started({ ...first, cache_creation }), ended({ output_tokens: 2 })]).usage).toEqual({
      ...usage(16, 2, 4, 2),
      cacheWriteLongTokens: 1,
    });
  });

  test("that ends before its usage has none: the count at the start is a placeholder", () => {
    expect(stream([started(first), text("Hi")])).toMatchObject({
      usage: null,
      text: "Hi",
      complete: false,
      finishReason: "",
    });
  });

  test("that ends in an error says so, with the counts that were known", () => {
    const error: Event = ["error", { error: { type: "overloaded_error", message: "Overloaded" } }];
    expect(stream([started(first), text("Hi"), error])).toMatchObject({
      usage: usage(16, 1, 4, 2),
      error: "Overloaded",
      complete: false,
    });
    expect(stream([["error", {}]])).toMatchObject({ usage: null, error: "error" });
  });

  test("names the model that answered when another one fell back to it", () => {
    const fallback: Event = ["content_block_start", { content_block: { type: "fallback", to: { model: "claude-b" } } }];
    expect(stream([started(first), fallback, ended({ output_tokens: 1 }), stopped]).model).toBe("claude-b");
    expect(stream([started(first), started(first, "claude-c")]).model).toBe("claude-c");
  });

  test("of data that is no JSON is no exception", () => {
    const reader = readMessagesStream();
    for (const event of ["message_start", "content_block_delta", "message_delta", "error", "", "new_event"])
      reader.push(event, "}{");
    expect(reader.summary()).toEqual({ usage: null, finishReason: "", model: "", text: "" });
    expect(reader.error).toBe("error");
  });
});

describe("a whole message", () => {
  test("tells usage, stop reason, model and everything the model wrote", () => {
    const content = [
      { type: "thinking", thinking: "a" },
      { type: "text", text: "b" },
      { type: "tool_use", name: "c", input: { q: 1 } },
      { type: "redacted_thinking", data: "QUJD" },
    ];
    const counts = { ...first, output_tokens: 7, output_tokens_details: { thinking_tokens: 3 } };
    expect(anthropicMessages.readAnswer({ model: "m", stop_reason: "tool_use", content, usage: counts })).toEqual({
      usage: { ...usage(16, 7, 4, 2), reasoningTokens: 3 },
      finishReason: "tool_use",
      model: "m",
      text: 'abc{"q":1}',
    });
  });

  test("of an older model has no cache counts", () => {
    const { usage: told } = anthropicMessages.readAnswer({ usage: { input_tokens: 3, output_tokens: 4 } });
    expect(told).toEqual(usage(3, 4, null, null));
  });

  test("counts what the client got, not the passes before it", () => {
    const iterations = [{ type: "compaction", input_tokens: 100, output_tokens: 80 }];
    expect(anthropicMessages.readAnswer({ usage: { ...first, iterations } }).usage).toEqual(usage(16, 1, 4, 2));
  });

  test("of any other shape is empty and no exception", () => {
    for (const odd of [{}, { content: "x" }, { content: [null, 1] }, { usage: 5 }, { type: "error", error: {} }]) {
      expect(anthropicMessages.readAnswer(odd)).toEqual({ usage: null, finishReason: "", model: "", text: "" });
    }
  });
});
