import OpenAI from "openai";
import { argumentsOf, type JudgedMessage, testEditor } from "../editor.conformance.ts";
import { fixtures } from "../fixtures.ts";
import { openaiChat } from "./format.ts";

/** Reads a stream as the official SDK does. */
export async function judgeChat(bytes: Uint8Array): Promise<JudgedMessage> {
  const client = new OpenAI({
    apiKey: "none",
    maxRetries: 0,
    fetch: async () => new Response(bytes.slice(), { headers: { "content-type": "text/event-stream" } }),
  });
  const stream = client.chat.completions.stream({ model: "m", messages: [] });
  const { choices } = await stream.finalChatCompletion();
  return {
    text: choices.map(({ message }) => message.content ?? "").join(""),
    calls: choices.flatMap(({ message }) =>
      (message.tool_calls ?? []).map((call) => {
        if (call.type !== "function") throw new Error("only functions are called");
        return { name: call.function.name, arguments: argumentsOf(call.function.arguments) };
      }),
    ),
    finish: choices[0]!.finish_reason,
  };
}

const chunk = (delta: object, finish: string | null = null, index = 0) =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index, delta, logprobs: null, finish_reason: finish }] })}\n\n`;
const call = (index: number, members: object) => chunk({ tool_calls: [{ index, ...members }] });
const named = (index: number, name: string) =>
  call(index, { id: `call_${index}`, type: "function", function: { name, arguments: "" } });
const given = (index: number, text: string) => call(index, { function: { arguments: text } });
const done = "data: [DONE]\n\n";

const written = {
  "plain text": [
    chunk({ role: "assistant", content: "" }),
    chunk({ content: "Hel" }),
    chunk({ content: "lo ü" }),
    chunk({}, "stop"),
  ],
  "two choices": [
    chunk({ role: "assistant", content: "One" }),
    chunk({ role: "assistant", content: "An" }, null, 1),
    chunk({ content: " is" }),
    chunk({ content: "other" }, null, 1),
    chunk({}, "stop", 1),
    chunk({}, "stop"),
  ],
  "text and three calls": [
    chunk({ role: "assistant", content: "Let me see" }),
    named(0, "search"),
    given(0, '{"q":'),
    given(0, '"x"}'),
    named(1, "read"),
    given(1, '{"path":"/a"}'),
    named(2, "calc"),
    given(2, "{}"),
    chunk({}, "tool_calls"),
  ],
  "a call alone": [
    chunk({ role: "assistant", content: null }),
    named(0, "search"),
    given(0, '{"q":"x"}'),
    chunk({}, "tool_calls"),
  ],
};
const usage = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}\n\n`;

const handmade = Object.entries(written).map(([name, events]) => ({
  name,
  bytes: Buffer.from([...events, usage, done].join("")),
}));

const recorded = [];
for (const { meta, response } of fixtures("chat").list) {
  if (!meta.framing.startsWith("sse") || response.length > 50_000) continue;
  try {
    const { text } = await judgeChat(response);
    // Nor does it read Mistral's lists of parts.
    if (text.includes("[object Object]")) continue;
    recorded.push({ name: `${meta.provider} ${meta.name}`, bytes: response });
  } catch {
    // What the SDK does not take for a whole message (errors, legacy forms) cannot be judged by it.
  }
}

testEditor({
  format: openaiChat,
  samples: [...handmade, ...recorded],
  judge: judgeChat,
  finish: { length: "length", content_filter: "content_filter" },
  toolFinish: "tool_calls",
});
