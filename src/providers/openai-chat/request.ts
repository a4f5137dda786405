import type { Surface } from "../../core/phases.ts";
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

const chat: ConversationFormat = { surface: "chat", messagePart, toolName, moreParts: schemaParts };
const azure: ConversationFormat = { ...chat, surface: "azure-chat" };

/**
 * Reads a chat completions body. Fields that are not known here pass unread.
 *
 * @param named the model, where something else than the body names it
 */
export function readChatRequest(raw: Uint8Array, surface: Surface = "chat", named?: string): RequestView {
  const body = parseBody(raw);
  const model = named ?? requireString(body, "model", 256);
  refuseOtherModels(body, model);
  const messages = requireMessages(body);
  for (let i = 0; i < messages.length; i += 1) checkMessage(messages[i]!, i);
  const stream = optionalBoolean(body, "stream") ?? false;
  const streamOptions = optionalObject(body, "stream_options");
  if (streamOptions !== undefined) optionalBoolean(streamOptions, "include_usage");
  const { maxTokens, maxCompletionTokens } = chatMaximums(body);
  return new Conversation(surface === "chat" ? chat : azure, {
    raw,
    body,
    model,
    stream,
    messages,
    tools: toolsOf(body),
    maxTokensRequested: Math.max(maxTokens ?? 0, maxCompletionTokens ?? 0),
    choices: optionalInteger(body, "n", 1, 128) ?? 1,
    temperature: optionalNumber(body, "temperature"),
    user: optionalString(body, "user") ?? "",
  });
}

/** Tools, and functions as they were called before there were tools. */
function toolsOf(body: JsonObject): readonly JsonObject[] {
  const tools = optionalObjects(body, "tools");
  const functions = optionalObjects(body, "functions");
  return functions.length === 0 ? tools : [...tools, ...functions];
}

/** The two names of the maximum: the newer one, and the deprecated one that other vendors still expect. */
export function chatMaximums(body: JsonObject): { maxTokens?: number; maxCompletionTokens?: number } {
  // 0 is for the provider to refuse; here it counts as none.
  const maxTokens = optionalInteger(body, "max_tokens", 0);
  const maxCompletionTokens = optionalInteger(body, "max_completion_tokens", 0);
  if (!maxTokens && !maxCompletionTokens) return none;
  return { ...(maxTokens && { maxTokens }), ...(maxCompletionTokens && { maxCompletionTokens }) };
}

function checkMessage(message: JsonObject, i: number): void {
  if (typeof message.role !== "string") refuse(`messages[${i}].role`, "a string", message.role);
  const content = message.content ?? null;
  if (content === null || typeof content === "string" || isArray(content)) return;
  refuse(`messages[${i}].content`, "a string, an array of parts or null", content);
}

function toolName(tool: JsonObject): string {
  return (
    asString(asObject(tool.function).name) ||
    asString(asObject(tool.custom).name) ||
    asString(tool.name) ||
    asString(tool.type)
  );
}

const nothing: readonly PromptPart[] = Object.freeze([]);
const none = Object.freeze({});

/** A response schema is shown to the model as a tool is. */
function schemaParts(body: JsonObject): readonly PromptPart[] {
  const { json_schema: schema } = asObject(body.response_format);
  return schema === undefined || schema === null ? nothing : [toolPart(schema)];
}
