import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Fixture, fixtures } from "../providers/fixtures.ts";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

/** How the recordings of one API are asked for again. */
interface Asking {
  readonly provider: "openai" | "azure" | "anthropic" | "gemini" | "cohere";
  readonly path: (fixture: Fixture, model: string) => string;
  /** For recordings without a model, and without a request: the least that gets such an answer. */
  readonly model: string;
  readonly least: (model: string, stream: boolean) => Record<string, unknown>;
  /** Whether the path names the model, and the body need not. */
  readonly inPath?: true;
}

const messages = [{ role: "user", content: "hello" }];
const contents = [{ role: "user", parts: [{ text: "hello" }] }];
const geminiPath = (method: string) => (_fixture: Fixture, model: string) => `/v1beta/models/${model}:${method}`;
/** Azure's deployments are called as their models are. */
const azurePath = (name: string) => (_fixture: Fixture, model: string) =>
  `/azure/openai/deployments/${encodeURIComponent(model)}/${name}?api-version=2024-10-21`;
const gemini = { provider: "gemini", model: "gemini-2.5-flash", least: () => ({ contents }), inPath: true } as const;

const chat: Asking = {
  provider: "openai",
  path: () => "/v1/chat/completions",
  model: "gpt-4o",
  // A recording that holds usage in a stream came from a client that asked for it.
  least: (model, stream) => ({ model, messages, ...(stream && { stream, stream_options: { include_usage: true } }) }),
};
const completions: Asking = {
  provider: "openai",
  path: () => "/v1/completions",
  model: "gpt-3.5-turbo-instruct",
  least: (model, stream) => ({ model, prompt: "hello", ...(stream && { stream }) }),
};
const embeddings: Asking = {
  provider: "openai",
  path: () => "/v1/embeddings",
  model: "text-embedding-3-small",
  least: (model) => ({ model, input: "hello" }),
};
const azure = { provider: "azure", inPath: true } as const;

/** By API, or by provider and API. */
const askings: Readonly<Record<string, Asking>> = {
  chat,
  "openai-compat": chat,
  completions,
  embeddings,
  responses: {
    provider: "openai",
    path: () => "/v1/responses",
    model: "gpt-4o",
    least: (model, stream) => ({ model, input: "hello", ...(stream && { stream }) }),
  },
  "azure/chat": { ...chat, ...azure, path: azurePath("chat/completions") },
  "azure/completions": { ...completions, ...azure, path: azurePath("completions") },
  "azure/embeddings": { ...embeddings, ...azure, path: azurePath("embeddings") },
  count_tokens: {
    provider: "anthropic",
    path: () => "/v1/messages/count_tokens",
    model: "claude-sonnet-4-5",
    least: (model) => ({ model, messages }),
  },
  messages: {
    provider: "anthropic",
    path: () => "/v1/messages",
    model: "claude-sonnet-4-5",
    least: (model, stream) => ({ model, messages, max_tokens: 100, ...(stream && { stream }) }),
  },
  generateContent: { ...gemini, path: geminiPath("generateContent") },
  streamGenerateContent: {
    ...gemini,
    path: ({ meta }, model) =>
      `/v1beta/models/${model}:streamGenerateContent${meta.framing === "json-array" ? "" : "?alt=sse"}`,
  },
  countTokens: { ...gemini, path: geminiPath("countTokens") },
  "v2-chat": {
    provider: "cohere",
    path: () => "/v2/chat",
    model: "command-r-08-2024",
    least: (model, stream) => ({ model, messages, ...(stream && { stream }) }),
  },
  embed: {
    provider: "cohere",
    path: () => "/v2/embed",
    model: "embed-v4.0",
    least: (model) => ({ model, texts: ["hello"], input_type: "search_query" }),
  },
};

/** Recorded answers that a client of these surfaces could get. */
const replayed = fixtures(...Object.keys(askings));
const served = new Map<string, Fixture>();

/** Replays the recording that the request names. */
const provider = standIn((request) => {
  const fixture = served.get(request.headers.get("x-replay") ?? "");
  if (fixture === undefined) return new Response("no such recording", { status: 599 });
  const headers = new Headers(fixture.meta.responseHeaders ?? {});
  for (const name of ["content-length", "content-encoding", "transfer-encoding", "connection"]) headers.delete(name);
  if (!headers.has("content-type")) {
    headers.set("content-type", fixture.meta.stream ? "text/event-stream" : "application/json");
  }
  return new Response(fixture.response, { status: fixture.meta.status, headers });
});

let sluice: Harness;
beforeAll(async () => {
  const models: Record<string, unknown> = {};
  for (const fixture of replayed.list) {
    const model = modelOf(fixture);
    models[model] = { targets: [{ provider: askingOf(fixture).provider, model }] };
  }
  // One answer each, whatever it is: a recorded failure is not to be asked for again, nor to be kept away from.
  const config = { models, upstream: { retries: 0, breaker_enabled: false } };
  sluice = await startHarness({ upstream: provider.url, config });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

describe.skipIf(replayed.skip !== "")(`every recorded payload ${replayed.skip}`, () => {
  const results = new Map<string, number>();

  for (const fixture of replayed.list) {
    const id = `${fixture.meta.provider}/${fixture.meta.api}/${fixture.meta.name}`;
    test(`${id} reaches the client byte for byte, and the ledger has its usage`, async () => {
      served.set(id, fixture);
      const path = askingOf(fixture).path(fixture, modelOf(fixture));
      const response = await sluice.post(path, requestText(fixture), { "x-replay": id });
      const bytes = await response.bytes();
      expect(response.status).toBe(fixture.meta.status);
      expect(Buffer.from(bytes).equals(Buffer.from(fixture.response))).toBe(true);

      const row = await sluice.ledger(response.headers.get("sluice-request-id"));
      const { expectedUsage } = fixture.meta;
      // Nothing but zeroes, beside a text, was not counted.
      if (expectedUsage === null || Object.values(expectedUsage).every((count) => !count)) {
        expect(row.provenance).not.toBe(fixture.meta.status < 400 ? "provider" : "");
      } else {
        const names = usageNames.filter((name) => expectedUsage[name] !== undefined);
        const figures = Object.fromEntries(names.map((name) => [name, row[name]]));
        const expected = Object.fromEntries(names.map((name) => [name, expectedUsage[name] ?? null]));
        expect(figures).toEqual(expected);
      }
      results.set(fixture.meta.provider, (results.get(fixture.meta.provider) ?? 0) + 1);
    });
  }

  test("prints how many", () => {
    for (const name of new Set(replayed.list.map(({ meta }) => meta.provider))) {
      const all = replayed.list.filter(({ meta }) => meta.provider === name).length;
      process.stdout.write(`fixtures through the gateway: ${name}: ${results.get(name) ?? 0} of ${all}\n`);
      expect(results.get(name)).toBe(all);
    }
  });
});

const usageNames = [
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "cached_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
] as const;

function askingOf({ meta }: Fixture): Asking {
  return askings[`${meta.provider}/${meta.api}`] ?? askings[meta.api]!;
}

function modelOf(fixture: Fixture): string {
  const model = String(recordedRequest(fixture)?.model ?? fixture.meta.model ?? askingOf(fixture).model);
  return askingOf(fixture).provider === "azure" ? `our-${model}` : model;
}

/** The recorded request, else the least one that gets such an answer. */
function requestText(fixture: Fixture): string {
  if (recordedRequest(fixture) !== null) return fixture.request!;
  return JSON.stringify(askingOf(fixture).least(modelOf(fixture), fixture.meta.stream));
}

/** The recorded request; `null` when there is none, or it does not name a model where this surface needs it. */
function recordedRequest(fixture: Fixture): Record<string, unknown> | null {
  if (fixture.request === null) return null;
  const body = JSON.parse(fixture.request) as Record<string, unknown>;
  return typeof body.model === "string" || askingOf(fixture).inPath ? body : null;
}
