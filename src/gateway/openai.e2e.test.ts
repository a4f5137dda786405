import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from "openai";
import { type Harness, startHarness } from "./e2e-harness.ts";

const policies = {
  "org/shell.policy.yaml": `description: No tool may be called shell.
rules:
  - id: shell-tool
    when: request.tool_names.exists(name, name.startsWith("shell"))
    then: deny
    code: shell_tool
    message: the tool list holds a shell, offered to {request.model}
`,
  "org/rate.policy.yaml": `description: One user may call three times a minute.
uses: rate_limit
scope: { models: [limited-model] }
with: { per: [app, user], windows: [{ every: day, requests: 3 }] }
`,
};

let sluice: Harness;
let client: OpenAI;
beforeAll(async () => {
  sluice = await startHarness({ policies });
  client = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.key, maxRetries: 0 });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

const hello = [{ role: "user" as const, content: "hello there" }];
const tool = (name: string) => ({
  type: "function" as const,
  function: { name, parameters: { type: "object", properties: { q: { type: "string" } } } },
});

describe("the official openai SDK", () => {
  test("gets a plain answer with usage, and the ledger has the same figures", async () => {
    const { data, response } = await client.chat.completions.create({ model: "echo", messages: hello }).withResponse();
    expect(data.choices[0]?.message.content).toContain("hello there");
    const row = await sluice.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({
      prompt_tokens: data.usage!.prompt_tokens,
      completion_tokens: data.usage!.completion_tokens,
      total_tokens: data.usage!.total_tokens,
      status: 200,
      provenance: "provider",
      decision: "allow",
    });
  });

  test("gets a stream without the usage chunk it did not ask for, and the ledger still has the provider's usage", async () => {
    const { data, response } = await client.chat.completions
      .create({ model: "echo", messages: hello, stream: true })
      .withResponse();
    let text = "";
    for await (const chunk of data) {
      expect(chunk.choices.length).toBeGreaterThan(0);
      expect(chunk).not.toHaveProperty("usage");
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toContain("hello there");
    const row = await sluice.ledger(response.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ provenance: "provider", stream: true, status: 200 });
    expect(row.completion_tokens).toBeGreaterThan(0);
  });

  test("gets the usage chunk when it asks for it", async () => {
    const stream = await client.chat.completions.create({
      model: "echo",
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const usages = [];
    for await (const chunk of stream) if (chunk.usage) usages.push(chunk.usage);
    expect(usages).toHaveLength(1);
  });

  test("gets tool calls, plain and streamed", async () => {
    const request = {
      model: "echo",
      messages: [{ role: "user" as const, content: "please call search" }],
      tools: [tool("search")],
    };
    const plain = await client.chat.completions.create(request);
    const call = plain.choices[0]?.message.tool_calls?.[0];
    expect(call?.type === "function" && call.function.name).toBe("search");
    const streamed = await client.chat.completions.stream(request).finalChatCompletion();
    const streamedCall = streamed.choices[0]?.message.tool_calls?.[0];
    expect(streamedCall?.type === "function" && streamedCall.function.name).toBe("search");
  });

  test("raises PermissionDeniedError with our code, message, policy and rule when a policy denies", async () => {
    const denied = client.chat.completions.create({ model: "echo", messages: hello, tools: [tool("shell.run")] });
    const error = await denied.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(PermissionDeniedError);
    const { status, code, type, message } = error as PermissionDeniedError;
    expect({ status, code, type }).toEqual({ status: 403, code: "shell_tool", type: "policy_denied" });
    expect(message).toContain("the tool list holds a shell, offered to echo");
    expect((error as PermissionDeniedError).error).toMatchObject({
      param: null,
      sluice: { policy: "org/shell", rule: "shell-tool", revision: expect.stringMatching(/^sha256:/) },
    });
  });

  test("gets a clean JSON error, not a stream, when a stream is denied beforehand", async () => {
    const response = await sluice.post("/v1/chat/completions", {
      model: "echo",
      messages: hello,
      stream: true,
      tools: [tool("shell.run")],
    });
    expect(response.status).toBe(403);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(await response.json()).toMatchObject({ error: { code: "shell_tool", type: "policy_denied" } });
  });

  test("raises RateLimitError with retry-after once the limit is spent, and a refusal consumes nothing", async () => {
    const call = () =>
      client.chat.completions.create({ model: "limited-model", messages: hello, user: "ann" }).withResponse();
    const remaining: (string | null)[] = [];
    for (let i = 0; i < 3; i += 1) remaining.push((await call()).response.headers.get("ratelimit-remaining"));
    expect(remaining).toEqual(["2", "1", "0"]);
    for (let i = 0; i < 2; i += 1) {
      const error = await call().then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(RateLimitError);
      expect((error as RateLimitError).code).toBe("rate_limit_exceeded");
      expect(Number((error as RateLimitError).headers?.get("retry-after"))).toBeGreaterThan(0);
    }
  });

  test("raises AuthenticationError for a wrong key and lists what is accepted when none is sent", async () => {
    const stranger = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: "slc_nobody_x", maxRetries: 0 });
    const error = await stranger.chat.completions
      .create({ model: "echo", messages: hello })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthenticationError);
    expect((error as AuthenticationError).code).toBe("invalid_key");
  });

  test("raises BadRequestError that names the field, what was received and what is accepted", async () => {
    const wrong = { model: "echo", messages: "hello" } as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming;
    const error = await client.chat.completions.create(wrong).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect((error as BadRequestError).message).toMatch(/messages.*array.*string/);
  });

  test("lists models, reads one, and raises NotFoundError for an unknown one", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain("echo");
    expect((await client.models.retrieve("echo")).id).toBe("echo");
    const error = await client.models.retrieve("no-such-model").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotFoundError);
  });

  test("a gzipped body is read and obeyed like a plain one", async () => {
    const body = Bun.gzipSync(JSON.stringify({ model: "echo", messages: hello, tools: [tool("shell")] }));
    const response = await sluice.post("/v1/chat/completions", body, { "content-encoding": "gzip" });
    expect(response.status).toBe(403);
  });

  test("every answer carries Sluice's own headers", async () => {
    const response = await sluice.post("/v1/chat/completions", { model: "echo", messages: hello });
    await response.bytes();
    const headers = Object.fromEntries(response.headers);
    expect(headers).toMatchObject({
      "sluice-request-id": expect.stringMatching(/^req_/),
      "sluice-decision-id": expect.stringMatching(/^dec_/),
      "sluice-revision": expect.stringMatching(/^sha256:/),
      "sluice-policies-evaluated": "1",
      "sluice-provider": "echo",
      "server-timing": expect.stringMatching(/^sluice;dur=[\d.]+$/),
    });
  });
});
