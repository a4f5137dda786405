import { expect, test } from "bun:test";
import { body } from "../testing.ts";
import { cohere } from "./format.ts";
import { readCohereUsage } from "./usage.ts";

const answer = {
  id: "a1",
  message: {
    role: "assistant",
    tool_plan: "I will look",
    content: [
      { type: "thinking", thinking: "the secret" },
      { type: "text", text: "a secret" },
      { type: "text", text: " indeed" },
    ],
    tool_calls: [
      { id: "c0", type: "function", function: { name: "search", arguments: '{"q":"x"}' } },
      { id: "c1", type: "function", function: { name: "read", arguments: "{}" } },
    ],
    citations: [{ start: 2, end: 8, text: "secret", sources: [] }],
  },
  finish_reason: "TOOL_CALL",
  logprobs: [{ text: "secret" }],
  usage: { tokens: { input_tokens: 1, output_tokens: 2 } },
};
const editor = () => cohere.editAnswer!(answer);
const kept = () => editor().pieces.map(({ text }) => text);
const written = (texts: readonly (string | null)[]) => JSON.parse(editor().write(texts)) as typeof answer;

test("the words of a whole answer are one piece for each channel", () => {
  expect(editor().pieces.map(({ kind, tool, text }) => [kind, tool, text])).toEqual([
    ["reasoning", "", "the secretI will look"],
    ["text", "", "a secret indeed"],
    ["tool_name", "0", "search"],
    ["tool_arguments", "0", '{"q":"x"}'],
    ["tool_name", "1", "read"],
    ["tool_arguments", "1", "{}"],
  ]);
  expect(written(kept())).toEqual(answer);
});

test("a text that is changed stands once, and nothing repeats it", () => {
  const changed = written(kept().map((text) => text.replaceAll("secret", "***")));
  expect(JSON.stringify(changed)).not.toContain("secret");
  expect(changed.message.content).toEqual([
    { type: "thinking", thinking: "the ***I will look" },
    { type: "text", text: "a *** indeed" },
    { type: "text", text: "" },
  ]);
  expect(changed.message).not.toHaveProperty("citations");
  expect(changed).not.toHaveProperty("logprobs");
  expect(changed.message.tool_calls).toEqual(answer.message.tool_calls);
});

test("a call is taken out; without any the answer ends as one that calls none", () => {
  const one = written(kept().map((text, i) => (i === 2 || i === 3 ? null : text)));
  expect(one.message.tool_calls.map(({ id }) => id)).toEqual(["c1"]);
  expect(one.finish_reason).toBe("TOOL_CALL");
  const none = written(kept().map((text, i) => (i > 1 ? null : text)));
  expect([none.message.tool_calls, none.finish_reason]).toEqual([[], "COMPLETE"]);
});

test("usage is what ran, and beside it what is charged", () => {
  const usage = {
    tokens: { input_tokens: 968, output_tokens: 83 },
    billed_units: { input_tokens: 62, output_tokens: 28 },
  };
  expect(readCohereUsage(usage)).toMatchObject({
    promptTokens: 968,
    completionTokens: 83,
    totalTokens: 1051,
    billed: { promptTokens: 62, completionTokens: 28 },
  });
  expect(readCohereUsage({ billed_units: { input_tokens: 2 } })).toMatchObject({
    promptTokens: 2,
    completionTokens: 0,
    billed: { promptTokens: 2, completionTokens: 0 },
  });
  for (const nothing of [undefined, null, {}, { tokens: {} }, "many"]) expect(readCohereUsage(nothing)).toBeNull();
});

test("an error with a success status is told in the provider's words", () => {
  expect(cohere.readAnswer({ finish_reason: "ERROR", message: {}, error: "no such tool" }).error).toBe("no such tool");
  expect(cohere.readAnswer({ message: "overloaded" }).error).toBe("overloaded");
  expect(cohere.readAnswer(answer).error).toBe("");
});

test("what is read of a request: messages, documents, plans, calls and results", () => {
  const view = cohere.readRequest(
    body({
      model: "command-a-03-2025",
      messages: [
        { role: "system", content: "s" },
        {
          role: "user",
          content: [
            { type: "text", text: "u" },
            { type: "image_url", image_url: { url: "https://a.example" } },
          ],
        },
        { role: "assistant", tool_plan: "plan", tool_calls: [{ function: { name: "f", arguments: '{"a":1}' } }] },
        { role: "tool", tool_call_id: "c", content: [{ type: "document", document: { id: "d", data: { of: "it" } } }] },
      ],
      documents: ["one", { id: "two", data: { title: "two" } }],
      tools: [{ type: "function", function: { name: "f" } }],
      max_tokens: 7,
    }),
  );
  expect(view).toMatchObject({ surface: "cohere", messageCount: 4, toolCount: 1, maxTokensRequested: 7, choices: 1 });
  expect(view.roles()).toEqual(["system", "user", "assistant", "tool"]);
  expect(view.imageCount()).toBe(1);
  expect(view.parts().map(({ texts }) => texts.join("|"))).toEqual([
    "s",
    "u",
    'plan|f|{"a":1}',
    '{"of":"it"}',
    '{"type":"function","function":{"name":"f"}}',
    "one",
    '{"title":"two"}',
  ]);
});
