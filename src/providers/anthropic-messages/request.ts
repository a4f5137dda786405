import type { JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { Conversation, type ConversationFormat } from "../conversation.ts";
import {
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObject,
  optionalObjects,
  optionalString,
  refuse,
  requireMessages,
  requireString,
} from "../fields.ts";
import { asObject, asString, isArray } from "../json.ts";
import { refuseOtherModels } from "../one-model.ts";
import { toolPart } from "../prompt-text.ts";
import { messagePart } from "./parts.ts";

const messagesFormat: ConversationFormat = {
  surface: "messages",
  messagePart,
  toolName: ({ name, type }) => asString(name) || asString(type),
  moreParts: schemaParts,
};

const countFormat: ConversationFormat = { ...messagesFormat, surface: "count_tokens" };

/**
 * Reads a messages body. The system prompt counts as a message of its own; unknown fields pass unread.
 *
 * @param surface on which it came: where its tokens are only counted, nothing is written
 */
export function readMessagesRequest(raw: Uint8Array, surface: "messages" | "count_tokens" = "messages"): RequestView {
  const body = parseBody(raw);
  const model = requireString(body, "model", 256);
  refuseOtherModels(body, model);
  const messages = requireMessages(body);
  for (let i = 0; i < messages.length; i += 1) checkMessage(messages[i]!, i);
  const system = systemMessages(body);
  const counts = surface === "count_tokens";
  return new Conversation(counts ? countFormat : messagesFormat, {
    raw,
    body,
    model,
    stream: !counts && (optionalBoolean(body, "stream") ?? false),
    messages: system.length === 0 ? messages : [...system, ...messages],
    tools: optionalObjects(body, "tools"),
    maxTokensRequested: optionalInteger(body, "max_tokens", 0) ?? 0,
    choices: counts ? 0 : 1,
    temperature: optionalNumber(body, "temperature"),
    user: optionalString(optionalObject(body, "metadata") ?? {}, "user_id") ?? "",
  });
}

function systemMessages(body: JsonObject): readonly JsonObject[] {
  const system = body.system ?? null;
  if (system === null || system === "") return [];
  if (typeof system !== "string" && !isArray(system)) refuse("system", "a string or an array of blocks", system);
  return [{ role: "system", content: system }];
}

function checkMessage(message: JsonObject, i: number): void {
  if (typeof message.role !== "string") refuse(`messages[${i}].role`, "a string", message.role);
  if (typeof message.content === "string" || isArray(message.content)) return;
  refuse(`messages[${i}].content`, "a string or an array of blocks", message.content);
}

/** A schema for the answer is shown to the model as a tool is; it has an older and a newer place. */
function schemaParts(body: JsonObject): PromptPart[] {
  const schema = asObject(asObject(body.output_config).format).schema ?? asObject(body.output_format).schema ?? null;
  return schema === null ? [] : [toolPart(schema)];
}
