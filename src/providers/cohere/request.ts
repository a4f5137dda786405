import type { JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { Conversation, type ConversationFormat } from "../conversation.ts";
import {
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObjects,
  refuse,
  requireMessages,
  requireString,
} from "../fields.ts";
import { asObject, asString, isArray } from "../json.ts";
import { toolPart } from "../prompt-text.ts";
import { documentParts, messagePart } from "./parts.ts";

const cohere: ConversationFormat = {
  surface: "cohere",
  messagePart,
  toolName: (tool) => asString(asObject(tool.function).name) || asString(tool.name) || asString(tool.type),
  moreParts: (body) => [...documentParts(body), ...schemaParts(body)],
};

/** Reads a v2 chat body. Fields that are not known here pass unread. */
export function readCohereRequest(raw: Uint8Array): RequestView {
  const body = parseBody(raw);
  const model = requireString(body, "model", 256);
  const messages = requireMessages(body);
  for (const [i, message] of messages.entries()) checkMessage(message, i);
  const documents = body.documents ?? null;
  if (documents !== null && !isArray(documents)) refuse("documents", "an array", documents);
  return new Conversation(cohere, {
    raw,
    body,
    model,
    stream: optionalBoolean(body, "stream") ?? false,
    messages,
    tools: optionalObjects(body, "tools"),
    maxTokensRequested: optionalInteger(body, "max_tokens", 0) ?? 0,
    choices: 1,
    temperature: optionalNumber(body, "temperature"),
    user: "",
  });
}

function checkMessage(message: JsonObject, i: number): void {
  if (typeof message.role !== "string") refuse(`messages[${i}].role`, "a string", message.role);
  const content = message.content ?? null;
  if (content === null || typeof content === "string" || isArray(content)) return;
  refuse(`messages[${i}].content`, "a string, an array of parts or null", content);
}

/** A schema for the answer is shown to the model as a tool is; it has an older and a newer name. */
function schemaParts(body: JsonObject): readonly PromptPart[] {
  const { json_schema: schema, schema: older } = asObject(body.response_format);
  const shown = schema ?? older ?? null;
  return shown === null ? [] : [toolPart(shown)];
}
