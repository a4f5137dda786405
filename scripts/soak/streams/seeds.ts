import type { Surface } from "../../../src/core/phases.ts";
import { createEcho } from "../../../src/providers/echo/echo.ts";
import { fixtures } from "../../../src/providers/fixtures.ts";

/** What mutations of a surface start from. */
export interface Seeds {
  readonly streams: readonly Uint8Array[];
  /** Whole answers, and whatever else came in place of one. */
  readonly answers: readonly Uint8Array[];
  readonly requests: readonly Uint8Array[];
}

/** A path for surfaces that name the model there. */
export const pathOf: { readonly [S in Surface]?: string } = {
  gemini: "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
  "gemini-count-tokens": "/v1beta/models/gemini-2.5-flash:countTokens",
  "gemini-embeddings": "/v1beta/models/gemini-embedding-001:embedContent",
  "azure-chat": "/azure/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
  "azure-completions": "/azure/openai/deployments/gpt-4o/completions?api-version=2024-10-21",
  "azure-embeddings": "/azure/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21",
};

/** The recordings' word for the API of each surface. */
const apis: { readonly [S in Surface]?: readonly string[] } = {
  chat: ["chat", "openai-compat"],
  completions: ["completions"],
  responses: ["responses"],
  embeddings: ["embeddings"],
  messages: ["messages"],
  count_tokens: ["count_tokens"],
  gemini: ["generateContent", "streamGenerateContent"],
  "gemini-count-tokens": ["countTokens"],
  cohere: ["v2-chat"],
  "cohere-embeddings": ["embed"],
  "azure-chat": ["chat"],
};

const schema = { type: "object", properties: { query: { type: "string" }, count: { type: "integer" } } };
const say = "please call search for ünïcode 😀 and mail somebody@example.com";
const openai = (content: string) => ({ model: "gpt-4o", messages: [{ role: "user", content }] });
const gemini = (text: string) => ({ contents: [{ role: "user", parts: [{ text }] }] });
const functions = [{ type: "function", function: { name: "search", parameters: schema } }];

const bodies: Readonly<Record<Surface, readonly object[]>> = {
  chat: [openai("hello there"), { ...openai(say), tools: functions, n: 2 }],
  completions: [{ model: "gpt-4o", prompt: "hello there" }],
  responses: [
    { model: "gpt-4o", input: "hello there" },
    { model: "gpt-4o", input: say, tools: [{ type: "function", name: "search", parameters: schema }] },
  ],
  embeddings: [{ model: "text-embedding-3-small", input: ["a", "b"] }],
  messages: [
    { ...openai("hello there"), max_tokens: 99 },
    { ...openai(say), max_tokens: 99, tools: [{ name: "search", input_schema: schema }] },
  ],
  count_tokens: [openai("hello there")],
  gemini: [
    gemini("hello there"),
    { ...gemini(say), tools: [{ functionDeclarations: [{ name: "search", parameters: schema }] }] },
  ],
  "gemini-count-tokens": [gemini("hello there")],
  "gemini-embeddings": [{ content: { parts: [{ text: "hello" }] } }],
  cohere: [openai("hello there"), { ...openai(say), tools: functions }],
  "cohere-embeddings": [{ model: "embed-v4.0", texts: ["a"], input_type: "search_document" }],
  "azure-chat": [openai("hello there"), { ...openai(say), tools: functions }],
  "azure-completions": [{ prompt: "hello there" }],
  "azure-embeddings": [{ input: "a" }],
};

/** Answers of the simulated provider, and the recordings where they are at hand. */
export async function seedsOf(surface: Surface): Promise<Seeds> {
  const echo = createEcho();
  const streams: Uint8Array[] = [];
  const answers: Uint8Array[] = [];
  const requests: Uint8Array[] = [];
  const path = pathOf[surface] ?? "";
  const ask = async (asked: object, at: string) => {
    const body = Buffer.from(JSON.stringify(asked));
    return (await echo({ surface, body, path: at })).bytes();
  };
  for (const body of bodies[surface]) {
    requests.push(Buffer.from(JSON.stringify(body)));
    if (surface === "gemini") {
      answers.push(await ask(body, path.replace("streamG", "g")));
      streams.push(await ask(body, path), await ask(body, `${path}?alt=sse`));
      continue;
    }
    answers.push(await ask(body, path));
    const streamed = await ask({ ...body, stream: true }, path);
    // An answer that is an object after all is no stream: not every surface has one.
    if (streamed[0] !== 0x7b) streams.push(streamed);
  }
  for (const { meta, request, response } of fixtures(...(apis[surface] ?? [])).list) {
    if (response.length > 30_000) continue;
    if (meta.framing.startsWith("sse") || (meta.stream && surface === "gemini")) streams.push(response);
    else answers.push(response);
    if (request !== null && request.length < 30_000) requests.push(Buffer.from(request));
  }
  return { streams, answers, requests };
}
