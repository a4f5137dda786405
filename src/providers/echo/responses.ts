import type { JsonObject, RequestView } from "../../core/wire.ts";
import { asArray, asObject } from "../json.ts";
import { openaiResponses } from "../openai-responses/format.ts";
import { chatEcho } from "./chat.ts";
import { toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

/** OpenAI's responses. */
export const responsesEcho: EchoSurface = {
  format: openaiResponses,
  idHeader: chatEcho.idHeader,
  asksUser: (view) => view.roles().at(-1) === "user",
  toolSchema,
  answer: (saying) => JSON.stringify(whole(saying)),
  events,
};

function toolSchema({ body }: RequestView, name: string): JsonObject {
  const tool = asArray(body.tools).find((item) => asObject(item).name === name);
  return asObject(asObject(tool).parameters);
}

function head({ view, id, seconds }: EchoSaying) {
  const { body } = view;
  return {
    id: `resp_${id}`,
    object: "response",
    created_at: seconds,
    error: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: view.model,
    parallel_tool_calls: true,
    previous_response_id: body.previous_response_id ?? null,
    temperature: view.temperature ?? 1,
    text: { format: { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: 1,
    truncation: "disabled",
  };
}

/** The one item of the output. */
function item({ reply, id }: EchoSaying) {
  if (reply.tool) {
    return {
      id: `fc_${id}`,
      type: "function_call",
      status: "completed",
      arguments: JSON.stringify(reply.tool.input),
      call_id: `call_${id}`,
      name: reply.tool.name,
    };
  }
  const status = reply.cut ? "incomplete" : "completed";
  return { id: `msg_${id}`, type: "message", status, content: [part(reply.words.join(""))], role: "assistant" };
}

function part(text: string) {
  return { type: "output_text", annotations: [], logprobs: [], text };
}

function whole(saying: EchoSaying) {
  const { reply, seconds } = saying;
  return {
    ...head(saying),
    status: reply.cut ? "incomplete" : "completed",
    completed_at: seconds,
    incomplete_details: reply.cut ? { reason: "max_output_tokens" } : null,
    output: [item(saying)],
    usage: {
      input_tokens: reply.promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: reply.completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: reply.promptTokens + reply.completionTokens,
    },
  };
}

function events(saying: EchoSaying): string[] {
  const { reply, chunks } = saying;
  const started = { ...head(saying), status: "in_progress", incomplete_details: null, output: [], usage: null };
  const done = item(saying);
  const at = { item_id: done.id, output_index: 0 };
  const ended = whole(saying);
  let number = 0;
  const event = (type: string, members: object) => {
    const data = JSON.stringify({ type, sequence_number: number, ...members });
    number += 1;
    return `event: ${type}\ndata: ${data}\n\n`;
  };
  return [
    event("response.created", { response: started }),
    event("response.in_progress", { response: started }),
    ...(reply.tool ? callEvents(saying, at, event) : textEvents(saying, at, chunks, event)),
    event("response.output_item.done", { output_index: 0, item: done }),
    event(`response.${ended.status}`, { response: ended }),
  ];
}

type WriteEvent = (type: string, members: object) => string;

function callEvents(saying: EchoSaying, at: object, event: WriteEvent): string[] {
  const call = item(saying);
  const given = JSON.stringify(saying.reply.tool!.input);
  return [
    event("response.output_item.added", { output_index: 0, item: { ...call, status: "in_progress", arguments: "" } }),
    event("response.function_call_arguments.delta", { ...at, delta: given }),
    event("response.function_call_arguments.done", { ...at, name: saying.reply.tool!.name, arguments: given }),
  ];
}

function textEvents(saying: EchoSaying, at: object, chunks: number, event: WriteEvent): string[] {
  const { words } = saying.reply;
  const place = { ...at, content_index: 0 };
  const text = words.join("");
  return [
    event("response.output_item.added", {
      output_index: 0,
      item: { ...item(saying), status: "in_progress", content: [] },
    }),
    event("response.content_part.added", { ...place, part: part("") }),
    ...toChunks(words, chunks).map((delta) => event("response.output_text.delta", { ...place, delta, logprobs: [] })),
    event("response.output_text.done", { ...place, text, logprobs: [] }),
    event("response.content_part.done", { ...place, part: part(text) }),
  ];
}
