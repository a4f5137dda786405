import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ApiError, GoogleGenAI, Type } from "@google/genai";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

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
  "org/cap.policy.yaml": `description: Answers of the short model are short.
scope: { models: [short-model] }
rules:
  - { id: cap, then: modify, modify: [{ op: cap, path: max_tokens, value: 2 }] }
`,
};

let sluice: Harness;
let client: GoogleGenAI;
let requestId: string | null = null;
/** The SDK does not show a stream's headers. */
const fetching = (async (input: Request, init?: RequestInit) => {
  const response = await fetch(input, init);
  requestId = response.headers.get("sluice-request-id");
  return response;
}) as typeof fetch;

beforeAll(async () => {
  sluice = await startHarness({ policies });
  client = clientOf(sluice, sluice.key);
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

function clientOf({ url }: { url: string }, apiKey: string): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, fetch: fetching, retryOptions: { attempts: 1 } } });
}

const base = { model: "echo", contents: "hello there" };
const withTool = (name: string) => ({
  tools: [
    {
      functionDeclarations: [
        { name, parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } }, required: ["city"] } },
      ],
    },
  ],
});
const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );

/** The error as Google's clients read it: the SDK has the body as its message. */
async function apiError(promise: Promise<unknown>): Promise<{ status: number; error: Record<string, unknown> }> {
  const error = await thrownBy(promise);
  expect(error).toBeInstanceOf(ApiError);
  const { status, message } = error as ApiError;
  return { status, error: (JSON.parse(message) as { error: Record<string, unknown> }).error };
}

describe("the official @google/genai", () => {
  test("gets a plain answer with usage, and the ledger has the same figures", async () => {
    const answer = await client.models.generateContent(base);
    expect(answer.text).toBe("hello there");
    expect(answer.candidates?.[0]?.finishReason as string).toBe("STOP");
    expect(await sluice.ledger(requestId)).toMatchObject({
      prompt_tokens: answer.usageMetadata?.promptTokenCount,
      completion_tokens: answer.usageMetadata?.candidatesTokenCount,
      surface: "gemini",
      model: "echo",
      stream: false,
      provenance: "provider",
    });
  });

  test("gets a stream that ends as a whole message, which its chat remembers", async () => {
    const chat = client.chats.create({ model: "echo" });
    const texts: string[] = [];
    for await (const { text } of await chat.sendMessageStream({ message: "one two three" })) texts.push(text ?? "");
    expect(texts).toEqual(["one", " two", " three"]);
    expect(chat.getHistory(true)).toHaveLength(2 + 2);
    expect(await sluice.ledger(requestId)).toMatchObject({
      completion_tokens: 3,
      stream: true,
      provenance: "provider",
    });
  });

  test("gets function calls, plain and streamed", async () => {
    const request = { ...base, contents: "call weather", config: withTool("weather") };
    const plain = await client.models.generateContent(request);
    expect(plain.functionCalls).toEqual([{ name: "weather", args: { city: "call weather" } }]);
    const streamed = [];
    for await (const { functionCalls } of await client.models.generateContentStream(request)) {
      streamed.push(...(functionCalls ?? []));
    }
    expect(streamed).toEqual(plain.functionCalls!);
  });

  test("calls any version of the API that its clients name", async () => {
    for (const apiVersion of ["v1", "v1beta", "v1alpha"]) {
      const answer = await client.models.generateContent({ ...base, config: { httpOptions: { apiVersion } } });
      expect([apiVersion, answer.text]).toEqual([apiVersion, "hello there"]);
    }
    const headers = { authorization: `Bearer ${sluice.key}` };
    const listed = await fetch(`${sluice.url}/v1/models/echo`, { headers });
    expect((await listed.json()) as object).toMatchObject({ id: "echo", object: "model" });
  });

  test("names models with and without their collection, and tuned ones", async () => {
    for (const model of ["models/gemini-2.5-flash", "gemini-2.5-flash"]) {
      const { modelVersion } = await client.models.generateContent({ ...base, model });
      expect([model, modelVersion]).toEqual([model, "gemini-2.5-flash"]);
    }
    const tuned = await client.models.generateContent({ ...base, model: "tunedModels/ours-1" });
    expect(tuned.modelVersion).toBe("tunedModels/ours-1");
    const response = await sluice.post("/v1beta/models/models%2Fgemini-2.5-pro:generateContent", { contents: [] });
    expect((await response.json()) as object).toMatchObject({ modelVersion: "gemini-2.5-pro" });
  });

  test("counts tokens, which costs nothing and answers nothing", async () => {
    const { totalTokens } = await client.models.countTokens(base);
    expect(totalTokens).toBe(3);
    const row = await sluice.ledger(requestId);
    expect(row).toMatchObject({ surface: "gemini-count-tokens", prompt_tokens: 3, completion_tokens: 0 });
  });

  test("gets embeddings, of one content and of several", async () => {
    const config = { outputDimensionality: 4 };
    const one = await client.models.embedContent({ model: "echo", contents: "hello", config });
    const more = await client.models.embedContent({ model: "echo", contents: ["hello", "you"], config });
    expect(more.embeddings).toHaveLength(2);
    expect(more.embeddings?.[0]?.values).toEqual(one.embeddings![0]!.values!);
    expect(more.embeddings?.[0]?.values).toHaveLength(4);
    expect(await sluice.ledger(requestId)).toMatchObject({ surface: "gemini-embeddings", completion_tokens: 0 });
    const single = await sluice.post("/v1beta/models/echo:embedContent", { content: { parts: [{ text: "hello" }] } });
    expect((await single.json()) as object).toMatchObject({ embedding: { values: expect.anything() } });
  });

  test("gets a policy's changes: the answer is cut", async () => {
    const answer = await client.models.generateContent({ ...base, model: "short-model", contents: "one two three" });
    expect(answer.text).toBe("one two");
    expect(answer.candidates?.[0]?.finishReason as string).toBe("MAX_TOKENS");
  });

  test("raises ApiError with our code, policy and rule when a policy denies", async () => {
    const request = { ...base, config: withTool("shell") };
    for (const asked of [client.models.generateContent(request), client.models.generateContentStream(request)]) {
      const { status, error } = await apiError(asked);
      expect(status).toBe(403);
      expect(error).toMatchObject({
        code: 403,
        message: "no shells",
        status: "PERMISSION_DENIED",
        details: [
          {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            reason: "shell_tool",
            metadata: { policy: "org/shell", rule: "shell-tool" },
            sluice: { policy: "org/shell", rule: "shell-tool" },
          },
        ],
      });
    }
  });

  test("raises ApiError once a limit is spent, for a wrong key, a wrong field and another method", async () => {
    const limited = { ...base, model: "limited-model" };
    await client.models.generateContent(limited);
    const spent = await apiError(client.models.generateContent(limited));
    expect([spent.status, spent.error.status]).toEqual([429, "RESOURCE_EXHAUSTED"]);

    const stranger = await apiError(clientOf(sluice, "wrong").models.generateContent(base));
    expect([stranger.status, stranger.error.status]).toEqual([401, "UNAUTHENTICATED"]);

    const config = { maxOutputTokens: "many" as unknown as number };
    const wrong = await apiError(client.models.generateContent({ ...base, config }));
    expect([wrong.status, wrong.error.status]).toEqual([400, "INVALID_ARGUMENT"]);
    expect(wrong.error.message).toContain("maxOutputTokens");

    const unknown = await sluice.post("/v1beta/models/echo:predict", {});
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { error: { status: "NOT_FOUND" } }]);
  });
});

describe("without the SDK", () => {
  const contents = [{ parts: [{ text: "one two" }] }];

  test("a stream without alt=sse is one JSON array", async () => {
    const response = await sluice.post("/v1beta/models/echo:streamGenerateContent", { contents });
    expect(response.headers.get("content-type")).toStartWith("application/json");
    expect((await response.json()) as object[]).toMatchObject([
      { candidates: [{ content: { parts: [{ text: "one" }] } }] },
      { candidates: [{ content: { parts: [{ text: " two" }] }, finishReason: "STOP" }] },
    ]);
    const row = await sluice.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ stream: true, completion_tokens: 2, provenance: "provider", code: "" });
  });

  test("an array that breaks off ends with the error as its last element", async () => {
    const response = await sluice.post(
      "/v1beta/models/echo:streamGenerateContent",
      { contents },
      { "sluice-echo": "fault=reset,tokens=6" },
    );
    const elements = (await response.json()) as object[];
    expect(elements.at(-1)).toMatchObject({ error: { code: 502, details: [{ reason: "upstream_interrupted" }] } });
  });

  test("the key may stand in the query, and neither it nor another of the client's reaches the provider", async () => {
    const asked: { url: string; key: string | null }[] = [];
    using provider = standIn((request) => {
      asked.push({ url: request.url, key: request.headers.get("x-goog-api-key") });
      return Response.json({ candidates: [{ content: { parts: [{ text: "hi" }] }, finishReason: "STOP" }] });
    });
    const models = { ours: { targets: [{ provider: "gemini", model: "gemini-2.5-pro" }] } };
    await using gateway = await startHarness({ upstream: provider.url, config: { models } });
    const query = `?prettyPrint=false&key=${gateway.key}&access_token=theirs`;
    const response = await fetch(`${gateway.url}/v1beta/models/ours:generateContent${query}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-goog-user-project": "theirs" },
      body: JSON.stringify({ contents }),
    });
    expect(response.status).toBe(200);
    expect(asked).toEqual([
      {
        url: `${provider.url}/v1beta/models/gemini-2.5-pro:generateContent?prettyPrint=false`,
        key: "sk-stand-in-provider-key-5f1d",
      },
    ]);
  });
});
