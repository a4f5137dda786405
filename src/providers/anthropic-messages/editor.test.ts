import Anthropic from "@anthropic-ai/sdk";
import { argumentsOf, type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { anthropicMessages } from "./format.ts";

/** Reads a stream as the official SDK does. */
export async function judgeMessages(bytes: Uint8Array): Promise<JudgedMessage> {
  const client = new Anthropic({
    apiKey: "none",
    maxRetries: 0,
    fetch: async () => new Response(bytes.slice(), { headers: { "content-type": "text/event-stream" } }),
  });
  const stream = client.messages.stream({ model: "m", max_tokens: 1, messages: [] });
  const { content, stop_reason } = await stream.finalMessage();
  return {
    text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
    calls: content.flatMap((block) =>
      block.type === "tool_use"
        ? [{ name: block.name, arguments: typeof block.input === "string" ? argumentsOf(block.input) : block.input }]
        : [],
    ),
    finish: stop_reason ?? "",
  };
}

const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
const start = event("message_start", {
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 1 },
  },
});
const begin = (index: number, block: object) => event("content_block_start", { index, content_block: block });
const delta = (index: number, members: object) => event("content_block_delta", { index, delta: members });
const stop = (index: number) => event("content_block_stop", { index });
const text = (index: number, ...parts: string[]) => [
  begin(index, { type: "text", text: "" }),
  ...parts.map((part) => delta(index, { type: "text_delta", text: part })),
  stop(index),
];
const call = (index: number, name: string, ...parts: string[]) => [
  begin(index, { type: "tool_use", id: `toolu_${index}`, name, input: {} }),
  ...parts.map((part) => delta(index, { type: "input_json_delta", partial_json: part })),
  stop(index),
];
const end = (reason: string) => [
  event("message_delta", { delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 9 } }),
  event("message_stop", {}),
];

const written = {
  "plain text": [start, ...text(0, "Hel", "lo ü"), event("ping", {}), ...end("end_turn")],
  "thinking, then text": [
    start,
    begin(0, { type: "thinking", thinking: "", signature: "" }),
    delta(0, { type: "thinking_delta", thinking: "hm" }),
    delta(0, { type: "signature_delta", signature: "c2ln" }),
    stop(0),
    ...text(1, "so", " it is"),
    ...end("end_turn"),
  ],
  "calls between texts": [
    start,
    ...text(0, "Let me", " see"),
    ...call(1, "search", "", '{"q":', '"x"}'),
    ...text(2, "and"),
    ...call(3, "read", '{"path":"/a"}'),
    ...call(4, "now"),
    ...end("tool_use"),
  ],
  "a call alone": [start, ...call(0, "search", '{"q":"x"}'), ...end("tool_use")],
};

const samples = Object.entries(written).map(([name, events]) => ({ name, bytes: Buffer.from(events.join("")) }));
for (const { meta, response } of fixtures("messages").list) {
  if (!meta.framing.startsWith("sse") || response.length > 50_000) continue;
  try {
    await judgeMessages(response);
    samples.push({ name: meta.name, bytes: Buffer.from(response) });
  } catch {
    // What the SDK does not take for a whole message, such as errors, cannot be judged by it.
  }
}

testEditor({
  format: anthropicMessages,
  samples,
  judge: judgeMessages,
  finish: { length: "max_tokens", content_filter: "refusal" },
  toolFinish: "tool_use",
});
