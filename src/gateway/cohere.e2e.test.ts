import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CohereClientV2, CohereError } from "cohere-ai";
import { type Harness, startHarness } from "./e2e-harness.ts";

const policies = {
  "org/shell.policy.yaml": `description: No tool may be called shell.
rules:
  - { id: shell-tool, when: '"shell" in request.tool_names', then: deny, code: shell_tool, message: no shells }
`,
  "org/rate.policy.yaml": `description: One call a day.
uses: rate_limit
scope: { models: [limited-model] }
with: { windows: [{ every: day, requests: 1 }] }
`,
};

let sluice: Harness;
let client: CohereClientV2;
beforeAll(async () => {
  sluice = await startHarness({ policies });
  client = new CohereClientV2({ token: sluice.key, environment: sluice.url, maxRetries: 0 });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

const base = { model: "echo", messages: [{ role: "user" as const, content: "hello there" }] };
const tool = (name: string) => ({
  type: "function" as const,
  function: { name, parameters: { type: "object", properties: { q: { type: "string" } }, required: ["q"] } },
});

async function failure(promise: Promise<unknown>): Promise<CohereError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CohereError);
  return error as CohereError;
}

describe("the official cohere-ai", () => {
  test("gets a plain answer with usage, and the ledger has the same figures", async () => {
    const { data, rawResponse } = await client.chat(base).withRawResponse();
    expect(data.message.content).toEqual([{ type: "text", text: "hello there" }]);
    expect(data.finishReason).toBe("COMPLETE");
    expect(await sluice.ledger(rawResponse.headers.get("sluice-request-id"))).toMatchObject({
      prompt_tokens: data.usage?.tokens?.inputTokens,
      completion_tokens: data.usage?.tokens?.outputTokens,
      surface: "cohere",
      status: 200,
      provenance: "provider",
    });
  });

  test("gets a stream that ends as a whole message", async () => {
    const { data, rawResponse } = await client.chatStream(base).withRawResponse();
    const types: string[] = [];
    const texts: string[] = [];
    for await (const event of data) {
      types.push(event.type);
      if (event.type === "content-delta") texts.push(event.delta?.message?.content?.text ?? "");
      if (event.type === "message-end") expect(event.delta?.finishReason).toBe("COMPLETE");
    }
    expect(texts.join("")).toBe("hello there");
    expect([types[0], types.at(-1)]).toEqual(["message-start", "message-end"]);
    const row = await sluice.ledger(rawResponse.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ completion_tokens: 2, stream: true, provenance: "provider" });
  });

  test("gets tool calls, plain and streamed", async () => {
    const request = { ...base, messages: [{ role: "user" as const, content: "call search" }], tools: [tool("search")] };
    const { finishReason, message } = await client.chat(request);
    expect(finishReason).toBe("TOOL_CALL");
    expect(message.toolCalls?.[0]?.function).toEqual({ name: "search", arguments: '{"q":"call search"}' });
    let given = "";
    for await (const event of await client.chatStream(request)) {
      if (event.type === "tool-call-delta") given += event.delta?.message?.toolCalls?.function?.arguments ?? "";
    }
    expect(given).toBe('{"q":"call search"}');
  });

  test("gets embeddings", async () => {
    const texts = ["hello", "you"];
    const { data, rawResponse } = await client
      .embed({ model: "echo", texts, inputType: "search_document", outputDimension: 4, embeddingTypes: ["float"] })
      .withRawResponse();
    expect(data.embeddings.float).toHaveLength(2);
    expect(data.embeddings.float?.[0]).toHaveLength(4);
    const row = await sluice.ledger(rawResponse.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ surface: "cohere-embeddings", prompt_tokens: 2, completion_tokens: 0 });
  });

  test("raises its typed errors with our code, policy and rule", async () => {
    for (const asked of [
      client.chat({ ...base, tools: [tool("shell")] }),
      client.chatStream({ ...base, tools: [tool("shell")] }),
    ]) {
      const denied = await failure(asked);
      expect([denied.name, denied.statusCode]).toEqual(["ForbiddenError", 403]);
      expect(denied.body).toMatchObject({
        message: "no shells",
        code: "shell_tool",
        sluice: { policy: "org/shell", rule: "shell-tool" },
      });
    }
    const limited = { ...base, model: "limited-model" };
    await client.chat(limited);
    expect((await failure(client.chat(limited))).name).toBe("TooManyRequestsError");
    const stranger = new CohereClientV2({ token: "wrong", environment: sluice.url, maxRetries: 0 });
    expect((await failure(stranger.chat(base))).name).toBe("UnauthorizedError");
    const wrong = await failure(client.chat({ ...base, maxTokens: 0.5 }));
    expect([wrong.name, JSON.stringify(wrong.body)]).toEqual([
      "BadRequestError",
      expect.stringContaining("max_tokens"),
    ]);
  });

  test("reads a stream that broke off as a message that ended in an error", async () => {
    const headers = { "sluice-echo": "fault=reset,tokens=6" };
    let last: unknown;
    for await (const event of await client.chatStream(base, { headers })) last = event;
    expect(last).toMatchObject({ type: "message-end", delta: { finishReason: "ERROR" } });
  });
});
