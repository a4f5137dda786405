import { describe, expect, test } from "bun:test";
import type { WireFormat } from "../core/wire.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { openaiCompletions } from "./openai-completions/format.ts";
import { openaiResponses } from "./openai-responses/format.ts";
import { body, thrownBy } from "./testing.ts";

const formats: readonly WireFormat[] = [openaiChat, openaiCompletions, openaiResponses, anthropicMessages];
const base = { model: "a", messages: [], prompt: "", input: "", max_tokens: 5 };

describe.each(formats.map((format) => [format.surface, format] as const))("on the surface %s", (_, format) => {
  const refusal = (members: object) => thrownBy(() => format.readRequest(body({ ...base, ...members })));

  test.each([
    [{ models: ["a", "b"] }, "'models' names other models than 'model'"],
    [{ models: "b" }, "'models' names other models than 'model'"],
    [{ fallbacks: [{ model: "b" }] }, "'fallbacks' names other models than 'model'"],
    [{ fallbacks: "default" }, "'fallbacks' names other models than 'model'"],
    [{ preset: "cheap" }, "'preset' may stand for other models than 'model'"],
  ])("%j is refused: rules decide on one model", (members, problem) => {
    const [code, message] = refusal(members);
    expect([code, message]).toEqual(["invalid_request", expect.stringContaining(problem)]);
  });

  test("lists of none, or of the model itself, pass, and go when another model is to answer", () => {
    for (const members of [{ models: [] }, { models: ["a"], fallbacks: [{ model: "a" }] }, { models: null }]) {
      expect(refusal(members)).toEqual(["", "nothing was thrown"]);
    }
    const view = format.readRequest(body({ ...base, models: ["a"] }));
    const routed = { modifications: [{ op: "route", path: "model", value: "b" }] } as const;
    for (const edit of [{ model: "b" }, routed]) {
      expect(JSON.parse(Buffer.from(format.writeRequest(view, edit)).toString())).toEqual({ ...base, model: "b" });
    }
  });
});
