import type { JsonObject, RequestView } from "../../core/wire.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import { openaiChat } from "../openai-chat/format.ts";
import { asksForUsage } from "../openai-chat/write.ts";
import { finishReason, openaiUsage } from "./openai.ts";
import { type EchoReply, toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

/** Chat completions. */
export const chatEcho: EchoSurface = {
  format: openaiChat,
  idHeader: "x-request-id",
  asksUser: ({ body }) => asObject(asArray(body.messages).at(-1)).role === "user",
  toolSchema,
  answer: chatCompletion,
  events: chatEvents,
};

/** The schema of a tool, or of a function as it was called before there were tools. */
function toolSchema({ body }: RequestView, name: string): JsonObject {
  for (const item of [...asArray(body.tools), ...asArray(body.functions)]) {
    const tool = asObject(item);
    const definition = isObject(tool.function) ? tool.function : tool;
    if (asString(definition.name) === name) return asObject(definition.parameters);
  }
  return {};
}

/** A reply as a chat completion. */
function chatCompletion({ view, reply, id, seconds }: EchoSaying): string {
  const message = reply.tool
    ? { role: "assistant", content: null, refusal: null, tool_calls: [toolCall(reply, id)] }
    : { role: "assistant", content: reply.words.join(""), refusal: null, annotations: [] };
  return JSON.stringify({
    id: `chatcmpl-${id}`,
    object: "chat.completion",
    created: seconds,
    model: view.model,
    choices: Array.from({ length: view.choices }, (_, index) => ({
      index,
      message,
      logprobs: null,
      finish_reason: finishReason(reply),
    })),
    usage: openaiUsage(view, reply),
    service_tier: "default",
    system_fingerprint: "fp_echo",
  });
}

/** A reply as the events of a chat completion stream. */
function chatEvents({ view, reply, id, seconds, chunks }: EchoSaying): string[] {
  const asked = asksForUsage(view);
  const head = {
    id: `chatcmpl-${id}`,
    object: "chat.completion.chunk",
    created: seconds,
    model: view.model,
    service_tier: "default",
    system_fingerprint: "fp_echo",
  };
  const event = (choices: unknown[], told: unknown = null) =>
    `data: ${JSON.stringify({ ...head, choices, ...(asked && { usage: told }) })}\n\n`;
  const delta = (part: object, finish: string | null = null) =>
    Array.from({ length: view.choices }, (_, index) =>
      event([{ index, delta: part, logprobs: null, finish_reason: finish }]),
    );

  const parts: object[] = reply.tool
    ? toolDeltas(reply, id)
    : toChunks(reply.words, chunks).map((content) => ({ content }));
  return [
    ...delta({ role: "assistant", content: reply.tool ? null : "", refusal: null }),
    ...parts.flatMap((part) => delta(part)),
    ...delta({}, finishReason(reply)),
    ...(asked ? [event([], openaiUsage(view, reply))] : []),
    "data: [DONE]\n\n",
  ];
}

function toolCall({ tool }: EchoReply, id: string) {
  return {
    id: `call_${id}`,
    type: "function",
    function: { name: tool!.name, arguments: JSON.stringify(tool!.input) },
  };
}

/** The name first and the arguments after it, as OpenAI sends them. */
function toolDeltas(reply: EchoReply, id: string): object[] {
  const call = toolCall(reply, id);
  const { name, arguments: given } = call.function;
  return [
    { tool_calls: [{ index: 0, ...call, function: { name, arguments: "" } }] },
    { tool_calls: [{ index: 0, function: { arguments: given } }] },
  ];
}
