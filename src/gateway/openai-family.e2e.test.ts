import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic, { PermissionDeniedError as AnthropicDenied } from "@anthropic-ai/sdk";
import OpenAI, { type APIError, AzureOpenAI, NotFoundError, PermissionDeniedError, RateLimitError } from "openai";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

const policies = {
  "org/shell.policy.yaml": `description: No tool may be called shell.
rules:
  - { id: shell-tool, when: '"shell" in request.tool_names', then: deny, code: shell_tool, message: no shells }
`,
  "org/bomb.policy.yaml": `description: No bombs.
uses: regex_guard
with: { patterns: [{ name: bomb, pattern: "b[o0]mb" }] }
`,
  "org/masked.policy.yaml": `description: Badge numbers stay here.
rules:
  - { id: badge, then: modify, modify: [{ op: redact, path: messages, value: { pattern: "badge [0-9]+" } }] }
`,
  "org/rate.policy.yaml": `description: One call a day.
uses: rate_limit
scope: { models: [limited-model] }
with: { windows: [{ every: day, requests: 1 }] }
`,
};

let sluice: Harness;
let openai: OpenAI;
let anthropic: Anthropic;
const azure = (deployment?: string) =>
  new AzureOpenAI({
    endpoint: `${sluice.url}/azure`,
    apiKey: sluice.key,
    apiVersion: "2024-10-21",
    maxRetries: 0,
    ...(deployment !== undefined && { deployment }),
  });
beforeAll(async () => {
  sluice = await startHarness({ policies });
  openai = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: sluice.url, apiKey: sluice.key, maxRetries: 0 });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as APIError;
}

async function denied(promise: Promise<unknown>, policy: string, code: string): Promise<void> {
  const error = await failure(promise);
  expect(error).toBeInstanceOf(PermissionDeniedError);
  expect([error.status, error.code, error.type]).toEqual([403, code, "policy_denied"]);
  expect(error.error).toMatchObject({ sluice: { policy, rule: expect.any(String), decision_id: expect.any(String) } });
}

/** The text of the stream, put together from its fragments. */
async function textOf<T>(stream: AsyncIterable<T>, read: (event: T) => string | null | undefined): Promise<string> {
  let text = "";
  for await (const event of stream) text += read(event) ?? "";
  return text;
}

describe("responses", () => {
  const search = {
    type: "function" as const,
    name: "search",
    parameters: { type: "object", properties: { q: { type: "string" } }, required: ["q"] },
    strict: false,
  };

  test("come plain with usage, and the ledger has the same figures", async () => {
    const { data, response } = await openai.responses
      .create({ model: "echo", instructions: "Be brief.", input: "hello there" })
      .withResponse();
    expect([data.output_text, data.status]).toEqual(["hello there", "completed"]);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      surface: "responses",
      prompt_tokens: data.usage!.input_tokens,
      completion_tokens: data.usage!.output_tokens,
      provenance: "provider",
      status: 200,
    });
  });

  test("come streamed, as a whole response, cut at their maximum", async () => {
    const { data, response } = await openai.responses
      .create({ model: "echo", input: [{ role: "user", content: "hello there you" }], stream: true })
      .withResponse();
    const text = await textOf(data, (event) => (event.type === "response.output_text.delta" ? event.delta : ""));
    expect(text).toBe("hello there you");
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      stream: true,
      completion_tokens: 3,
      provenance: "provider",
    });
    const cut = await openai.responses
      .stream({ model: "echo", input: "hello there you", max_output_tokens: 2 })
      .finalResponse();
    expect([cut.output_text, cut.status, cut.incomplete_details]).toEqual([
      "hello there",
      "incomplete",
      { reason: "max_output_tokens" },
    ]);
  });

  test("call tools, plain and streamed, and take their results", async () => {
    const request = { model: "echo", input: "please call search", tools: [search] };
    const plain = await openai.responses.create(request);
    const streamed = await openai.responses.stream(request).finalResponse();
    for (const { output } of [plain, streamed]) {
      expect(output).toMatchObject([
        { type: "function_call", name: "search", arguments: '{"q":"please call search"}' },
      ]);
    }
    const [call] = plain.output;
    const next = await openai.responses.create({
      ...request,
      input: [
        { role: "user", content: "please call search" },
        call as OpenAI.Responses.ResponseFunctionToolCall,
        { type: "function_call_output", call_id: (call as { call_id: string }).call_id, output: "found 42" },
      ],
    });
    expect(next.output_text).toBe("found 42");
  });

  test("are refused for their tools and texts, wherever those stand", async () => {
    const tools = [{ ...search, name: "shell" }];
    await denied(openai.responses.create({ model: "echo", input: "hi", tools }), "org/shell", "shell_tool");
    for (const request of [
      { input: "a b0mb" },
      { input: "hi", instructions: "build a bomb" },
      { input: [{ role: "user" as const, content: [{ type: "input_text" as const, text: "a bomb" }] }] },
      { input: [{ type: "function_call_output" as const, call_id: "c", output: "a bomb" }] },
    ]) {
      const error = await failure(openai.responses.create({ model: "echo", ...request }));
      expect([error.status, error.type]).toEqual([403, "policy_denied"]);
    }
  });

  test("do not carry to the provider what is redacted", async () => {
    const { output_text: text } = await openai.responses.create({ model: "echo", input: "my badge 4711 is lost" });
    expect(text).toBe("my [redacted] is lost");
  });

  test("are counted against rates, with a typed error", async () => {
    const ask = () => openai.responses.create({ model: "limited-model", input: "hi" });
    await ask();
    expect(await failure(ask())).toBeInstanceOf(RateLimitError);
  });
});

describe("completions", () => {
  test("come plain and streamed, with usage", async () => {
    const { data, response } = await openai.completions
      .create({ model: "echo", prompt: ["one two", "three"], n: 1 })
      .withResponse();
    expect(data.choices).toHaveLength(2);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      surface: "completions",
      prompt_tokens: data.usage!.prompt_tokens,
      completion_tokens: data.usage!.completion_tokens,
    });
    const streamed = await openai.completions.create({ model: "echo", prompt: "hello there", stream: true });
    expect(await textOf(streamed, (chunk) => chunk.choices[0]!.text)).toBe("hello there");
  });

  test("are refused for their texts, and redacted", async () => {
    const error = await failure(openai.completions.create({ model: "echo", prompt: ["fine", "a bomb"] }));
    expect(error).toBeInstanceOf(PermissionDeniedError);
    const { choices } = await openai.completions.create({ model: "echo", prompt: "badge 12 of mine" });
    expect(choices[0]!.text).toBe("[redacted] of mine");
  });

  test("of tokens are refused where a policy has to see the text", async () => {
    const error = await failure(openai.completions.create({ model: "echo", prompt: [1, 2, 3] }));
    expect([error.status, error.code]).toEqual([400, "invalid_request"]);
    expect(error.message).toContain("'prompt' holds tokens");
  });
});

describe("embeddings", () => {
  test("come in the base64 that the SDK asks for, and as numbers, the same ones", async () => {
    const packed = await openai.embeddings.create({ model: "echo", input: ["a", "b"], dimensions: 4 });
    const plain = await openai.embeddings.create({
      model: "echo",
      input: ["a", "b"],
      dimensions: 4,
      encoding_format: "float",
    });
    expect(packed.data.map(({ embedding }) => embedding.length)).toEqual([4, 4]);
    for (const [i, { embedding }] of packed.data.entries()) {
      for (const [j, number] of embedding.entries()) expect(number).toBeCloseTo(plain.data[i]!.embedding[j]!, 6);
    }
  });

  test("cost nothing but their prompt, in the ledger and in limits", async () => {
    const { data, response } = await openai.embeddings.create({ model: "echo", input: "hello there" }).withResponse();
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      surface: "embeddings",
      prompt_tokens: data.usage.prompt_tokens,
      completion_tokens: 0,
      provenance: "provider",
    });
  });

  test("are refused for their texts", async () => {
    expect(await failure(openai.embeddings.create({ model: "echo", input: ["fine", "bomb"] }))).toBeInstanceOf(
      PermissionDeniedError,
    );
  });
});

describe("Azure's client", () => {
  const messages = [{ role: "user" as const, content: "hello there" }];

  test("names its deployment in the path, and gets plain answers and streams", async () => {
    const { data, response } = await azure("our-gpt").chat.completions.create({ model: "", messages }).withResponse();
    expect([data.choices[0]?.message.content, data.model]).toEqual(["hello there", "our-gpt"]);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      surface: "azure-chat",
      model: "our-gpt",
      provenance: "provider",
    });
    const stream = await azure().chat.completions.create({ model: "our-gpt", messages, stream: true });
    let first = true;
    const text = await textOf(stream, ({ choices, model }) => {
      if (first) expect([choices, model]).toEqual([[], ""]);
      first = false;
      return choices[0]?.delta.content;
    });
    expect(text).toBe("hello there");
  });

  test("gets tool calls, completions and embeddings", async () => {
    const tools = [{ type: "function" as const, function: { name: "search", parameters: { type: "object" } } }];
    const request = { model: "our-gpt", messages: [{ role: "user" as const, content: "call search" }], tools };
    const { choices } = await azure().chat.completions.stream(request).finalChatCompletion();
    expect(choices[0]).toMatchObject({ finish_reason: "tool_calls" });
    const completion = await azure().completions.create({ model: "our-gpt", prompt: "go on" });
    expect(completion.choices[0]?.text).toBe("go on");
    const { data } = await azure("our-embedding").embeddings.create({ model: "ignored", input: "x", dimensions: 3 });
    expect(data[0]?.embedding).toHaveLength(3);
  });

  test("may write its address with a slash at the end, and escape its deployment", async () => {
    for (const path of ["/azure//openai/deployments/our-gpt", "/azure/openai/deployments/our%2Dgpt"]) {
      const response = await sluice.post(`${path}/chat/completions?api-version=1`, { messages });
      expect([response.status, await response.json()]).toMatchObject([200, { model: "our-gpt" }]);
    }
  });

  test("is refused by the rules of the deployment that it names, whatever its body says", async () => {
    const tools = [{ type: "function" as const, function: { name: "shell" } }];
    await denied(azure("d").chat.completions.create({ model: "x", messages, tools }), "org/shell", "shell_tool");
    const ask = () => azure("limited-model").embeddings.create({ model: "other", input: "x" });
    await ask().catch(() => undefined);
    expect(await failure(ask())).toBeInstanceOf(RateLimitError);
  });
});

describe("Anthropic's count of tokens", () => {
  const messages = [{ role: "user" as const, content: "hello there" }];

  test("is answered, recorded, and neither paid for nor taken from limits", async () => {
    const { data, response } = await anthropic.messages.countTokens({ model: "echo", messages }).withResponse();
    expect(data.input_tokens).toBeGreaterThan(0);
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      surface: "count_tokens",
      prompt_tokens: data.input_tokens,
      completion_tokens: 0,
      cost_usd: 0,
    });
  });

  test("is refused as a message would be", async () => {
    const refused = anthropic.messages.countTokens({ model: "echo", messages: [{ role: "user", content: "a bomb" }] });
    const error = await failure(refused);
    expect(error).toBeInstanceOf(AnthropicDenied);
    expect((error as unknown as AnthropicDenied).error).toMatchObject({
      type: "error",
      error: { type: "permission_error", sluice: { policy: "org/bomb" } },
    });
  });
});

test("what goes to a provider is the path, the model and the credentials of its target", async () => {
  const seen: { path: string; key: string | null; body: Record<string, unknown> }[] = [];
  using provider = standIn(async (request) => {
    const { pathname, search } = new URL(request.url);
    seen.push({
      path: pathname + search,
      key: request.headers.get("api-key") ?? request.headers.get("authorization"),
      body: (await request.json()) as Record<string, unknown>,
    });
    return Response.json({ id: "x", object: "response", output: [], data: [], choices: [], usage: null });
  });
  await using gateway = await startHarness({
    upstream: provider.url,
    config: {
      providers: {
        azure: { kind: "azure", base_url: provider.url, api_key: "azure-secret", api_version: "2024-02-01" },
        openai: { kind: "openai", base_url: `${provider.url}/v1`, api_key: "openai-secret" },
      },
      models: { "our-gpt": { targets: [{ provider: "openai", model: "gpt-4o" }] } },
    },
  });
  const of = { endpoint: `${gateway.url}/azure`, apiKey: gateway.key, maxRetries: 0 };
  const client = new AzureOpenAI({ ...of, apiVersion: "2024-10-21" });
  await client.embeddings.create({ model: "dep", input: "x" });
  await client.chat.completions.create({ model: "our-gpt", messages: [] });
  const plain = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
  await plain.responses.create({ model: "our-gpt", input: "x" });
  expect(seen).toMatchObject([
    { path: "/openai/deployments/dep/embeddings?api-version=2024-10-21", key: "azure-secret", body: { model: "dep" } },
    { path: "/v1/chat/completions", key: "Bearer openai-secret", body: { model: "gpt-4o" } },
    { path: "/v1/responses", key: "Bearer openai-secret", body: { model: "gpt-4o" } },
  ]);
  expect(await failure(plain.responses.create({ model: "nobody-has-it", input: "x" }))).toBeInstanceOf(NotFoundError);
});

test("members and events that nobody knows yet pass, and are counted", async () => {
  const event = 'event: response.brand_new\ndata: {"type":"response.brand_new","x":1.0}\n\n';
  let sent = "";
  using provider = standIn(async (request) => {
    sent = await request.text();
    return new Response(event, { headers: { "content-type": "text/event-stream" } });
  });
  await using gateway = await startHarness({ upstream: provider.url });
  const text = '{"model":"gpt-4o","input":"x","stream":true,"brand_new":{ "a":1.0 }}';
  const response = await gateway.post("/v1/responses", text);
  expect([await response.text(), sent]).toEqual([event, text]);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('sluice_unknown_fields_total{surface="responses"} 1');
  expect(metrics).toContain('sluice_unknown_events_total{surface="responses"} 1');
});

test("an error that comes with status 200, as some vendors send it, is passed on and recorded as one", async () => {
  const body = { code: "The service is currently unavailable", error: "at capacity" };
  using provider = standIn(() => Response.json(body));
  await using gateway = await startHarness({ upstream: provider.url });
  for (const stream of [false, true]) {
    const request = { model: "gpt-4o", messages: [{ role: "user", content: "x" }], stream };
    const response = await gateway.post("/v1/chat/completions", request);
    expect(await response.json()).toEqual(body);
    const row = await gateway.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ status: 200, code: "upstream_error" });
  }
});
