import type { Json, JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { Conversation, type ConversationFormat } from "../conversation.ts";
import {
  optionalBoolean,
  optionalInteger,
  optionalNumber,
  optionalObjects,
  optionalString,
  refuse,
  requireString,
} from "../fields.ts";
import { asArray, asObject, asString, isArray, isObject } from "../json.ts";
import { refuseOtherModels } from "../one-model.ts";
import { createSink, takeStrings, toolPart } from "../prompt-text.ts";
import { itemPart } from "./parts.ts";

const responses: ConversationFormat = { surface: "responses", messagePart: itemPart, toolName, moreParts };

/**
 * Reads a responses body. Instructions count as a message of their own, and so does every item of the input; fields that
 * are not known here pass unread.
 *
 * With `previous_response_id` or `conversation` most of the prompt is kept at the provider: what is read here is only
 * what is new, and the usage that the answer tells is what counts.
 */
export function readResponsesRequest(raw: Uint8Array): RequestView {
  const body = parseBody(raw);
  const model = requireString(body, "model", 256);
  refuseOtherModels(body, model);
  const instructions = optionalString(body, "instructions") ?? "";
  const items = itemsOf(body);
  return new Conversation(responses, {
    raw,
    body,
    model,
    stream: optionalBoolean(body, "stream") ?? false,
    messages: instructions === "" ? items : [{ role: "system", content: instructions }, ...items],
    tools: toolsOf(optionalObjects(body, "tools")),
    maxTokensRequested: optionalInteger(body, "max_output_tokens", 0) ?? 0,
    choices: 1,
    temperature: optionalNumber(body, "temperature"),
    user: optionalString(body, "user") || optionalString(body, "safety_identifier") || "",
  });
}

/** The items of the input, each with the role that it has in a conversation. */
function itemsOf(body: JsonObject): readonly JsonObject[] {
  const input = body.input ?? null;
  if (input === null) return [];
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (!isArray(input)) return refuse("input", "a string or an array of items", input);
  return input.map(itemOf);
}

/** A bare string, which OpenAI refuses, is read all the same: its text must not slip past a rule. */
function itemOf(item: Json, i: number): JsonObject {
  if (typeof item === "string") return { role: "", content: item };
  if (!isObject(item)) return refuse(`input[${i}]`, "an object", item);
  if (typeof item.role === "string") return item;
  const type = asString(item.type);
  return { ...item, role: type.endsWith("_output") ? "tool" : "assistant" };
}

/** The tools one by one: a namespace only groups them. */
function toolsOf(tools: readonly JsonObject[]): readonly JsonObject[] {
  if (!tools.some(({ type }) => type === "namespace")) return tools;
  return tools.flatMap((tool) => (tool.type === "namespace" ? asArray(tool.tools).filter(isObject) : [tool]));
}

/** Functions and custom tools have a name; the provider's own tools go by their type. */
function toolName({ name, type }: JsonObject): string {
  return asString(name) || asString(type);
}

/** A schema for the answer is shown to the model as a tool is; what a stored prompt is filled with is text. */
function moreParts(body: JsonObject): readonly PromptPart[] {
  const parts: PromptPart[] = [];
  const { schema } = asObject(asObject(body.text).format);
  if (isObject(schema)) parts.push(toolPart(schema));
  const sink = createSink();
  takeStrings(isObject(body.prompt) ? body.prompt.variables : body.prompt, sink);
  if (sink.texts.length > 0) parts.push({ kind: "text", role: "", texts: sink.texts, images: [] });
  return parts;
}
