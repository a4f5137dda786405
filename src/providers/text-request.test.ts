import { describe, expect, test } from "bun:test";
import { readCompletionsRequest } from "./openai-completions/request.ts";
import { readEmbeddingsRequest } from "./openai-embeddings/request.ts";
import { body, thrownBy } from "./testing.ts";

const completion = (members: object) => readCompletionsRequest(body({ model: "m", ...members }));
const embedding = (members: object) => readEmbeddingsRequest(body({ model: "m", ...members }));

describe("a completion", () => {
  test.each([
    [{ prompt: "a" }, 1],
    [{ prompt: ["a", "b"], n: 3 }, 6],
    [{ prompt: "a", n: 2, best_of: 5 }, 5],
    [{ prompt: [1, 2, 3] }, 1],
    [{ prompt: [[1], [2, 3]] }, 2],
    [{}, 1],
  ])("%j is written as often as it is paid for", (members, choices) => {
    expect(completion(members).choices).toBe(choices);
  });

  test("has its texts, its tokens and what is to follow", () => {
    const parts = completion({ prompt: ["a", [1, 2, 3], ""], suffix: "z" }).parts();
    expect(parts.map(({ kind, texts, tokens }) => [kind, texts, tokens])).toEqual([
      ["text", ["a"], undefined],
      ["text", [], 3],
      ["text", [], undefined],
      ["text", ["z"], undefined],
    ]);
  });

  test("may ask for nonsense, which is the provider's to refuse", () => {
    expect(completion({ prompt: "a", max_tokens: -1 }).maxTokensRequested).toBe(0);
  });
});

describe("an embedding", () => {
  test("writes nothing, so its maximum counts for nothing", () => {
    expect(embedding({ input: "a" })).toMatchObject({ choices: 0, maxTokensRequested: 0, stream: false });
  });

  test.each([
    ["a", 1, 1],
    [["a", "bc"], 2, 3],
    [[1, 2], 1, 0],
    [[[1, 2], [3]], 2, 0],
    [[], 0, 0],
  ] as const)("of %j has %i inputs", (input, count, characters) => {
    const view = embedding({ input });
    expect([view.messageCount, view.characters()]).toEqual([count, characters]);
  });

  test.each([
    [5, "'input' must be a string, an array of strings, or tokens as an array of numbers; received 5."],
    [["a", 5], "'input[1]' must be a string or an array of tokens; received 5."],
    [[["a"]], "'input[0]' must be a string or an array of tokens; received an array."],
  ])("of %j is refused", (input, problem) => {
    expect(thrownBy(() => embedding({ input }))).toEqual(["invalid_request", problem]);
  });
});
