import { describe, expect, test } from "bun:test";
import { type Surface, surfaces } from "../core/phases.ts";
import type { JsonObject } from "../core/wire.ts";
import { fixtures } from "./fixtures.ts";
import { wireFormats } from "./formats.ts";
import { unknownFields } from "./known-fields.ts";

/** Other vendors' own members of OpenAI's bodies: unknown, and passed on. */
const vendors = new Set(["openrouter", "mistral", "groq", "xai", "deepseek", "together", "perplexity", "cerebras"]);
const surfaceOf: Readonly<Record<string, Surface>> = {
  chat: "chat",
  completions: "completions",
  responses: "responses",
  embeddings: "embeddings",
  messages: "messages",
  count_tokens: "count_tokens",
  generateContent: "gemini",
  streamGenerateContent: "gemini",
  countTokens: "gemini-count-tokens",
  "v2-chat": "cohere",
  embed: "cohere-embeddings",
};

const recorded = fixtures(...Object.keys(surfaceOf));

describe.skipIf(recorded.skip !== "")(`recorded requests ${recorded.skip}`, () => {
  test("to a vendor that has its own format have no member that is not known", () => {
    const unknown = recorded.list.flatMap(({ meta, request }) => {
      if (request === null || vendors.has(meta.provider)) return [];
      const count = unknownFields(surfaceOf[meta.api]!, JSON.parse(request) as JsonObject);
      return count === 0 ? [] : [`${meta.provider}/${meta.api}/${meta.name}: ${count}`];
    });
    expect(unknown).toEqual([]);
  });
});

test.each([...surfaces])("a new member is counted on the surface %s, once for each", (surface) => {
  expect(unknownFields(surface, { model: "a", new_thing: 1, other_thing: 2 })).toBe(2);
});

test("events of new types are counted, and go on byte for byte", () => {
  const event = Buffer.from('event: brand_new\ndata: {"type":"brand_new","x":1}\n\n');
  for (const { surface, openStream } of wireFormats.filter(({ editAnswer }) => editAnswer !== undefined)) {
    const relay = openStream();
    const shown = Buffer.concat([relay.write(event) ?? Buffer.of(), relay.end() ?? Buffer.of()]);
    expect([surface, shown.toString()]).toEqual([surface, event.toString()]);
    // Gemini's events have no types.
    if (surface !== "gemini") expect([surface, relay.unknownEvents]).toEqual([surface, 1]);
  }
});
