import { describe, expect, test } from "bun:test";
import { body, thrownBy, tinyPng } from "../testing.ts";
import { anthropicMessages } from "./format.ts";

const good = { model: "claude-sonnet-4-5", max_tokens: 100, messages: [{ role: "user", content: "hi" }] };
const read = (value: unknown) => anthropicMessages.readRequest(body(value));

describe("a body that cannot be read is refused with what to change", () => {
  const cases: readonly [name: string, value: unknown, message: RegExp][] = [
    ["the model twice", '{"model":"a","messages":[],"model":"b"}', /member 'model' twice/],
    ["no model", { ...good, model: null }, /'model' must be a non-empty string.*received null/],
    ["messages that are text", { ...good, messages: "hi" }, /'messages' must be an array of objects/],
    [
      "a message without content",
      { ...good, messages: [{ role: "user" }] },
      /'messages\[0\]\.content' must be a string or an array of blocks; received nothing/,
    ],
    ["a message without a role", { ...good, messages: [{ content: "x" }] }, /'messages\[0\]\.role' must be a string/],
    [
      "a system prompt that is a number",
      { ...good, system: 5 },
      /'system' must be a string or an array of blocks; received 5/,
    ],
    [
      "many tokens",
      { ...good, max_tokens: "many" },
      /'max_tokens' must be a whole number of at least 0; received the string "many"/,
    ],
    ["stream as a number", { ...good, stream: 1 }, /'stream' must be true or false/],
    ["temperature as a list", { ...good, temperature: [] }, /'temperature' must be a number/],
    ["tools as a string", { ...good, tools: "x" }, /'tools' must be an array of objects/],
    ["metadata as a string", { ...good, metadata: "x" }, /'metadata' must be an object/],
    ["a user id that is a number", { ...good, metadata: { user_id: 1 } }, /'user_id' must be a string/],
  ];
  for (const [name, value, message] of cases) {
    test(name, () => {
      const [code, text] = thrownBy(() => read(value));
      expect(code).toBe("invalid_request");
      expect(text).toMatch(message);
    });
  }

  test("half a body", () => expect(thrownBy(() => read('{"model":'))[0]).toBe("malformed_json"));
});

describe("what rules and counters read of a body", () => {
  test("the system prompt is a message of its own", () => {
    const view = read({
      ...good,
      system: "be brief",
      metadata: { user_id: "ann" },
      tools: [{ name: "f" }, { type: "bash_20250124", name: "bash" }],
    });
    expect(view).toMatchObject({ messageCount: 2, toolCount: 2, maxTokensRequested: 100, choices: 1, user: "ann" });
    expect(view.roles()).toEqual(["system", "user"]);
    expect(view.toolNames()).toEqual(["f", "bash"]);
    expect(view.characters()).toBe("be briefhi".length);
    expect(read({ ...good, system: [{ type: "text", text: "a" }] }).parts()[0]?.texts).toEqual(["a"]);
    expect(read({ ...good, system: null }).messageCount).toBe(1);
  });

  test("every text that the model reads is in a part, and no bytes of images, documents or seals", () => {
    const view = read({
      ...good,
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "look" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: tinyPng } },
            { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
            {
              type: "document",
              title: "t",
              context: "c",
              source: { type: "text", media_type: "text/plain", data: "plain" },
            },
            { type: "document", source: { type: "base64", data: "QUJD" } },
            { type: "document", source: { type: "content", content: [{ type: "text", text: "inner" }] } },
            { type: "search_result", title: "s", source: "u", content: [{ type: "text", text: "found" }] },
          ],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "QUJD" },
            { type: "redacted_thinking", data: "QUJD" },
            { type: "tool_use", id: "1", name: "f", input: { q: 1 } },
          ],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "1",
              content: [
                { type: "text", text: "r" },
                { type: "image", source: { type: "url" } },
              ],
            },
            { type: "tool_result", tool_use_id: "2", content: "plain result" },
            {
              type: "web_search_tool_result",
              tool_use_id: "3",
              content: [{ title: "page", encrypted_content: "QUJD" }],
            },
          ],
        },
      ],
      tools: [{ name: "f", input_schema: {} }],
      output_config: { format: { type: "json_schema", schema: { type: "object" } } },
    });
    expect(view.parts()).toEqual([
      {
        kind: "message",
        role: "user",
        texts: ["look", "t", "c", "plain", "inner", "s", "found"],
        images: [{ detail: "auto", width: 1, height: 2 }, { detail: "auto" }],
        tokens: 3000,
      },
      { kind: "message", role: "assistant", texts: ["hm", "f", '{"q":1}'], images: [] },
      { kind: "message", role: "user", texts: ["r", "plain result", "page"], images: [{ detail: "auto" }] },
      { kind: "tool", role: "", texts: ['{"name":"f","input_schema":{}}'], images: [] },
      { kind: "tool", role: "", texts: ['{"type":"object"}'], images: [] },
    ]);
    expect(view.imageCount()).toBe(3);
  });
});

describe("only what is edited differs in the bytes for the provider", () => {
  const text = '{ "model":"a", "max_tokens" : 100 ,"messages":[{"role":"user","content":"\\u00fc"}],"stream":true}';
  const view = anthropicMessages.readRequest(body(text));
  const written = (edit: Parameters<typeof anthropicMessages.writeRequest>[1]) =>
    Buffer.from(anthropicMessages.writeRequest(view, edit)).toString();

  test("nothing to edit gives back the very bytes of the client: its streams tell usage unasked", () => {
    expect(anthropicMessages.tellsUsage(view)).toBe(true);
    expect(anthropicMessages.writeRequest(view, { model: "a", askForUsage: true })).toBe(view.raw);
  });

  test("model, maximum and temperature", () => {
    const modifications = [
      { op: "cap", path: "max_tokens", value: 50 },
      { op: "cap", path: "temperature", value: 0.5 },
    ] as const;
    expect(written({ model: "b", modifications })).toBe(
      `${text.replace('"a"', '"b"').replace("100", "50").slice(0, -1)},"temperature":0.5}`,
    );
  });
});

test("refusals have Anthropic's error shape, typed by status", () => {
  const refusal = {
    status: 403,
    code: "no_shells",
    message: "no shells",
    type: "policy_denied",
    sluice: { rule: "r" },
  } as const;
  expect(JSON.parse(anthropicMessages.writeRefusal(refusal))).toEqual({
    type: "error",
    error: { type: "permission_error", message: "no shells", code: "no_shells", sluice: { rule: "r" } },
  });
  const typeOf = (status: number) =>
    JSON.parse(anthropicMessages.writeRefusal({ ...refusal, status })).error.type as string;
  expect([400, 401, 402, 404, 413, 415, 429, 500, 502, 503, 504, 529].map(typeOf)).toEqual([
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "not_found_error",
    "request_too_large",
    "invalid_request_error",
    "rate_limit_error",
    "api_error",
    "api_error",
    "overloaded_error",
    "timeout_error",
    "overloaded_error",
  ]);
});
