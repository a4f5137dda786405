import { describe, expect, test } from "bun:test";
import { gemini } from "./format.ts";
import { readGeminiUsage } from "./usage.ts";

const answer = {
  candidates: [
    {
      content: {
        role: "model",
        parts: [
          { text: "thinking of a secret", thought: true },
          { text: "a secret", thoughtSignature: "c2VhbA==" },
          { text: " indeed" },
          { functionCall: { name: "search", args: { q: "x" } } },
          { functionCall: { id: "2", name: "read", args: {} } },
        ],
      },
      finishReason: "STOP",
      index: 0,
      groundingMetadata: { webSearchQueries: ["q"], groundingSupports: [{ segment: { text: "a secret" } }] },
      logprobsResult: { chosenCandidates: [{ token: "secret" }] },
    },
  ],
  usageMetadata: { promptTokenCount: 1 },
};
const editor = () => gemini.editAnswer!(answer);
const kept = () => editor().pieces.map(({ text }) => text);
const written = (texts: readonly (string | null)[]) => JSON.parse(editor().write(texts)) as typeof answer;

describe("the words of a whole answer", () => {
  test("are one piece for each channel", () => {
    expect(editor().pieces.map(({ kind, tool, text }) => [kind, tool, text])).toEqual([
      ["reasoning", "", "thinking of a secret"],
      ["text", "", "a secret indeed"],
      ["tool_name", "0", "search"],
      ["tool_arguments", "0", '{"q":"x"}'],
      ["tool_name", "1", "read"],
      ["tool_arguments", "1", "{}"],
    ]);
    expect(written(kept())).toEqual(answer);
  });

  test("stand once when they are changed, and nothing repeats them", () => {
    const changed = written(kept().map((text) => text.replaceAll("secret", "***")));
    expect(JSON.stringify(changed)).not.toContain("secret");
    expect(changed.candidates[0]!.content.parts.slice(0, 2)).toEqual([
      { text: "thinking of a ***", thought: true },
      { text: "a *** indeed", thoughtSignature: "c2VhbA==" },
    ]);
    expect(changed.candidates[0]).toMatchObject({
      groundingMetadata: { webSearchQueries: ["q"] },
      finishReason: "STOP",
    });
  });

  test("are without a call that is taken out", () => {
    const one = written(kept().map((text, i) => (i === 2 || i === 3 ? null : text)));
    expect(one.candidates[0]!.content.parts.slice(3)).toEqual([answer.candidates[0]!.content.parts[4]!]);
    const none = written(kept().map((text, i) => (i > 1 ? null : text)));
    expect(none.candidates[0]!.content.parts).toHaveLength(3);
  });

  test("of a call alone leave an empty part, as the provider's own empty answers have", () => {
    const alone = {
      candidates: [{ content: { parts: [{ functionCall: { name: "f", args: {} } }] }, finishReason: "STOP" }],
    };
    expect(JSON.parse(gemini.editAnswer!(alone).write([null, null]))).toEqual({
      candidates: [{ content: { parts: [{ text: "" }] }, finishReason: "STOP" }],
    });
  });
});

describe("usage", () => {
  test.each([
    [{ promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 }, [5, 2, 7, null, null]],
    [
      { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 3, cachedContentTokenCount: 4 },
      [5, 5, 10, 4, 3],
    ],
    [
      { promptTokenCount: 5, toolUsePromptTokenCount: 6, candidatesTokenCount: 1, totalTokenCount: 12 },
      [11, 1, 12, null, null],
    ],
    [{ candidatesTokenCount: 2, totalTokenCount: 9 }, [7, 2, 9, null, null]],
    [{ totalTokenCount: 9 }, [9, 0, 9, null, null]],
  ])("%j", (metadata, expected) => {
    const usage = readGeminiUsage(metadata)!;
    const { promptTokens, completionTokens, totalTokens, cachedTokens, reasoningTokens } = usage;
    expect([promptTokens, completionTokens, totalTokens, cachedTokens, reasoningTokens]).toEqual(expected);
  });

  test("without any count is none", () => {
    for (const nothing of [undefined, null, {}, { trafficType: "ON_DEMAND" }, "many", { promptTokenCount: -1 }]) {
      expect(readGeminiUsage(nothing)).toBeNull();
    }
  });
});

test("an error with a success status is told in the provider's words", () => {
  expect(gemini.readAnswer({ error: { code: 503, message: "overloaded" } }).error).toBe("overloaded");
  expect(gemini.readAnswer({ error: {} }).error).toBe("error");
  expect(gemini.readAnswer({ candidates: [] }).error).toBe("");
});

describe("a stream", () => {
  const read = (...events: object[]) => {
    const relay = gemini.openStream();
    for (const event of events) relay.write(Buffer.from(`data: ${JSON.stringify(event)}\r\n\r\n`));
    relay.end();
    return relay;
  };
  const usage = (candidatesTokenCount: number) => ({ usageMetadata: { promptTokenCount: 3, candidatesTokenCount } });

  test("tells the last whole usage, be it less than the one before, and metadata without counts replaces nothing", () => {
    const relay = read(
      { candidates: [{ content: { parts: [{ text: "a" }] } }], ...usage(9) },
      { candidates: [{ finishReason: "STOP" }], ...usage(5) },
      { usageMetadata: { trafficType: "ON_DEMAND" } },
    );
    expect(relay.summary().usage).toMatchObject({ promptTokens: 3, completionTokens: 5 });
    expect(relay.complete).toBe(true);
  });

  test("that only told its prompt's count when it broke off has none", () => {
    const relay = read({
      candidates: [{ content: { parts: [{ text: "a" }] } }],
      usageMetadata: { promptTokenCount: 3 },
    });
    expect(relay.summary().usage).toBeNull();
    expect([relay.complete, relay.summary().text]).toEqual([false, "a"]);
  });

  test("with an error in it is not complete, in the provider's words", () => {
    const relay = read({ error: { code: 503, message: "overloaded", status: "UNAVAILABLE" } });
    expect([relay.complete, relay.error]).toEqual([false, "overloaded"]);
  });

  test("of a blocked prompt is complete, and says why", () => {
    const relay = read({ promptFeedback: { blockReason: "PROHIBITED_CONTENT" } });
    expect([relay.complete, relay.summary().finishReason]).toEqual([true, "PROHIBITED_CONTENT"]);
  });
});
