import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TokenCount } from "../core/ports.ts";
import type { PromptPart } from "../core/wire.ts";
import { createTokenCounter } from "./counter.ts";
import {
  claudeToolPrompt,
  estimateFactor,
  mostPriming,
  newClaudeFactor,
  replyPriming,
  tokensPerMessage,
  tokensPerToolResult,
} from "./overheads.ts";
import { gpt4, gpt4o, message, model, named, sonnet, tool, view } from "./testing.ts";

const counter = createTokenCounter();
afterAll(() => counter.close());

/** The conversation of the OpenAI cookbook's page on counting tokens, which states what the API billed for it. */
const cookbook = [
  message(
    "system",
    "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
  ),
  named("system", "example_user", "New synergies will help drive top-line growth."),
  named("system", "example_assistant", "Things working well together will increase revenue."),
  named(
    "system",
    "example_user",
    "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
  ),
  named("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
  message("user", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
];

const weather = {
  name: "get_weather",
  description: "Get the weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

describe("a prompt is counted", () => {
  test.each([
    ["gpt-4 as the API billed it", gpt4, 129],
    ["gpt-4o as the API billed it", gpt4o, 124],
  ])("for %s", async (_name, at, tokens) => {
    expect(await counter.countPrompt(view(...cookbook), at)).toEqual({ tokens, exact: true });
  });

  test.each([
    ["hello world", gpt4o, 2],
    ["hello world", gpt4, 2],
    ["<|endoftext|> is counted as text", gpt4o, 11],
    ["漢字", gpt4, 3],
    ["", gpt4o, 0],
  ])("text %p", async (text, at, tokens) => {
    expect(await counter.countText(text, at)).toEqual({ tokens, exact: true });
  });

  test("without a conversation around it where it is a bare text, and given tokens as they are", async () => {
    const bare = (part: Partial<PromptPart>): PromptPart => ({
      kind: "text",
      role: "",
      texts: [],
      images: [],
      ...part,
    });
    const prompt = view(bare({ texts: ["hello world"] }), bare({ tokens: 7 }));
    expect(await counter.countPrompt(prompt, gpt4o)).toEqual({ tokens: 9, exact: true });
    expect(counter.promptBound(prompt)).toBe("hello world".length + 7);
    expect((await counter.countPrompt(view(bare({ tokens: 7 })), sonnet)).tokens).toBe(7);
  });

  test("one token lower for reasoning models, as they bill it", async () => {
    const hi = view(message("user", "hello world"));
    expect(await counter.countPrompt(hi, gpt4o)).toEqual({ tokens: 9, exact: true });
    expect(await counter.countPrompt(hi, model("gpt-5-nano", "o200k_base"))).toEqual({ tokens: 8, exact: true });
    expect(await counter.countPrompt(hi, model("o3-mini", "o200k_base"))).toEqual({ tokens: 8, exact: true });
  });

  test("with every text of a message, in whatever order its blocks stand", async () => {
    const whole = await counter.countPrompt(view(message("user", "first part.", "second part.")), gpt4o);
    const turned = await counter.countPrompt(view(message("user", "second part.", "first part.")), gpt4o);
    const first = await counter.countPrompt(view(message("user", "first part.")), gpt4o);
    expect(whole).toEqual(turned);
    expect(whole.tokens).toBeGreaterThan(first.tokens);
  });

  test("with roles that are longer than a token", async () => {
    const usual = await counter.countPrompt(view(message("user", "hi")), gpt4o);
    const odd = await counter.countPrompt(view(message("quartermaster-general", "hi")), gpt4o);
    expect(odd.tokens).toBeGreaterThan(usual.tokens);
  });

  test("with its tools, which cost more than their definitions and are not exact", async () => {
    const bare = await counter.countPrompt(view(message("user", "hi")), gpt4o);
    const offered = await counter.countPrompt(view(message("user", "hi"), tool(weather)), gpt4o);
    const definition = await counter.countText(JSON.stringify(weather), gpt4o);
    expect(offered.tokens).toBeGreaterThan(bare.tokens + definition.tokens);
    expect(offered.exact).toBe(false);
  });

  test("with the hidden instruction that Claude reads when tools are offered", async () => {
    const bare = await counter.countPrompt(view(message("user", "hi")), sonnet);
    const offered = await counter.countPrompt(view(message("user", "hi"), tool(weather)), sonnet);
    expect(offered.tokens - bare.tokens).toBeGreaterThan(claudeToolPrompt);
  });

  test("with the results of tool calls, which are not exact", async () => {
    const said = await counter.countPrompt(view(message("user", "25 degrees")), gpt4o);
    const result = await counter.countPrompt(view(message("tool", "25 degrees")), gpt4o);
    expect(result).toEqual({ tokens: said.tokens + tokensPerToolResult, exact: false });
  });

  test("with its images, which are not exact", async () => {
    const picture: PromptPart = { kind: "message", role: "user", texts: [], images: [{ detail: "low" }] };
    expect(await counter.countPrompt(view(picture), gpt4o)).toEqual({ tokens: 4 + replyPriming + 85, exact: false });
  });

  test.each([
    ["Claude up to 4.6", "claude-sonnet-4-5-20250929", estimateFactor],
    ["Claude 3", "claude-3-7-sonnet-20250219", estimateFactor],
    ["Claude Opus 4 by its snapshot", "claude-opus-4-20250514", estimateFactor],
    ["Claude on Bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", estimateFactor],
    ["Claude from 4.7", "claude-opus-4-7", newClaudeFactor],
    ["Claude 5", "claude-sonnet-5", newClaudeFactor],
    ["a Claude not known yet", "claude-saga-9", newClaudeFactor],
    ["Gemini", "gemini-2.5-pro", estimateFactor],
  ])("for %s by o200k and a factor, marked as an estimate", async (_name, id, factor) => {
    const text = "The quick brown fox jumps over the lazy dog, and nobody minds. ".repeat(10);
    const { tokens } = await counter.countText(text, gpt4o);
    expect(await counter.countText(text, model(id, "none"))).toEqual({
      tokens: Math.ceil(tokens * factor),
      exact: false,
    });
  });
});

describe("a growing conversation", () => {
  test("costs the sum of its messages and the priming", async () => {
    const rest = replyPriming;
    const alone = await Promise.all(cookbook.map((part) => counter.countPrompt(view(part), gpt4o)));
    const sum = alone.reduce((total, { tokens }) => total + tokens - rest, rest);
    expect((await counter.countPrompt(view(...cookbook), gpt4o)).tokens).toBe(sum);
  });

  test("is counted only where it is new", async () => {
    using own = disposable(createTokenCounter());
    const turns = Array.from({ length: 20 }, (_, i) => message(i % 2 === 0 ? "user" : "assistant", `turn ${i}`));
    for (let length = 1; length <= turns.length; length += 1) {
      await own.countPrompt(view(...turns.slice(0, length)), gpt4o);
    }
    expect(own.stats.misses).toBe(turns.length);
    expect(own.stats.hits).toBe((turns.length * (turns.length - 1)) / 2);
  });

  test("is answered at once when nothing is new", async () => {
    await counter.countPrompt(view(...cookbook), gpt4o);
    expect(counter.countPrompt(view(...cookbook), gpt4o)).toEqual({ tokens: 124, exact: true });
  });

  test("does not mix up encodings", async () => {
    await counter.countText("漢字漢字", gpt4o);
    const first = await counter.countText("漢字漢字", gpt4);
    expect(first.tokens).not.toBe((await counter.countText("漢字漢字", gpt4o)).tokens);
  });

  test("forgets the oldest when memory is full", async () => {
    using own = disposable(createTokenCounter({ maxRemembered: 2 }));
    for (const text of ["one", "two", "three", "one"]) await own.countText(text, gpt4o);
    expect(own.stats).toEqual({ hits: 0, misses: 4, bounded: 0 });
  });
});

describe("the bound", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.lorem(), fc.stringMatching(/^[a-z]{0,40}$/));
  const image = fc.record({
    detail: fc.constantFrom("low" as const, "high" as const, "auto" as const),
    width: fc.nat(8000),
    height: fc.nat(8000),
  });
  const part = fc.record({
    kind: fc.constantFrom("message" as const, "tool" as const),
    role: fc.constantFrom("user", "assistant", "system", "someone"),
    named: fc.boolean(),
    texts: fc.array(text, { maxLength: 3 }),
    images: fc.array(fc.oneof(image, fc.constant({ detail: "auto" as const })), { maxLength: 2 }),
  });
  const models = [
    gpt4o,
    gpt4,
    sonnet,
    model("gpt-5", "o200k_base"),
    model("gpt-4o-mini", "o200k_base"),
    model("gpt-4.1-nano", "o200k_base"),
    model("claude-opus-5", "none"),
    model("gemini-2.5-pro", "none"),
  ];

  test("is never below the count, whatever the prompt and the model", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        const request = view(...parts);
        const bound = counter.promptBound(request);
        for (const at of models) {
          expect((await counter.countPrompt(request, at)).tokens).toBeLessThanOrEqual(bound);
        }
      }),
    );
  });

  test("of plain text is its bytes and the overheads", () => {
    const bytes = "grün".length + 1;
    const fixed = Math.ceil((tokensPerMessage + 1 + mostPriming) * newClaudeFactor);
    expect(counter.promptBound(view(message("user", "grün")))).toBe(bytes + fixed);
  });
});

describe("when the counting thread", () => {
  const text = "eight words that nobody has counted until now ";
  const bounded: TokenCount = { tokens: text.length, exact: false };

  test("is closed, the answer is the bound", async () => {
    const own = createTokenCounter();
    own.close();
    expect(await own.countText(text, gpt4o)).toEqual(bounded);
    expect(own.stats.bounded).toBe(1);
  });

  test("is overloaded, the answer is the bound", async () => {
    using own = disposable(createTokenCounter({ maxQueuedLength: text.length - 1 }));
    expect(await own.countText(text, gpt4o)).toEqual(bounded);
  });

  test("does not answer in time, the answer is the bound, and what is remembered still counts", async () => {
    const silent = URL.createObjectURL(new Blob(["onmessage = () => {};"], { type: "application/javascript" }));
    using own = disposable(createTokenCounter({ timeoutMs: 1, spawn: () => new Worker(silent) }));
    expect(await own.countText(text, gpt4o)).toEqual(bounded);
  });

  test("breaks, the answer is the bound", async () => {
    const broken = URL.createObjectURL(new Blob(["throw new Error('broken');"], { type: "application/javascript" }));
    using own = disposable(createTokenCounter({ spawn: () => new Worker(broken) }));
    expect(await own.countText(text, gpt4o)).toEqual(bounded);
  });
});

function disposable<T extends { close(): void }>(closable: T): T & Disposable {
  return Object.assign(closable, { [Symbol.dispose]: () => closable.close() });
}
