import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type Harness, startHarness } from "./e2e-harness.ts";

const policies = {
  "org/mails.policy.yaml": `description: Addresses stay here.
uses: pii
with: { types: [email], on: [answer], action: redact }
`,
};

let sluice: Harness;
let openai: OpenAI;
beforeAll(async () => {
  sluice = await startHarness({ policies });
  openai = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.key, maxRetries: 0 });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
});

const secret = "ann@example.com";
const text = `write to ${secret} and then to bob`;
const shown = "write to [email] and then to bob";

describe("what is looked for in answers is found, whole and in pieces, wherever the protocol says it", () => {
  /** All that reaches the client, letter by letter of the simulated answer's words. */
  const raw = async (path: string, body: object) => {
    const response = await sluice.post(path, { model: "echo", ...body }, { "sluice-echo": "chunks=0" });
    return response.text();
  };

  test("responses", async () => {
    for (const stream of [false, true]) {
      expect(await raw("/v1/responses", { input: text, stream })).not.toContain("example.com");
    }
    const plain = await openai.responses.create({ model: "echo", input: text });
    const streamed = await openai.responses.stream({ model: "echo", input: text }).finalResponse();
    expect([plain.output_text, streamed.output_text]).toEqual([shown, shown]);
  });

  test("arguments of calls, which stay JSON", async () => {
    const tools = [
      {
        type: "function" as const,
        name: "send",
        strict: false,
        parameters: { type: "object", properties: { to: { type: "string" } }, required: ["to"] },
      },
    ];
    const request = { model: "echo", input: `call send to ${secret} now`, tools };
    for (const { output } of [
      await openai.responses.create(request),
      await openai.responses.stream(request).finalResponse(),
    ]) {
      const [call] = output as OpenAI.Responses.ResponseFunctionToolCall[];
      expect(JSON.parse(call!.arguments)).toEqual({ to: "call send to [email] now" });
    }
  });

  test("completions, and Azure's chat", async () => {
    for (const stream of [false, true]) {
      for (const [path, body] of [
        ["/v1/completions", { prompt: text }],
        ["/azure/openai/deployments/echo/completions", { prompt: text }],
        ["/azure/openai/deployments/echo/chat/completions", { messages: [{ role: "user", content: text }] }],
      ] as const) {
        const answer = await raw(path, { ...body, stream });
        expect([path, answer.includes("example.com"), answer.includes("[email]")]).toEqual([path, false, true]);
      }
    }
  });
});
