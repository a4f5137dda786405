import type { JsonObject, RequestView } from "../../core/wire.ts";
import { cohere } from "../cohere/format.ts";
import { cohereEmbeddings } from "../cohere-embeddings/format.ts";
import { asArray, asCount, asObject } from "../json.ts";
import { embeddingOf } from "./embeddings.ts";
import { type EchoReply, toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

const idHeader = "x-debug-trace-id";

/** Cohere's chat. */
export const cohereEcho: EchoSurface = { format: cohere, idHeader, asksUser, toolSchema, answer, events };

/** Cohere's embeddings. */
export const cohereEmbeddingsEcho: EchoSurface = { format: cohereEmbeddings, idHeader, answer: vectors };

/** Numbers of one vector where the client does not say how many. */
const usualDimensions = 8;
const mostDimensions = 4096;

function asksUser({ body }: RequestView): boolean {
  return asObject(asArray(body.messages).at(-1)).role === "user";
}

function toolSchema({ body }: RequestView, name: string): JsonObject {
  const tools = asArray(body.tools).map((tool) => asObject(asObject(tool).function));
  return asObject(tools.find((tool) => tool.name === name)?.parameters);
}

function answer({ reply, id }: EchoSaying): string {
  const { tool, words } = reply;
  const message = tool
    ? { role: "assistant", tool_plan: `I will call ${tool.name}.`, tool_calls: [toolCall(reply, id)] }
    : { role: "assistant", content: [{ type: "text", text: words.join("") }] };
  return JSON.stringify({ id, message, finish_reason: finishReason(reply), usage: usage(reply) });
}

function events({ reply, id, chunks }: EchoSaying): string[] {
  const event = (type: string, members: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
  const said = (message: object) => ({ delta: { message } });
  const start = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
  const spoken = reply.tool ? callEvents(reply, id, event, said) : textEvents(reply, chunks, event, said);
  return [
    event("message-start", { id, ...said(start) }),
    ...spoken,
    event("message-end", { delta: { finish_reason: finishReason(reply), usage: usage(reply) } }),
    "data: [DONE]\n\n",
  ];
}

type WriteEvent = (type: string, members: object) => string;
type Said = (message: object) => object;

function textEvents({ words }: EchoReply, chunks: number, event: WriteEvent, said: Said): string[] {
  const of = { index: 0 };
  return [
    event("content-start", { ...of, ...said({ content: { type: "text", text: "" } }) }),
    ...toChunks(words, chunks).map((text) => event("content-delta", { ...of, ...said({ content: { text } }) })),
    event("content-end", of),
  ];
}

function callEvents(reply: EchoReply, id: string, event: WriteEvent, said: Said): string[] {
  const of = { index: 0 };
  const call = toolCall(reply, id);
  const named = { ...call, function: { name: call.function.name, arguments: "" } };
  const given = { function: { arguments: call.function.arguments } };
  return [
    event("tool-plan-delta", said({ tool_plan: `I will call ${call.function.name}.` })),
    event("tool-call-start", { ...of, ...said({ tool_calls: named }) }),
    event("tool-call-delta", { ...of, ...said({ tool_calls: given }) }),
    event("tool-call-end", of),
  ];
}

function toolCall({ tool }: EchoReply, id: string) {
  const { name, input } = tool!;
  return { id: `${name}_${id}`, type: "function", function: { name, arguments: JSON.stringify(input) } };
}

function finishReason({ tool, cut }: EchoReply): string {
  return tool ? "TOOL_CALL" : cut ? "MAX_TOKENS" : "COMPLETE";
}

function usage({ promptTokens, completionTokens }: EchoReply) {
  const counts = { input_tokens: promptTokens, output_tokens: completionTokens };
  return { billed_units: counts, tokens: counts };
}

function vectors({ view, reply, id }: EchoSaying): string {
  const { body } = view;
  const dimensions = Math.min(asCount(body.output_dimension) ?? usualDimensions, mostDimensions);
  const float = view.parts().map(({ texts }) => [...embeddingOf(texts.join(" "), dimensions)]);
  const meta = { api_version: { version: "2" }, billed_units: { input_tokens: reply.promptTokens } };
  return JSON.stringify({
    id,
    embeddings: { float },
    texts: body.texts ?? [],
    meta,
    response_type: "embeddings_by_type",
  });
}
