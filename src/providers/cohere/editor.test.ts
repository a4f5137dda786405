import { expect, test } from "bun:test";
import { CohereClientV2 } from "cohere-ai";
import type { StreamInspector } from "../../core/stream.ts";
import { argumentsOf, type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { cohere } from "./format.ts";

/** Reads a stream by the official SDK, which hands its events on; they must come in the protocol's order. */
async function judgeCohere(bytes: Uint8Array): Promise<JudgedMessage> {
  const fetch = async () => new Response(bytes.slice(), { headers: { "content-type": "text/event-stream" } });
  const client = new CohereClientV2({ token: "none", fetch: fetch as unknown as typeof globalThis.fetch });
  const texts: string[] = [];
  const calls = new Map<number, { name: string; given: string }>();
  const open = new Set<string>();
  let finish: string | undefined;
  let begun = false;
  for await (const event of await client.chatStream({ model: "m", messages: [] })) {
    if (finish !== undefined) throw new Error(`${event.type} after the end of the message`);
    if (!begun && event.type !== "message-start") throw new Error(`${event.type} before the message has begun`);
    switch (event.type) {
      case "message-start":
        begun = true;
        break;
      case "content-start":
        open.add(`content ${event.index}`);
        texts.push(event.delta?.message?.content?.text ?? "");
        break;
      case "content-delta":
        if (!open.has(`content ${event.index}`)) throw new Error("content outside any block");
        texts.push(event.delta?.message?.content?.text ?? "");
        break;
      case "content-end":
        open.delete(`content ${event.index}`);
        break;
      case "tool-call-start": {
        open.add(`call ${event.index}`);
        const called = event.delta?.message?.toolCalls?.function;
        calls.set(event.index!, { name: called?.name ?? "", given: called?.arguments ?? "" });
        break;
      }
      case "tool-call-delta":
        if (!open.has(`call ${event.index}`)) throw new Error("arguments outside any call");
        calls.get(event.index!)!.given += event.delta?.message?.toolCalls?.function?.arguments ?? "";
        break;
      case "tool-call-end":
        open.delete(`call ${event.index}`);
        break;
      case "message-end":
        if (open.size > 0) throw new Error(`left open: ${[...open].join(", ")}`);
        finish = event.delta?.finishReason;
    }
  }
  if (finish === undefined) throw new Error("the message has no end");
  return {
    text: texts.join(""),
    calls: [...calls.values()].map(({ name, given }) => ({ name, arguments: argumentsOf(given) })),
    finish,
  };
}

const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
const said = (type: string, message: object, more: object = {}) => event(type, { ...more, delta: { message } });
const start = event("message-start", { id: "m1", delta: { message: { role: "assistant", content: [] } } });
const text = (index: number, ...parts: string[]) => [
  said("content-start", { content: { type: "text", text: "" } }, { index }),
  ...parts.map((part) => said("content-delta", { content: { text: part } }, { index })),
  event("content-end", { index }),
];
const call = (index: number, name: string, ...parts: string[]) => [
  said(
    "tool-call-start",
    { tool_calls: { id: `c${index}`, type: "function", function: { name, arguments: "" } } },
    { index },
  ),
  ...parts.map((part) => said("tool-call-delta", { tool_calls: { function: { arguments: part } } }, { index })),
  event("tool-call-end", { index }),
];
const plan = (...parts: string[]) => parts.map((part) => said("tool-plan-delta", { tool_plan: part }));
const usage = { billed_units: { input_tokens: 3, output_tokens: 2 }, tokens: { input_tokens: 9, output_tokens: 4 } };
const end = (reason: string) => [event("message-end", { delta: { finish_reason: reason, usage } }), "data: [DONE]\n\n"];

const written = {
  "plain text": [start, ...text(0, "Hel", "lo ü"), ...end("COMPLETE")],
  "thinking, then text": [
    start,
    said("content-start", { content: { type: "thinking", thinking: "" } }, { index: 0 }),
    said("content-delta", { content: { thinking: "let me see" } }, { index: 0 }),
    event("content-end", { index: 0 }),
    ...text(1, "here ", "it is"),
    ...end("COMPLETE"),
  ],
  "a plan and three calls": [
    start,
    ...plan("I will", " look"),
    ...call(0, "search", '{"q":', '"x"}'),
    ...call(1, "read", '{"path":"/a"}'),
    ...call(2, "now"),
    ...end("TOOL_CALL"),
  ],
  "text and a call": [start, ...text(0, "one moment"), ...call(0, "search", '{"q":"x"}'), ...end("TOOL_CALL")],
};

const recorded = fixtures("v2-chat")
  .list.filter(({ meta }) => meta.stream && meta.expected?.finishReason !== "ERROR")
  .map(({ meta, response }) => ({ name: meta.name, bytes: response }));

testEditor({
  format: cohere,
  samples: [
    ...Object.entries(written).map(([name, events]) => ({ name, bytes: Buffer.from(events.join("")) })),
    ...recorded,
  ],
  judge: judgeCohere,
  finish: { length: "MAX_TOKENS", content_filter: "ERROR" },
  toolFinish: "TOOL_CALL",
});

function changed(stream: string, change: (text: string) => string): string {
  const inspector: StreamInspector = {
    see: () => undefined,
    inspect: ({ pieces }) => (pieces.length === 0 ? null : { texts: pieces.map((piece) => change(piece.text)) }),
    finish: () => null,
  };
  const relay = cohere.openStream({ inspector });
  return Buffer.concat([relay.write(Buffer.from(stream)), relay.end()].filter((one) => one !== null)).toString();
}

test("a citation goes on only where the client has what it quotes", () => {
  const cite = (quoted: string) => [
    said("citation-start", { citations: { start: 0, end: quoted.length, text: quoted, sources: [] } }, { index: 0 }),
    event("citation-end", { index: 0 }),
  ];
  const [begin, ...rest] = text(0, "the secret and ", "the rest");
  const blocks = [begin, ...rest.slice(0, -1), ...cite("secret"), ...cite("the rest"), rest.at(-1)];
  const stream = [start, ...blocks, ...end("COMPLETE")].join("");
  const masked = changed(stream, (one) => one.replace("secret", "***"));
  expect(masked).not.toContain("secret");
  expect(masked.match(/citation-start/g)).toHaveLength(2);
  expect(masked.match(/citation-end/g)).toHaveLength(2);
  expect(masked).toContain('"text":"the rest","sources"');
  expect(changed(stream, (one) => one)).toBe(stream);
});

test("probabilities of a text that was changed go", () => {
  const logprobs = { text: "secret", token_ids: [1], logprobs: [-1] };
  const delta = event("content-delta", { index: 0, delta: { message: { content: { text: "secret" } } }, logprobs });
  expect(changed(delta, () => "***")).not.toContain("secret");
});

test("nothing that cannot be read goes out where all is looked at", () => {
  expect(changed('event: content-delta\ndata: {"type":"content-delta","del\n\ndata: [DONE]\n\n', (one) => one)).toBe(
    "data: [DONE]\n\n",
  );
});
