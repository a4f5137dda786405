import { describe, expect, test } from "bun:test";
import { body, thrownBy, tinyPng } from "../testing.ts";
import { openaiChat } from "./format.ts";

const good = { model: "gpt-4o", messages: [{ role: "user", content: "hi" }] };
const read = (value: unknown) => openaiChat.readRequest(body(value));

describe("a body that cannot be read is refused with what to change", () => {
  const cases: readonly [name: string, value: unknown, code: string, message: RegExp][] = [
    ["nothing", "", "malformed_json", /it is empty/],
    ["white space", " \n", "malformed_json", /it is empty/],
    ["half a body", '{"model":"x"', "malformed_json", /valid JSON/],
    ["a comment", '{"model":"x"} // c', "malformed_json", /valid JSON/],
    ["a byte order mark", '\uFEFF{"model":"x"}', "malformed_json", /valid JSON/],
    ["an array", [good], "invalid_request", /must be a JSON object; received an array/],
    ["a string", '"hi"', "invalid_request", /must be a JSON object; received the string "hi"/],
    ["null", "null", "invalid_request", /must be a JSON object; received null/],
    [
      "the model twice",
      '{"model":"a","messages":[{"role":"user"}],"model":"b"}',
      "invalid_request",
      /member 'model' twice/,
    ],
    [
      "the model twice, once escaped",
      '{"m\\u006fdel":"a","messages":[],"model":"b"}',
      "invalid_request",
      /member 'model' twice/,
    ],
    [
      "a text twice, which a rule could not see both of",
      '{"model":"a","messages":[{"role":"user","content":"BAD","content":"ok"}]}',
      "invalid_request",
      /member 'messages\[0\]\.content' twice/,
    ],
    ["__proto__ twice", '{"__proto__":{},"__proto__":{}}', "invalid_request", /member '__proto__' twice/],
    [
      "no model",
      { ...good, model: undefined },
      "invalid_request",
      /'model' must be a non-empty string.*received nothing/,
    ],
    ["an empty model", { ...good, model: "" }, "invalid_request", /'model'.*received an empty string/],
    [
      "a model too long",
      { ...good, model: "x".repeat(257) },
      "invalid_request",
      /at most 256.*a string of 257 characters/,
    ],
    ["a model that is a number", { ...good, model: 4 }, "invalid_request", /'model'.*received 4/],
    ["no messages", { model: "x" }, "invalid_request", /'messages' must be an array of objects; received nothing/],
    [
      "messages as a string",
      { ...good, messages: "hi" },
      "invalid_request",
      /'messages'.*array.*received the string "hi"/,
    ],
    ["a message that is a number", { ...good, messages: [7] }, "invalid_request", /messages\[0\].*received 7/],
    ["a message without a role", { ...good, messages: [{ content: "x" }] }, "invalid_request", /'messages\[0\]\.role'/],
    [
      "content that is a number",
      { ...good, messages: [{ role: "user", content: 1 }] },
      "invalid_request",
      /'messages\[0\]\.content'.*received 1/,
    ],
    ["stream as a string", { ...good, stream: "true" }, "invalid_request", /'stream' must be true or false/],
    ["no choices", { ...good, n: 0 }, "invalid_request", /'n' must be a whole number from 1 to 128; received 0/],
    ["too many choices", { ...good, n: 129 }, "invalid_request", /'n'/],
    ["half a choice", { ...good, n: 1.5 }, "invalid_request", /'n'/],
    ["fewer tokens than none", { ...good, max_completion_tokens: -1 }, "invalid_request", /'max_completion_tokens'/],
    ["tokens as a string", { ...good, max_tokens: "10" }, "invalid_request", /'max_tokens'.*received the string "10"/],
    [
      "tokens beyond counting",
      '{"model":"x","messages":[{"role":"user"}],"max_tokens":1e400}',
      "invalid_request",
      /'max_tokens'/,
    ],
    ["temperature as a string", { ...good, temperature: "hot" }, "invalid_request", /'temperature' must be a number/],
    [
      "tools as an object",
      { ...good, tools: {} },
      "invalid_request",
      /'tools' must be an array of objects; received an object/,
    ],
    ["a tool that is a string", { ...good, tools: ["search"] }, "invalid_request", /'tools\[0\]' must be an object/],
    [
      "stream options as a list",
      { ...good, stream_options: [] },
      "invalid_request",
      /'stream_options' must be an object/,
    ],
    [
      "include_usage as a number",
      { ...good, stream_options: { include_usage: 1 } },
      "invalid_request",
      /'include_usage'/,
    ],
    ["a user that is a number", { ...good, user: 7 }, "invalid_request", /'user' must be a string/],
    ["nesting beyond 512", `{"a":${"[".repeat(512)}${"]".repeat(512)}}`, "malformed_json", /deeper than 512 levels/],
    ["a depth bomb", `{"a":${"[".repeat(3_000_000)}`, "malformed_json", /./],
    [
      "a whole depth bomb",
      `{"a":${'{"a":'.repeat(500_000)}1${"}".repeat(500_000)}}`,
      "malformed_json",
      /deeper than 512/,
    ],
  ];
  for (const [name, value, code, message] of cases) {
    test(name, () => {
      const [thrown, text] = thrownBy(() => read(value));
      expect(thrown).toBe(code);
      expect(text).toMatch(message);
    });
  }

  test("bytes that are no UTF-8", () => {
    const broken = Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(thrownBy(() => openaiChat.readRequest(broken))).toEqual([
      "malformed_json",
      "The request body is not valid JSON: it is not valid UTF-8.",
    ]);
  });
});

describe("what rules and counters read of a body", () => {
  test("null counts as absent, unknown fields pass, the bytes are kept", () => {
    const raw = body({
      ...good,
      stream: null,
      n: null,
      max_tokens: null,
      tools: null,
      temperature: null,
      future: { x: 1 },
    });
    const view = openaiChat.readRequest(raw);
    expect(view.raw).toBe(raw);
    expect(view).toMatchObject({ stream: false, choices: 1, maxTokensRequested: 0, toolCount: 0, user: "" });
    expect(view.temperature).toBeUndefined();
    expect(view.body.future).toEqual({ x: 1 });
  });

  test("the maximum is the larger of its two names", () => {
    expect(read({ ...good, max_tokens: 5 }).maxTokensRequested).toBe(5);
    expect(read({ ...good, max_tokens: 5, max_completion_tokens: 7 }).maxTokensRequested).toBe(7);
  });

  test("roles, tool names and counts", () => {
    const view = read({
      ...good,
      messages: [{ role: "developer", content: "be brief" }, ...good.messages],
      tools: [
        { type: "function", function: { name: "search" } },
        { type: "custom", custom: { name: "grep" } },
        { type: "web_search" },
      ],
      functions: [{ name: "old" }],
      user: "ann",
      n: 3,
    });
    expect(view.roles()).toEqual(["developer", "user"]);
    expect(view.toolNames()).toEqual(["search", "grep", "web_search", "old"]);
    expect(view).toMatchObject({ messageCount: 2, toolCount: 4, choices: 3, user: "ann" });
    expect(view.characters()).toBe("be briefhi".length);
    expect(view.parts()).toBe(view.parts());
  });

  test("every text that the model reads is in a part, and no bytes of images, sound or files", () => {
    const view = read({
      model: "gpt-4o",
      messages: [
        { role: "system", content: "s", name: "boss" },
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${tinyPng}`, detail: "low" } },
            { type: "image_url", image_url: { url: "https://example.com/a.png" } },
            { type: "input_audio", input_audio: { data: "QUJD", format: "wav" } },
            { type: "file", file: { filename: "a.pdf", file_data: "QUJD" } },
            { type: "new_kind", note: { title: "unknown text", data: "QUJD" } },
          ],
        },
        {
          role: "assistant",
          content: null,
          refusal: "no",
          reasoning_content: "because",
          tool_calls: [
            { id: "1", type: "function", function: { name: "f", arguments: '{"q":1}' } },
            { id: "2", type: "custom", custom: { name: "g", input: "free" } },
          ],
          function_call: { name: "h", arguments: "{}" },
        },
        { role: "tool", tool_call_id: "1", content: "result" },
      ],
      tools: [{ type: "function", function: { name: "f" } }],
      response_format: { type: "json_schema", json_schema: { name: "out" } },
    });
    expect(view.parts()).toEqual([
      { kind: "message", role: "system", named: true, texts: ["s", "boss"], images: [] },
      {
        kind: "message",
        role: "user",
        named: false,
        texts: ["look", "a.pdf", "unknown text"],
        images: [{ detail: "low", width: 1, height: 2 }, { detail: "auto" }],
        // Least of a second's sound and of a page.
        tokens: 3010,
      },
      {
        kind: "message",
        role: "assistant",
        named: false,
        texts: ["no", "because", "f", '{"q":1}', "g", "free", "h", "{}"],
        images: [],
      },
      { kind: "message", role: "tool", named: false, texts: ["result"], images: [] },
      { kind: "tool", role: "", texts: ['{"type":"function","function":{"name":"f"}}'], images: [] },
      { kind: "tool", role: "", texts: ['{"name":"out"}'], images: [] },
    ]);
    expect(view.imageCount()).toBe(2);
  });
});
