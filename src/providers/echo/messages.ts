import type { JsonObject, RequestView } from "../../core/wire.ts";
import { anthropicMessages } from "../anthropic-messages/format.ts";
import { asArray, asObject } from "../json.ts";
import { type EchoReply, toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

/** Anthropic's messages. */
export const messagesEcho: EchoSurface = {
  format: anthropicMessages,
  idHeader: "request-id",
  asksUser,
  toolSchema,
  answer: message,
  events: messageEvents,
};

function asksUser({ body }: RequestView): boolean {
  const last = asObject(asArray(body.messages).at(-1));
  if (last.role !== "user") return false;
  return !asArray(last.content).some((block) => asObject(block).type === "tool_result");
}

function toolSchema({ body }: RequestView, name: string): JsonObject {
  const tool = asArray(body.tools).find((item) => asObject(item).name === name);
  return asObject(asObject(tool).input_schema);
}

/** A reply as a message. */
function message({ view, reply, id }: EchoSaying): string {
  const content = reply.tool
    ? { type: "tool_use", id: `toolu_${id}`, name: reply.tool.name, input: reply.tool.input }
    : { type: "text", text: reply.words.join("") };
  return JSON.stringify({
    ...head(view, id),
    content: [content],
    stop_reason: stopReason(reply),
    stop_sequence: null,
    usage: usage(reply, reply.completionTokens),
  });
}

/** A reply as the events of a message stream. */
function messageEvents({ view, reply, id, chunks }: EchoSaying): string[] {
  const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const block = reply.tool
    ? { type: "tool_use", id: `toolu_${id}`, name: reply.tool.name, input: {} }
    : { type: "text", text: "" };
  const deltas = reply.tool
    ? [{ type: "input_json_delta", partial_json: JSON.stringify(reply.tool.input) }]
    : toChunks(reply.words, chunks).map((text) => ({ type: "text_delta", text }));
  const started = { ...head(view, id), content: [], stop_reason: null, stop_sequence: null, usage: usage(reply, 1) };
  return [
    event("message_start", { message: started }),
    event("content_block_start", { index: 0, content_block: block }),
    event("ping", {}),
    ...deltas.map((delta) => event("content_block_delta", { index: 0, delta })),
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: usage(reply, reply.completionTokens),
    }),
    event("message_stop", {}),
  ];
}

function head({ model }: RequestView, id: string) {
  return { id: `msg_${id}`, type: "message", role: "assistant", model };
}

function stopReason({ tool, cut }: EchoReply): string {
  return tool ? "tool_use" : cut ? "max_tokens" : "end_turn";
}

function usage({ promptTokens }: EchoReply, outputTokens: number) {
  return {
    input_tokens: promptTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: outputTokens,
    service_tier: "standard",
  };
}
