import { describe, expect, test } from "bun:test";
import { body, thrownBy, tinyPng } from "../testing.ts";
import { readResponsesRequest } from "./request.ts";

const read = (members: object) => readResponsesRequest(body({ model: "m", ...members }));
const textsOf = (members: object) =>
  read(members)
    .parts()
    .map(({ texts }) => texts);

describe("a view of a request", () => {
  test("has its figures", () => {
    const view = read({ input: "hi", stream: true, max_output_tokens: 7, temperature: 0.5, user: "ann" });
    const { surface, model, stream, maxTokensRequested, choices, temperature, user, messageCount } = view;
    expect({ surface, model, stream, maxTokensRequested, choices, temperature, user, messageCount }).toEqual({
      surface: "responses",
      model: "m",
      stream: true,
      maxTokensRequested: 7,
      choices: 1,
      temperature: 0.5,
      user: "ann",
      messageCount: 1,
    });
    expect(read({ safety_identifier: "bob" }).user).toBe("bob");
  });

  test("knows the roles of items that do not name theirs", () => {
    const view = read({
      instructions: "Be brief.",
      input: [
        { role: "user", content: "hi" },
        { type: "reasoning", id: "rs", summary: [] },
        { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "1" },
        { type: "message", role: "developer", content: [] },
      ],
    });
    expect(view.roles()).toEqual(["system", "user", "assistant", "assistant", "tool", "developer"]);
    expect([view.messageCount, read({}).messageCount]).toEqual([6, 0]);
  });

  test("has every text that the model reads, and no bytes, seals or names of the format's own", () => {
    const input = [
      {
        role: "user",
        content: [
          { type: "input_text", text: "a" },
          { type: "input_file", filename: "b.pdf", file_data: "xx" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "output_text", text: "c" },
          { type: "refusal", refusal: "d" },
        ],
      },
      { type: "reasoning", id: "rs", summary: [{ type: "summary_text", text: "e" }], encrypted_content: "xx" },
      { type: "function_call", call_id: "x", name: "f", arguments: '{"g":1}' },
      { type: "function_call_output", call_id: "x", output: [{ type: "input_text", text: "h" }] },
      { type: "custom_tool_call", call_id: "x", name: "i", input: "j" },
      { type: "mcp_call", id: "x", server_label: "k", name: "l", arguments: "{}", output: "m" },
      { type: "image_generation_call", id: "x", result: "xx" },
      { type: "item_reference", id: "x" },
      { type: "brand_new", id: "x", said: { so: "n" } },
      "o",
    ];
    expect(textsOf({ input }).flat()).toEqual([
      "a",
      "b.pdf",
      "c",
      "d",
      "e",
      "f",
      '{"g":1}',
      "h",
      "i",
      "j",
      "l",
      "{}",
      "m",
      "n",
      "o",
    ]);
  });

  test("counts images, in messages and in what tools gave back", () => {
    const image = { type: "input_image", detail: "low", image_url: `data:image/png;base64,${tinyPng}` };
    const view = read({
      input: [
        { role: "user", content: [image] },
        { type: "computer_call_output", call_id: "c", output: { type: "computer_screenshot", image_url: "https://x" } },
      ],
    });
    expect(view.imageCount()).toBe(2);
    expect(view.parts()[0]!.images).toEqual([{ detail: "low", width: 1, height: 2 }]);
  });

  test("has tools by name, the provider's own by type, and those in a namespace one by one", () => {
    const view = read({
      tools: [
        { type: "function", name: "f", parameters: {} },
        { type: "web_search_preview" },
        { type: "mcp", server_label: "files", server_url: "https://x" },
        {
          type: "namespace",
          name: "n",
          tools: [
            { type: "function", name: "g" },
            { type: "custom", name: "h" },
          ],
        },
      ],
      text: { format: { type: "json_schema", name: "s", schema: { type: "object" } } },
      prompt: { id: "p", variables: { who: "ann" } },
    });
    expect([view.toolCount, view.toolNames()]).toEqual([5, ["f", "web_search_preview", "mcp", "g", "h"]]);
    expect(view.parts().at(-2)?.texts).toEqual(['{"type":"object"}']);
    expect(view.parts().at(-1)?.texts).toEqual(["ann"]);
  });
});

test.each([
  [{ input: 5 }, "'input' must be a string or an array of items; received 5."],
  [{ input: [5] }, "'input[0]' must be an object; received 5."],
  [{ instructions: [] }, "'instructions' must be a string; received an empty array."],
  [{ max_output_tokens: -1 }, "'max_output_tokens' must be a whole number of at least 0; received -1."],
  [{ tools: {} }, "'tools' must be an array of objects; received an object."],
  [{ model: "" }, "'model' must be a non-empty string of at most 256 characters; received an empty string."],
])("%j is refused, saying what is accepted", (members, problem) => {
  expect(thrownBy(() => read(members))).toEqual(["invalid_request", problem]);
});
