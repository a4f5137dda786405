import { describe, expect, test } from "bun:test";
import Anthropic, { APIError as AnthropicError } from "@anthropic-ai/sdk";
import OpenAI, { APIError as OpenAIError } from "openai";
import type { WireFormat } from "../core/wire.ts";
import { anthropicMessages } from "./anthropic-messages/format.ts";
import { createEcho } from "./echo/echo.ts";
import { openaiChat } from "./openai-chat/format.ts";
import { openaiCompletions } from "./openai-completions/format.ts";
import { openaiResponses } from "./openai-responses/format.ts";
import { body } from "./testing.ts";

const refusal = {
  status: 502,
  code: "upstream_interrupted",
  message: "the provider broke off",
  sluice: { policy: "p" },
};
const request = { model: "m", max_tokens: 50, messages: [{ role: "user" as const, content: "one two three" }] };

/** The first half of an echoed stream, ended by an error as the gateway ends it. */
async function broken(format: WireFormat, members: object = request): Promise<Response> {
  const echo = createEcho();
  const answer = await echo({ surface: format.surface, body: body({ ...members, model: "m", stream: true }) });
  const events = (await answer.text()).split(/(?<=\n\n)/);
  const text = events.slice(0, Math.ceil(events.length / 2)).join("") + format.writeStreamError(refusal);
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

const thrownBy = async (stream: AsyncIterable<unknown>) => {
  let read = 0;
  try {
    for await (const _ of stream) read += 1;
  } catch (error) {
    return { read, error };
  }
  return { read, error: null };
};

describe("a stream that Sluice has to end raises the official SDK's error with our reason", () => {
  test("openai", async () => {
    const fetch = (): Promise<Response> => broken(openaiChat);
    const client = new OpenAI({ apiKey: "x", maxRetries: 0, fetch });
    const { read, error } = await thrownBy(await client.chat.completions.create({ ...request, stream: true }));
    expect(read).toBeGreaterThan(1);
    expect(error).toBeInstanceOf(OpenAIError);
    expect(error).toMatchObject({ code: refusal.code, error: { message: refusal.message, sluice: refusal.sluice } });
  });

  test("openai, responses and completions", async () => {
    const fetch = (): Promise<Response> => broken(openaiResponses, { input: "one two three" });
    const responses = new OpenAI({ apiKey: "x", maxRetries: 0, fetch }).responses;
    const older = (): Promise<Response> => broken(openaiCompletions, { prompt: "one two three" });
    const completions = new OpenAI({ apiKey: "x", maxRetries: 0, fetch: older }).completions;
    const { error: streamed } = await thrownBy(await responses.create({ model: "m", input: "", stream: true }));
    const joined: unknown = await responses
      .stream({ model: "m", input: "" })
      .finalResponse()
      .catch((error: unknown) => error);
    const { error: completion } = await thrownBy(await completions.create({ model: "m", prompt: "", stream: true }));
    for (const error of [streamed, joined, completion]) {
      expect(error).toBeInstanceOf(OpenAIError);
      expect(error).toMatchObject({ code: refusal.code, error: { message: refusal.message, sluice: refusal.sluice } });
    }
  });

  test("@anthropic-ai/sdk", async () => {
    const fetch = (): Promise<Response> => broken(anthropicMessages);
    const client = new Anthropic({ apiKey: "x", maxRetries: 0, fetch });
    const { read, error } = await thrownBy(await client.messages.create({ ...request, stream: true }));
    expect(read).toBeGreaterThan(1);
    expect(error).toBeInstanceOf(AnthropicError);
    expect((error as AnthropicError).error).toMatchObject({
      error: { type: "api_error", message: refusal.message, code: refusal.code, sluice: refusal.sluice },
    });
  });
});
