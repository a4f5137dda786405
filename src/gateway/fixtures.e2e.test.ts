import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Fixture, fixtures } from "../providers/fixtures.ts";
import { type Harness, standIn, startHarness } from "./e2e-harness.ts";

/** Recorded answers that a client of the chat and messages surfaces could get. */
const replayed = fixtures("chat", "messages");
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
    const name = requestOf(fixture).model as string;
    const target = fixture.meta.api === "messages" ? "anthropic" : "openai";
    models[name] = {
      targets: [
        { provider: "openai", model: name },
        { provider: "anthropic", model: name },
      ].filter((t) => t.provider === target),
    };
  }
  sluice = await startHarness({ upstream: provider.url, config: { models } });
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  provider[Symbol.dispose]();
});

describe.skipIf(replayed.skip !== "")(`every recorded chat and messages payload ${replayed.skip}`, () => {
  const results: string[] = [];

  for (const fixture of replayed.list) {
    const id = `${fixture.meta.provider}/${fixture.meta.api}/${fixture.meta.name}`;
    test(`${id} reaches the client byte for byte, and the ledger has its usage`, async () => {
      served.set(id, fixture);
      const path = fixture.meta.api === "messages" ? "/v1/messages" : "/v1/chat/completions";
      const response = await sluice.post(path, requestText(fixture), { "x-replay": id });
      const bytes = await response.bytes();
      expect(response.status).toBe(fixture.meta.status);
      expect(Buffer.from(bytes).equals(Buffer.from(fixture.response))).toBe(true);

      const row = await sluice.ledger(response.headers.get("sluice-request-id"));
      const { expectedUsage } = fixture.meta;
      if (expectedUsage === null) {
        expect(row.provenance).not.toBe(fixture.meta.status < 400 ? "provider" : "");
      } else {
        const names = [
          "prompt_tokens",
          "completion_tokens",
          "total_tokens",
          "cached_tokens",
          "cache_write_tokens",
          "reasoning_tokens",
        ] as const;
        const figures = Object.fromEntries(names.map((name) => [name, row[name]]));
        const expected = Object.fromEntries(names.map((name) => [name, expectedUsage[name] ?? null]));
        expect(figures).toEqual(expected);
      }
      results.push(id);
    });
  }

  test("prints how many", () => {
    process.stdout.write(`fixtures through the gateway: ${results.length} of ${replayed.list.length}\n`);
    expect(results.length).toBe(replayed.list.length);
  });
});

/** The recorded request, else the least one that gets such an answer. */
function requestOf(fixture: Fixture): Record<string, unknown> {
  const recorded = recordedRequest(fixture);
  if (recorded !== null) return recorded;
  const model = fixture.meta.model ?? (fixture.meta.api === "messages" ? "claude-sonnet-4-5" : "gpt-4o");
  const stream = fixture.meta.stream;
  return {
    model,
    messages: [{ role: "user", content: "hello" }],
    ...(fixture.meta.api === "messages" && { max_tokens: 100 }),
    ...(stream && { stream }),
    // A recording that holds usage in a stream came from a client that asked for it.
    ...(stream && fixture.meta.api === "chat" && { stream_options: { include_usage: true } }),
  };
}

function requestText(fixture: Fixture): string {
  return recordedRequest(fixture) === null ? JSON.stringify(requestOf(fixture)) : fixture.request!;
}

/** The recorded request; `null` when there is none, or it names no model in its body as this surface does. */
function recordedRequest(fixture: Fixture): Record<string, unknown> | null {
  if (fixture.request === null) return null;
  const body = JSON.parse(fixture.request) as Record<string, unknown>;
  return typeof body.model === "string" ? body : null;
}
