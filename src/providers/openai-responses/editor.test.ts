import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { StreamEvent, StreamInspector } from "../../core/stream.ts";
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

describe("what a text was replaced by is what every event says of it:", () => {
  const secret = "s3cret";
  /** Takes the secret out of whatever a model wrote, where one event has all of it. */
  const hiding: StreamInspector = {
    see: () => undefined,
    inspect: ({ pieces }: StreamEvent) =>
      pieces.length === 0 ? null : { texts: pieces.map(({ text }) => text.replaceAll(secret, "-")) },
    finish: () => null,
  };
  const shown = (bytes: Uint8Array) => {
    const relay = openaiResponses.openStream({ inspector: hiding });
    return Buffer.concat([relay.write(bytes) ?? Buffer.of(), relay.end() ?? Buffer.of()]).toString();
  };
  const textOf = async (text: string) => (await judge(Buffer.from(text))).text;

  test("its end, its part, its item and the whole response, with what tells where in it something stands", async () => {
    const annotations = [{ type: "url_citation", start_index: 3, end_index: 9, url: "https://a.example", title: "a" }];
    const logprobs = [{ token: secret, logprob: 0, bytes: [], top_logprobs: [] }];
    const noted = {
      ...message(0, `my ${secret}`),
      content: [{ type: "output_text", text: `my ${secret}`, annotations, logprobs }],
    };
    const at = { item_id: "msg_0", output_index: 0, content_index: 0 };
    const bytes = events(
      begin,
      ["output_item.added", { output_index: 0, item: { ...noted, content: [] } }],
      ["content_part.added", { ...at, part: { type: "output_text", text: "", annotations: [] } }],
      ["output_text.delta", { ...at, delta: `my ${secret}`, logprobs }],
      ["output_text.done", { ...at, text: `my ${secret}`, logprobs }],
      ["content_part.done", { ...at, part: noted.content[0]! }],
      ["output_item.done", { output_index: 0, item: noted }],
      ["completed", { response: { ...response("completed", [noted]).response, output_text: `my ${secret}` } }],
    );
    const out = shown(bytes);
    expect(out).not.toContain(secret);
    expect(out).not.toContain("start_index");
    expect(await textOf(out)).toBe("my -");
    expect(out).toContain('"output_text":"my -"');
  });

  test.each([
    ["only at its end", "output_text.done", { item_id: "msg_0", content_index: 0, text: secret }],
    [
      "only with its part",
      "content_part.done",
      { item_id: "msg_0", content_index: 0, part: { type: "output_text", text: secret } },
    ],
    ["only with its item", "output_item.done", { item: message(0, secret) }],
    ["of a call only with its item", "output_item.done", { item: call(0, "f", `{"a":"${secret}"}`) }],
    ["of a call only at its end", "function_call_arguments.done", { item_id: "fc_0", arguments: `{"a":"${secret}"}` }],
    [
      "of a thought only with its item",
      "output_item.done",
      { item: { id: "rs_0", type: "reasoning", summary: [{ type: "summary_text", text: secret }] } },
    ],
  ])("one that came %s", (_, type, members) => {
    const out = shown(events(begin, [type, { output_index: 0, ...members }]));
    expect(out).not.toContain(secret);
    expect(out).toContain("-");
  });

  test("commands of a shell, patches, and whatever else calls have in a form of their own", () => {
    const item = (commands: readonly string[]) => ({
      id: "sh_0",
      type: "shell_call",
      call_id: "c",
      status: "completed",
      action: { commands, timeout_ms: 1 },
    });
    const at = { output_index: 0, command_index: 0 };
    const bytes = events(
      begin,
      ["output_item.added", { output_index: 0, item: item([]) }],
      ["shell_call_command.added", { ...at, command: "" }],
      ["shell_call_command.delta", { ...at, delta: `cat ${secret}` }],
      ["shell_call_command.done", { ...at, command: `cat ${secret}` }],
      ["output_item.done", { output_index: 0, item: item([`cat ${secret}`]) }],
      [
        "output_item.done",
        { output_index: 1, item: { type: "apply_patch_call", operation: { type: "x", diff: secret } } },
      ],
      ["completed", response("completed", [item([`cat ${secret}`])])],
    );
    const out = shown(bytes);
    expect(out).not.toContain(secret);
    expect(out.match(/cat -/g)).toHaveLength(4);
    expect(out).toContain('"diff":"-"');
  });

  test("one that came only with the whole response, and in a cut one the rest of it", () => {
    const whole = events(begin, ["completed", response("completed", [message(0, `a ${secret}`)])]);
    expect(shown(whole)).toContain('"text":"a -"');
    const at = { item_id: "msg_0", output_index: 0, content_index: 0 };
    const rest = events(
      begin,
      ["output_text.delta", { ...at, delta: "a " }],
      ["incomplete", response("incomplete", [message(0, `a ${secret}`)])],
    );
    expect(shown(rest)).toContain('"text":"a -"');
  });
});

test("a whole response is written otherwise, its calls taken out", () => {
  const whole = {
    ...response("completed", [message(0, "my s3cret"), call(1, "search", '{"q":"x"}'), call(2, "read", "{}")]).response,
    output_text: "my s3cret",
  };
  const editor = openaiResponses.editAnswer!(whole as never);
  expect(editor.pieces.map(({ kind, tool, text }) => [kind, tool, text])).toEqual([
    ["text", "", "my s3cret"],
    ["tool_name", "1", "search"],
    ["tool_arguments", "1", '{"q":"x"}'],
    ["tool_name", "2", "read"],
    ["tool_arguments", "2", "{}"],
  ]);
  const texts = editor.pieces.map(({ text }) => text);
  expect(JSON.parse(editor.write(texts))).toEqual(whole);
  const changed = JSON.parse(editor.write(["my -", null, null, "read", '{"a":1}']));
  expect(changed).toEqual({
    ...whole,
    output: [message(0, "my -"), call(2, "read", '{"a":1}')],
    output_text: "my -",
  });
});
