import { expect, test } from "bun:test";
import { GoogleGenAI } from "@google/genai";
import type { StreamInspector } from "../../core/stream.ts";
import { type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { gemini } from "./format.ts";
import { GeminiFraming } from "./framing.ts";

/** Reads a stream as the official SDK does, which only asks for events: an array is given to it as such. */
async function judgeGemini(bytes: Uint8Array): Promise<JudgedMessage> {
  const body = Buffer.from(bytes).toString().trimStart();
  const elements = body.startsWith("[") ? (JSON.parse(body) as object[]) : null;
  const events = elements?.map((element) => `data: ${JSON.stringify(element)}\r\n\r\n`).join("") ?? body;
  const fetch = async () => new Response(events, { headers: { "content-type": "text/event-stream" } });
  const client = new GoogleGenAI({
    apiKey: "none",
    httpOptions: { fetch: fetch as unknown as typeof globalThis.fetch },
  });
  const texts: string[] = [];
  const calls: { name: string; arguments: unknown }[] = [];
  const finish: string[] = [];
  for await (const { candidates } of await client.models.generateContentStream({ model: "m", contents: "q" })) {
    for (const { content, finishReason, index = 0 } of candidates ?? []) {
      for (const { text, thought, functionCall } of content?.parts ?? []) {
        if (text !== undefined && !thought) texts[index] = (texts[index] ?? "") + text;
        if (functionCall) calls.push({ name: functionCall.name ?? "", arguments: functionCall.args ?? {} });
      }
      if (finishReason !== undefined) finish[index] = finishReason;
    }
  }
  if (finish[0] === undefined) throw new Error("the answer does not say why it ended");
  return { text: texts.join(""), calls, finish: finish[0] };
}

const element = (parts: object[], more: object = {}, index = 0) => ({
  candidates: [{ content: { parts, role: "model" }, index, ...more }],
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
  modelVersion: "m",
  responseId: "r1",
});
const stop = { finishReason: "STOP" };
const call = (name: string, args: object = {}) => ({ functionCall: { name, args }, thoughtSignature: "c2VhbA==" });

const written = {
  "plain text": [element([{ text: "Hel" }]), element([{ text: "lo ü" }]), element([{ text: "" }], stop)],
  "thoughts, then text": [
    element([{ text: "**Thinking** of it", thought: true }]),
    element([{ text: "an answer" }, { text: " in parts" }]),
    element([{ text: "." }], stop),
  ],
  "two choices": [
    element([{ text: "one" }]),
    element([{ text: "another" }], {}, 1),
    element([{ text: "." }], stop),
    element([{ text: "!" }], stop, 1),
  ],
  "text and three calls": [
    element([{ text: "let me see" }]),
    element([call("search", { q: "x" }), call("read", { path: "/a" })]),
    element([call("calc")], stop),
  ],
  "a call alone": [element([call("search", { q: "x" })], stop)],
};
const asEvents = (elements: readonly object[]) =>
  Buffer.from(elements.map((one) => `data: ${JSON.stringify(one)}\r\n\r\n`).join(""));
const asArray = (elements: readonly object[]) =>
  Buffer.from(`[${elements.map((one) => JSON.stringify(one, null, 2)).join("\n,\r\n")}\n]`);

const recorded = fixtures("streamGenerateContent")
  .list.filter(({ meta }) => meta.status === 200 && !/truncated|partial-function-args/.test(meta.name))
  .map(({ meta, response }) => ({ name: meta.name, bytes: response }));

testEditor({
  format: gemini,
  samples: [
    ...Object.entries(written).map(([name, elements]) => ({ name: `${name}, events`, bytes: asEvents(elements) })),
    ...Object.entries(written).map(([name, elements]) => ({ name: `${name}, array`, bytes: asArray(elements) })),
    ...recorded,
  ],
  judge: judgeGemini,
  finish: { length: "MAX_TOKENS", content_filter: "SAFETY" },
  toolFinish: null,
});

/** Relays a stream whose texts go out as the function says. */
function changed(bytes: Uint8Array, change: (text: string, kind: string) => string | null): string {
  const inspector: StreamInspector = {
    see: () => undefined,
    inspect: ({ pieces }) =>
      pieces.length === 0 ? null : { texts: pieces.map(({ text, kind }) => change(text, kind)) },
    finish: () => null,
  };
  const relay = gemini.openStream({ inspector });
  return Buffer.concat([relay.write(bytes), relay.end()].filter((one) => one !== null)).toString();
}

function elementsOf(text: string): Record<string, unknown>[] {
  const framing = new GeminiFraming();
  return framing.push(Buffer.from(text)).flatMap(({ data }) => (data === null ? [] : [JSON.parse(data)]));
}

test("what repeats a text that was changed goes: what sources support, and the probabilities of its tokens", () => {
  const grounding = {
    groundingChunks: [{ web: { uri: "https://a.example" } }],
    groundingSupports: [{ segment: { endIndex: 6, text: "secret" }, groundingChunkIndices: [0] }],
  };
  const logprobsResult = { chosenCandidates: [{ token: "secret" }] };
  const elements = [
    element([{ text: "secret" }], { logprobsResult }),
    element([{ text: "" }], { ...stop, groundingMetadata: grounding }),
  ];
  const masked = changed(asEvents(elements), (text) => text.replaceAll("secret", "***"));
  expect(masked).not.toContain("secret");
  expect(elementsOf(masked)[1]).toMatchObject({
    candidates: [{ groundingMetadata: { groundingChunks: grounding.groundingChunks }, finishReason: "STOP" }],
  });
  expect(changed(asEvents(elements), (text) => text)).toBe(asEvents(elements).toString());
});

test("nothing that cannot be read goes out where all is looked at", () => {
  expect(changed(Buffer.from('data: {"candidates":[{"conte\r\n\r\ndata: {}\r\n\r\n'), (text) => text)).toBe(
    "data: {}\r\n\r\n",
  );
  expect(changed(Buffer.from('[{"a":1}\n,{"candidates":[{"content":{"parts":[{"text":"sec'), (text) => text)).toBe(
    '[{"a":1}',
  );
});

test("code and what came of it can be written otherwise, too", () => {
  const parts = [
    { executableCode: { language: "PYTHON", code: "print('secret')" } },
    { codeExecutionResult: { outcome: "OUTCOME_OK", output: "secret\n" } },
  ];
  const [masked] = elementsOf(changed(asEvents([element(parts, stop)]), (text) => text.replace("secret", "***")));
  expect(masked).toMatchObject({
    candidates: [
      {
        content: {
          parts: [
            { executableCode: { language: "PYTHON", code: "print('***')" } },
            { codeExecutionResult: { outcome: "OUTCOME_OK", output: "***\n" } },
          ],
        },
      },
    ],
  });
});

const pieced = [
  { functionCall: { name: "weather", willContinue: true } },
  {
    functionCall: { partialArgs: [{ jsonPath: "$.city", stringValue: "Par", willContinue: true }], willContinue: true },
  },
  { functionCall: { partialArgs: [{ jsonPath: "$.city", stringValue: "is" }], willContinue: true } },
  { functionCall: { partialArgs: [{ jsonPath: "$.days", numberValue: 3 }], willContinue: true } },
  { functionCall: {} },
];
const piecedStream = () => asEvents(pieced.map((part, i) => element([part], i === 4 ? stop : {})));

test("a call whose arguments come in pieces is taken out to its end, or written piece by piece", () => {
  const without = changed(piecedStream(), (text, kind) => (kind.startsWith("tool") ? null : text));
  expect(without).not.toContain("functionCall");
  expect(elementsOf(without).at(-1)).toMatchObject({ candidates: [{ finishReason: "STOP" }] });

  const other = changed(piecedStream(), (text) => text.replace("3", "many").replace("Par", "Lond"));
  const given = elementsOf(other).map(({ candidates }) => JSON.stringify(candidates));
  expect(given[1]).toContain('{"jsonPath":"$.city","stringValue":"Lond","willContinue":true}');
  expect(given[3]).toContain('{"jsonPath":"$.days","stringValue":"many"}');
});

test("text of an argument that was held back goes out where its value ends", () => {
  let held = "";
  const inspector: StreamInspector = {
    see: () => undefined,
    inspect({ pieces, closes }) {
      const [piece] = pieces;
      if (piece?.kind !== "tool_arguments") return null;
      if (closes.length === 0) {
        held += piece.text;
        return { texts: [""] };
      }
      const before = [{ ...piece, text: held }];
      held = "";
      return { before, texts: [piece.text] };
    },
    finish: () => null,
  };
  const relay = gemini.openStream({ inspector });
  const out = Buffer.from(relay.write(piecedStream())!).toString();
  const values = [...out.matchAll(/"jsonPath":"([^"]+)","stringValue":"([^"]*)"/g)].map(([, path, text]) => [
    path,
    text,
  ]);
  expect(values).toEqual([
    ["$.city", ""],
    ["$.city", "Par"],
    ["$.city", "is"],
  ]);
});
