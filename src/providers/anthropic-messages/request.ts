import type { JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
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
import { once } from "../once.ts";
import { countCharacters, countImages, toolPart } from "../prompt-text.ts";
import { messagePart } from "./parts.ts";

/** Reads a messages body. The system prompt counts as a message of its own; unknown fields pass unread. */
export function readMessagesRequest(raw: Uint8Array): RequestView {
  const body = parseBody(raw);
  const model = requireString(body, "model", 256);
  const messages = requireMessages(body);
  for (const [i, message] of messages.entries()) checkMessage(message, i);
  const system = systemMessages(body);
  const all = [...system, ...messages];
  const tools = optionalObjects(body, "tools");
  const metadata = optionalObject(body, "metadata") ?? {};

  const messageParts = once(() => all.map(messagePart));
  return {
    surface: "messages",
    raw,
    body,
    model,
    stream: optionalBoolean(body, "stream") ?? false,
    messageCount: all.length,
    toolCount: tools.length,
    maxTokensRequested: optionalInteger(body, "max_tokens", 0) ?? 0,
    choices: 1,
    temperature: optionalNumber(body, "temperature"),
    user: optionalString(metadata, "user_id") ?? "",
    roles: once(() => all.map(({ role }) => asString(role))),
    toolNames: once(() => tools.map(({ name, type }) => asString(name) || asString(type))),
    imageCount: once(() => countImages(messageParts())),
    characters: once(() => countCharacters(messageParts())),
    parts: once(() => [...messageParts(), ...tools.map(toolPart), ...schemaParts(body)]),
  };
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
