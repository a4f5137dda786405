import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { AzureOpenAI } from "openai";
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
  return serveEndless((path, _query, asked) => {
    const wire = path.endsWith("/responses") ? responsesWire : chunksWire(path);
    return { events: wire(asked) };
  });
}

function* responsesWire(asked: string): Generator<string, never> {
  let number = 0;
  const event = (name: string, members: object) => {
    const type = `response.${name}`;
    const data = JSON.stringify({ type, sequence_number: number++, ...members });
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  const response = { id: "resp_1", object: "response", created_at: 1, model: "gpt-4o", output: [], usage: null };
  yield event("created", { response: { ...response, status: "in_progress", error: null, incomplete_details: null } });
  let index = 0;
  function* message(texts: Iterable<string>, ends: boolean): Generator<string> {
    const item = { id: `msg_${index}`, type: "message", role: "assistant", status: "in_progress", content: [] };
    const at = { item_id: item.id, output_index: index, content_index: 0 };
    const part = { type: "output_text", text: "", annotations: [] };
    let whole = "";
    yield event("output_item.added", { output_index: index, item });
    yield event("content_part.added", { ...at, part });
    for (const delta of texts) {
      whole += delta;
      yield event("output_text.delta", { ...at, delta });
    }
    if (!ends) return;
    yield event("output_text.done", { ...at, text: whole });
    yield event("content_part.done", { ...at, part: { ...part, text: whole } });
    const content = [{ ...part, text: whole }];
    yield event("output_item.done", { output_index: index, item: { ...item, status: "completed", content } });
    index += 1;
  }
  const tools = asked.includes("use tools");
  yield* message(wordsFor(asked), tools);
  if (tools) {
    for (const name of ["read", trigger, "later"]) {
      const call = { id: `fc_${index}`, type: "function_call", call_id: `call_${index}`, name, arguments: "" };
      const at = { item_id: call.id, output_index: index };
      yield event("output_item.added", { output_index: index, item: { ...call, status: "in_progress" } });
      for (const delta of ['{"a":', '"b"}']) yield event("function_call_arguments.delta", { ...at, delta });
      yield event("function_call_arguments.done", { ...at, name, arguments: '{"a":"b"}' });
      const done = { ...call, arguments: '{"a":"b"}', status: "completed" };
      yield event("output_item.done", { output_index: index, item: done });
      index += 1;
    }
  }
  const at = { item_id: `msg_${index}`, output_index: index, content_index: 0 };
  if (tools) yield* message([], false);
  for (;;) yield event("output_text.delta", { ...at, delta: " more" });
}

/** Azure's first event has no choices. */
function chunksWire(pathname: string) {
  const bare = !pathname.endsWith("/chat/completions");
  return function* (asked: string): Generator<string, never> {
    const head = { id: "c", object: bare ? "text_completion" : "chat.completion.chunk", created: 1, model: "gpt-4o" };
    const event = (choice: object) =>
      `data: ${JSON.stringify({ ...head, choices: [{ index: 0, ...choice, finish_reason: null }] })}\n\n`;
    const text = (words: string) => event(bare ? { text: words } : { delta: { content: words } });
    if (!bare) yield `data: ${JSON.stringify({ choices: [], id: "", model: "", object: "", created: 0 })}\n\n`;
    for (const word of wordsFor(asked)) yield text(word);
    if (asked.includes("use tools")) {
      for (const [index, name] of ["read", trigger, "later"].entries()) {
        const call = { id: `call_${index}`, type: "function", function: { name, arguments: '{"a":"b"}' } };
        yield event({ delta: { tool_calls: [{ index, ...call }] } });
      }
    }
    for (;;) yield text(" more");
  };
}

describe("rules of phase stream end an answer under way so that the official SDK has a whole one", () => {
  let upstream: ReturnType<typeof serve>;
  let sluice: Harness;
  let requestId: string | null = null;
  const fetching = (async (input: Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    requestId = response.headers.get("sluice-request-id");
    return response;
  }) as typeof fetch;
  const openai = () => new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: sluice.key, maxRetries: 0, fetch: fetching });
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

  const surfaces: Record<string, { ask: (asked: string) => Promise<EndedAnswer>; tools: boolean; reasons: boolean }> = {
    responses: {
      tools: true,
      reasons: true,
      async ask(asked) {
        const {
          output,
          output_text: text,
          status,
          incomplete_details: details,
        } = await openai().responses.stream({ model: "gpt-4o", input: asked }).finalResponse();
        expect(status).toBe("incomplete");
        const calls = output.flatMap((item) => (item.type === "function_call" ? [item.name] : []));
        const said = output.flatMap((item) => (item.type === "message" ? item.content : []));
        const reason = said.flatMap((part) => (part.type === "refusal" ? [part.refusal] : [])).join("");
        return { text, calls, finish: String(details?.reason), reason, requestId };
      },
    },
    completions: {
      tools: false,
      reasons: false,
      async ask(asked) {
        const answer = { text: "", calls: [], finish: "", reason: "" };
        const model = "gpt-3.5-turbo-instruct";
        for await (const { choices } of await openai().completions.create({ model, prompt: asked, stream: true })) {
          answer.text += choices[0]?.text ?? "";
          answer.finish = choices[0]?.finish_reason ?? answer.finish;
        }
        return { ...answer, requestId };
      },
    },
    "azure-chat": {
      tools: true,
      reasons: true,
      async ask(asked) {
        const client = new AzureOpenAI({
          endpoint: `${sluice.url}/azure`,
          apiKey: sluice.key,
          apiVersion: "2024-10-21",
          maxRetries: 0,
          fetch: fetching,
        });
        const answer = { text: "", calls: [] as string[], finish: "", reason: "" };
        const messages = [{ role: "user" as const, content: asked }];
        for await (const { choices } of await client.chat.completions.create({
          model: "our",
          messages,
          stream: true,
        })) {
          const [choice] = choices;
          answer.text += choice?.delta.content ?? "";
          answer.reason += choice?.delta.refusal ?? "";
          for (const call of choice?.delta.tool_calls ?? []) answer.calls.push(call.function?.name ?? "");
          answer.finish = choice?.finish_reason ?? answer.finish;
        }
        return { ...answer, requestId };
      },
    },
  };
  const words = " word0 word1 word2 word3 word4";

  for (const name of Object.keys(surfaces)) {
    const { ask, tools, reasons } = surfaces[name]!;
    const finish = "content_filter";
    const reason = (message: string) => (reasons ? message : "");

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
      expect(row).toMatchObject({ surface: name, status: 200, code: "word_found", provenance: "partial" });
      expect(row.completion_tokens).toBeGreaterThanOrEqual(6);
      expect(row.prompt_tokens).toBeGreaterThan(0);
    });

    if (tools) {
      test(`${name}: a tool, after other calls`, async () => {
        const answer = await ask("use tools");
        expect(answer).toMatchObject({ text: words, calls: ["read"], finish });
        expect(answer.reason).toBe("the tool forbidden is not for this gateway");
        await expectClosed(upstream, has(trigger));
        expect(await sluice.ledger(answer.requestId)).toMatchObject({ code: "tool_blocked", provenance: "partial" });
      });
    }

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
