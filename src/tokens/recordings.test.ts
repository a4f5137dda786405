import { afterAll, describe, expect, test } from "bun:test";
import type { ModelInfo } from "../core/ports.ts";
import { fixtures } from "../providers/fixtures.ts";
import { openaiChat } from "../providers/openai-chat/format.ts";
import { createTokenCounter } from "./counter.ts";
import { model } from "./testing.ts";

const counter = createTokenCounter();
afterAll(() => counter.close());

/** What the request does not show: sound, and a model that is billed less than the text it is sent. */
const unknowable = new Set(["audio-input", "audio-output", "web-search-annotations"]);

const { list, skip } = fixtures("chat");
const recorded = list.filter(
  ({ meta, request }) =>
    meta.provider === "openai" && request !== null && meta.expectedUsage !== null && !unknowable.has(meta.name),
);

function encodingOf(id: string): ModelInfo["encoding"] {
  return /^gpt-(3|4(?![o.]))/.test(id) ? "cl100k_base" : "o200k_base";
}

describe.skipIf(skip !== "")(`recorded OpenAI chats ${skip}`, () => {
  test("plain ones are counted to the token; with tools or images never below what was billed", async () => {
    const wrong: unknown[] = [];
    for (const { meta, request } of recorded) {
      const view = openaiChat.readRequest(new TextEncoder().encode(request!));
      const counted = await counter.countPrompt(view, model(view.model, encodingOf(view.model)));
      const billed = meta.expectedUsage!.prompt_tokens!;
      const right = counted.exact ? counted.tokens === billed : counted.tokens >= billed;
      if (!right) wrong.push({ name: meta.name, billed, counted });
    }
    expect(wrong).toEqual([]);
    expect(recorded.length).toBeGreaterThan(20);
  });
});
