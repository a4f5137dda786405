import { expect } from "bun:test";
import OpenAI from "openai";
import { type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { openaiResponses } from "./format.ts";

/** Reads a stream as the official SDK does, and holds the whole response against what its events said. */
async function judge(bytes: Uint8Array): Promise<JudgedMessage> {
  const client = new OpenAI({
    apiKey: "none",
    maxRetries: 0,
    fetch: async () => new Response(bytes.slice(), { headers: { "content-type": "text/event-stream" } }),
  });
  const stream = client.responses.stream({ model: "m", input: "" });
  const streamed: string[] = [];
  const items: unknown[] = [];
  let sequence = -1;
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") streamed.push(event.delta);
    if (event.type === "response.output_item.done") items[event.output_index] = event.item.type;
    if (typeof event.sequence_number === "number") {
      if (event.sequence_number <= sequence) throw new Error("sequence numbers do not rise");
      sequence = event.sequence_number;
    }
  }
  const { output, output_text: text, status, incomplete_details: details } = await stream.finalResponse();
  if (streamed.length > 0) expect(streamed.join("")).toBe(text);
  expect(output.map(({ type }) => type)).toEqual(
    items.filter((type) => type !== undefined) as (typeof output)[number]["type"][],
  );
  const calls = output.filter((item) => item.type === "function_call" && item.status !== "incomplete");
  return {
    text,
    calls: calls.map((call) => {
      const { name, arguments: given } = call as { name: string; arguments: string };
      return { name, arguments: given === "" ? {} : (JSON.parse(given) as unknown) };
    }),
    finish: status === "incomplete" ? String(details?.reason) : String(status),
  };
}

const events = (...all: readonly (readonly [type: string, members: object])[]) =>
  Buffer.from(
    all
      .map(([type, members], i) => {
        return `event: response.${type}\ndata: ${JSON.stringify({ type: `response.${type}`, sequence_number: i, ...members })}\n\n`;
      })
      .join(""),
  );
const response = (status: string, output: readonly object[]) => ({
  response: {
    id: "resp_1",
    object: "response",
    created_at: 1,
    status,
    error: null,
    incomplete_details: null,
    model: "m",
    output,
    usage: null,
  },
});
const call = (i: number, name: string, given: string) => ({
  id: `fc_${i}`,
  type: "function_call",
  status: "completed",
  name,
  call_id: `call_${i}`,
  arguments: given,
});
const called = (i: number, name: string, pieces: readonly string[]) => {
  const whole = call(i, name, pieces.join(""));
  const at = { item_id: whole.id, output_index: i };
  return [
    ["output_item.added", { output_index: i, item: { ...whole, status: "in_progress", arguments: "" } }],
    ...pieces.map((delta) => ["function_call_arguments.delta", { ...at, delta }] as const),
    ["function_call_arguments.done", { ...at, name, arguments: whole.arguments }],
    ["output_item.done", { output_index: i, item: whole }],
  ] as const;
};
const message = (i: number, text: string) => ({
  id: `msg_${i}`,
  type: "message",
  status: "completed",
  role: "assistant",
  content: [{ type: "output_text", annotations: [], logprobs: [], text }],
});
const wrote = (i: number, pieces: readonly string[]) => {
  const whole = message(i, pieces.join(""));
  const at = { item_id: whole.id, output_index: i, content_index: 0 };
  const [part] = whole.content;
  return [
    ["output_item.added", { output_index: i, item: { ...whole, status: "in_progress", content: [] } }],
    ["content_part.added", { ...at, part: { ...part, text: "" } }],
    ...pieces.map((delta) => ["output_text.delta", { ...at, delta, logprobs: [] }] as const),
    ["output_text.done", { ...at, text: pieces.join(""), logprobs: [] }],
    ["content_part.done", { ...at, part }],
    ["output_item.done", { output_index: i, item: whole }],
  ] as const;
};
const begin = ["created", response("in_progress", [])] as const;

const handmade = {
  "plain text": events(begin, ...wrote(0, ["Hel", "lo ü", "!"]), [
    "completed",
    response("completed", [message(0, "Hello ü!")]),
  ]),
  "text and three calls": events(
    begin,
    ...wrote(0, ["Let me ", "see"]),
    ...called(1, "search", ['{"q":', '"x"}']),
    ...called(2, "read", ['{"path":"/a"}']),
    ...called(3, "calc", ["{}"]),
    [
      "completed",
      response("completed", [
        message(0, "Let me see"),
        call(1, "search", '{"q":"x"}'),
        call(2, "read", '{"path":"/a"}'),
        call(3, "calc", "{}"),
      ]),
    ],
  ),
  "a call before a text": events(begin, ...called(0, "search", ['{"q":"x"}']), ...wrote(1, ["Don", "e"]), [
    "completed",
    response("completed", [call(0, "search", '{"q":"x"}'), message(1, "Done")]),
  ]),
};

const recorded: { name: string; bytes: Uint8Array }[] = [];
for (const { meta, response: bytes } of fixtures("responses").list) {
  if (!meta.framing.startsWith("sse")) continue;
  try {
    await judge(bytes);
    recorded.push({ name: `${meta.provider} ${meta.name}`, bytes });
  } catch {
    // What the SDK does not take for a whole response cannot be judged by it.
  }
}

testEditor({
  format: openaiResponses,
  samples: [...Object.entries(handmade).map(([name, bytes]) => ({ name, bytes })), ...recorded],
  judge,
  finish: { length: "max_output_tokens", content_filter: "content_filter" },
  toolFinish: null,
});
