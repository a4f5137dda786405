import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic, {
  AuthenticationError,
  BadRequestError,
  PermissionDeniedError,
  RateLimitError,
} from "@anthropic-ai/sdk";
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
let client: Anthropic;
beforeAll(async () => {
  sluice = await startHarness({ policies });
  client = new Anthropic({ baseURL: sluice.url, apiKey: sluice.key, maxRetries: 0 });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

const base = { model: "echo", max_tokens: 100, messages: [{ role: "user" as const, content: "hello there" }] };
const tool = (name: string): Anthropic.Tool => ({ name, input_schema: { type: "object", properties: {} } });
const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );

describe("the official @anthropic-ai/sdk", () => {
  test("gets a plain answer with usage, and the ledger has the same figures", async () => {
    const { data, response } = await client.messages.create(base).withResponse();
    const block = data.content[0];
    expect(block?.type === "text" && block.text).toContain("hello there");
    expect(await sluice.ledger(response.headers.get("sluice-request-id"))).toMatchObject({
      prompt_tokens: data.usage.input_tokens,
      completion_tokens: data.usage.output_tokens,
      surface: "messages",
      status: 200,
      provenance: "provider",
    });
  });

  test("gets a stream that ends as a whole message", async () => {
    const stream = client.messages.stream(base);
    const events: string[] = [];
    stream.on("streamEvent", (event) => events.push(event.type));
    const message = await stream.finalMessage();
    expect(message.stop_reason).toBe("end_turn");
    expect(events[0]).toBe("message_start");
    expect(events.at(-1)).toBe("message_stop");
    const row = await sluice.ledger(stream.response!.headers.get("sluice-request-id"));
    expect(row).toMatchObject({ completion_tokens: message.usage.output_tokens, stream: true, provenance: "provider" });
  });

  test("gets tool calls, plain and streamed", async () => {
    const request = { ...base, messages: [{ role: "user" as const, content: "call search" }], tools: [tool("search")] };
    const plain = await client.messages.create(request);
    expect(plain.stop_reason).toBe("tool_use");
    const streamed = await client.messages.stream(request).finalMessage();
    expect(streamed.content.some((block) => block.type === "tool_use" && block.name === "search")).toBe(true);
  });

  test("raises PermissionDeniedError in Anthropic's error shape when a policy denies", async () => {
    for (const stream of [false, true]) {
      const error = await thrownBy(client.messages.create({ ...base, stream, tools: [tool("shell")] }));
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect((error as PermissionDeniedError).error).toMatchObject({
        type: "error",
        error: { type: "permission_error", message: "no shells", sluice: { policy: "org/shell", rule: "shell-tool" } },
      });
    }
  });

  test("raises RateLimitError once the limit is spent", async () => {
    await client.messages.create({ ...base, model: "limited-model" });
    const error = await thrownBy(client.messages.create({ ...base, model: "limited-model" }));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(Number((error as RateLimitError).headers.get("retry-after"))).toBeGreaterThan(0);
  });

  test("raises AuthenticationError for a wrong key", async () => {
    const stranger = new Anthropic({ baseURL: sluice.url, apiKey: "wrong", maxRetries: 0 });
    expect(await thrownBy(stranger.messages.create(base))).toBeInstanceOf(AuthenticationError);
  });

  test("raises BadRequestError that names the field", async () => {
    const error = await thrownBy(client.messages.create({ ...base, max_tokens: "many" as unknown as number }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect((error as BadRequestError).message).toContain("max_tokens");
  });

  test("lists models in Anthropic's shape", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain("echo");
  });
});
