import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import { CohereClientV2 } from "cohere-ai";
import { type Harness, startHarness } from "./e2e-harness.ts";
import {
  type EndedAnswer,
  endingPolicies,
  exceeds,
  expectClosed,
  has,
  serveEndless,
  trigger,
  wordsFor,
} from "./endless-harness.ts";

/** A provider that goes on until its connection is closed; what it says is asked for in the request. */
function serve() {
  return serveEndless((path, query, asked) => {
    if (path.includes("/v2/chat")) return { events: cohereWire(asked) };
    const asEvents = query.includes("alt=sse");
    const asArray = path.includes("streamGenerateContent") && !asEvents;
    return { events: geminiWire(asked, asEvents), ...(asArray && { type: "application/json" }) };
  });
}

function* geminiWire(asked: string, asEvents: boolean): Generator<string, never> {
  let written = 0;
  const element = (...parts: object[]) => {
    written += 1;
    const usageMetadata = { promptTokenCount: 11, candidatesTokenCount: written, totalTokenCount: 11 + written };
    const candidates = [{ content: { parts, role: "model" }, index: 0 }];
    const json = JSON.stringify({ candidates, usageMetadata, modelVersion: "gemini-2.5-pro", responseId: "r" });
    return asEvents ? `data: ${json}\r\n\r\n` : `${written === 1 ? "[" : ",\r\n"}${json}`;
  };
  for (const text of wordsFor(asked)) yield element({ text });
  if (asked.includes("use tools")) {
    for (const name of ["read", trigger, "later"]) yield element({ functionCall: { name, args: { a: "b" } } });
  }
  for (;;) yield element({ text: " more" });
}

function* cohereWire(asked: string): Generator<string, never> {
  const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const said = (message: object) => ({ index: 0, delta: { message } });
  yield event("message-start", { id: "m", delta: { message: { role: "assistant", content: [] } } });
  yield event("content-start", said({ content: { type: "text", text: "" } }));
  for (const text of wordsFor(asked)) yield event("content-delta", said({ content: { text } }));
  if (asked.includes("use tools")) {
    yield event("content-end", { index: 0 });
    for (const [index, name] of ["read", trigger, "later"].entries()) {
      const call = { id: `c${index}`, type: "function", function: { name, arguments: "" } };
      yield event("tool-call-start", { index, delta: { message: { tool_calls: call } } });
      const given = { function: { arguments: '{"a":"b"}' } };
      yield event("tool-call-delta", { index, delta: { message: { tool_calls: given } } });
      yield event("tool-call-end", { index });
    }
    yield event("content-start", said({ content: { type: "text", text: "" } }));
  }
  for (;;) yield event("content-delta", said({ content: { text: " more" } }));
}

interface Element {
  readonly candidates?: readonly {
    readonly content?: { readonly parts?: readonly { text?: string; functionCall?: { name?: string } }[] };
    readonly finishReason?: string;
    readonly finishMessage?: string;
  }[];
}

function joined(elements: readonly Element[], requestId: string | null): EndedAnswer {
  const candidates = elements.map((element) => element.candidates![0]!);
  const parts = candidates.flatMap(({ content }) => content?.parts ?? []);
  const last = candidates.at(-1)!;
  return {
    text: parts.map(({ text }) => text ?? "").join(""),
    calls: parts.flatMap(({ functionCall }) => functionCall?.name ?? []),
    finish: last.finishReason ?? "",
    reason: last.finishMessage ?? "",
    requestId,
  };
}

describe("rules of phase stream end an answer under way so that the official SDK has a whole message", () => {
  let upstream: ReturnType<typeof serve>;
  let sluice: Harness;
  beforeAll(async () => {
    upstream = serve();
    sluice = await startHarness({
      policies: endingPolicies,
      upstream: upstream.url,
      replaced: { fetch: upstream.fetch },
    });
  });
  afterAll(async () => {
    await sluice[Symbol.asyncDispose]();
    upstream[Symbol.dispose]();
  });

  const surfaces: Record<string, { ask: (asked: string) => Promise<EndedAnswer>; finish: string; silent?: true }> = {
    gemini: {
      finish: "SAFETY",
      // The SDK hands finishMessage on for Vertex alone; who reads the answer itself has it, as the array's test does.
      silent: true,
      async ask(asked) {
        let requestId: string | null = null;
        const fetching = (async (input: Request, init?: RequestInit) => {
          const response = await fetch(input, init);
          requestId = response.headers.get("sluice-request-id");
          return response;
        }) as typeof fetch;
        const client = new GoogleGenAI({
          apiKey: sluice.key,
          httpOptions: { baseUrl: sluice.url, fetch: fetching },
        });
        const chat = client.chats.create({ model: "gemini-2.5-pro" });
        const elements: Element[] = [];
        for await (const element of await chat.sendMessageStream({ message: asked })) elements.push(element as Element);
        // The SDK keeps an answer only when it takes it for a whole one.
        expect(chat.getHistory(true).length).toBeGreaterThan(1);
        return joined(elements, requestId);
      },
    },
    "gemini as an array": {
      finish: "SAFETY",
      async ask(asked) {
        const contents = [{ role: "user", parts: [{ text: asked }] }];
        const response = await sluice.post("/v1beta/models/gemini-2.5-pro:streamGenerateContent", { contents });
        return joined((await response.json()) as Element[], response.headers.get("sluice-request-id"));
      },
    },
    cohere: {
      finish: "ERROR",
      async ask(asked) {
        const client = new CohereClientV2({ token: sluice.key, environment: sluice.url, maxRetries: 0 });
        const messages = [{ role: "user" as const, content: asked }];
        const { data, rawResponse } = await client
          .chatStream({ model: "command-a-03-2025", messages })
          .withRawResponse();
        const answer = { text: "", calls: [] as string[], finish: "", reason: "" };
        for await (const event of data) {
          if (event.type === "content-delta") answer.text += event.delta?.message?.content?.text ?? "";
          if (event.type === "tool-call-start")
            answer.calls.push(event.delta?.message?.toolCalls?.function?.name ?? "");
          if (event.type !== "message-end") continue;
          answer.finish = event.delta?.finishReason ?? "";
          answer.reason = event.delta?.error ?? "";
        }
        return { ...answer, requestId: rawResponse.headers.get("sluice-request-id") };
      },
    },
  };
  const words = " word0 word1 word2 word3 word4";

  for (const name of Object.keys(surfaces)) {
    const { ask, finish, silent } = surfaces[name]!;
    const reason = (message: string) => (silent ? "" : message);

    test(`${name}: a word`, async () => {
      const answer = await ask("deny");
      expect(answer).toMatchObject({
        text: words,
        calls: [],
        finish,
        reason: reason("that word is not for this gateway"),
      });
      await expectClosed(upstream, has(trigger));
      const row = await sluice.ledger(answer.requestId);
      expect(row).toMatchObject({ status: 200, code: "word_found", provenance: "partial" });
      expect(row.completion_tokens).toBeGreaterThanOrEqual(6);
      expect(row.prompt_tokens).toBeGreaterThan(0);
    });

    test(`${name}: a tool, after other calls`, async () => {
      const answer = await ask("use tools");
      expect(answer).toMatchObject({ text: words, calls: ["read"], finish });
      expect(answer.reason).toBe(reason("the tool forbidden is not for this gateway"));
      await expectClosed(upstream, has(trigger));
      expect(await sluice.ledger(answer.requestId)).toMatchObject({ code: "tool_blocked", provenance: "partial" });
    });

    test(`${name}: a cap on its tokens`, async () => {
      const answer = await ask("go on");
      expect(answer).toMatchObject({ finish, reason: reason("more than 60 tokens") });
      await expectClosed(upstream, exceeds(answer.text));
      const row = await sluice.ledger(answer.requestId);
      expect(row).toMatchObject({ code: "output_cap", provenance: "partial" });
      expect(row.completion_tokens).toBeGreaterThan(45);
      expect(row.completion_tokens).toBeLessThan(110);
    });
  }
});
