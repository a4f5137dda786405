import type { Json, JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { parseBody } from "../body.ts";
import { Conversation, type ConversationFormat } from "../conversation.ts";
import { optionalInteger, optionalNumber, refuse } from "../fields.ts";
import { asObject, asString, isObject } from "../json.ts";
import { toolPart } from "../prompt-text.ts";
import { contentPart } from "./parts.ts";
import { asksFor, asksForEvents, checkEncoding, modelOf, queryOf } from "./path.ts";
import { camelOf, keyOf, listOf, memberOf, refuseTwoSpellings } from "./spelling.ts";

/** How Gemini writes the parts of a conversation. */
export const conversationFormat: ConversationFormat = {
  surface: "gemini",
  messagePart: contentPart,
  toolName,
  moreParts: schemaParts,
};

/**
 * Reads a generateContent body. The model and whether the answer is streamed stand in the URL. The system instruction
 * counts as a message of its own; unknown fields pass unread.
 */
export function readGeminiRequest(raw: Uint8Array, url?: string, routed?: string): RequestView {
  const body = parseBody(raw);
  if (url) checkEncoding(url);
  const read = {
    raw,
    body,
    model: modelOf(url, routed, body.model),
    stream: url ? asksFor(url, "streamGenerateContent") : body.stream === true,
    ...readConversation(body),
  };
  return new GeminiRequest(read, !url || asksForEvents(queryOf(url)));
}

/** A generateContent body. */
export class GeminiRequest extends Conversation {
  /** Whether a stream is asked for as events; else it comes as one JSON array. */
  readonly asEvents: boolean;

  constructor(read: ConstructorParameters<typeof Conversation>[1], asEvents: boolean) {
    super(conversationFormat, read);
    this.asEvents = asEvents;
  }
}

/** What is read of the members that say what to generate. */
export function readConversation(body: JsonObject) {
  refuseTwoSpellings(body, "");
  const config = readConfig(body);
  const choices = optionalInteger(config, keyOf(config, "candidateCount"), 0, 128) || 1;
  return {
    messages: messagesOf(body),
    tools: toolsOf(body),
    // 0 is for the provider to refuse; here it counts as none.
    maxTokensRequested: optionalInteger(config, keyOf(config, "maxOutputTokens"), 0) ?? 0,
    choices,
    temperature: optionalNumber(config, "temperature"),
    user: "",
  };
}

function readConfig(body: JsonObject): JsonObject {
  const key = keyOf(body, "generationConfig");
  const config = objectAt(body, key, "");
  refuseTwoSpellings(config, `${key}.`);
  const thinking = keyOf(config, "thinkingConfig");
  refuseTwoSpellings(objectAt(config, thinking, `${key}.`), `${key}.${thinking}.`);
  const choosing = keyOf(body, "toolConfig");
  const toolConfig = objectAt(body, choosing, "");
  refuseTwoSpellings(toolConfig, `${choosing}.`);
  refuseTwoSpellings(asObject(memberOf(toolConfig, "functionCallingConfig")), `${choosing}.functionCallingConfig.`);
  return config;
}

function objectAt(object: JsonObject, key: string, where: string): JsonObject {
  const value = object[key] ?? null;
  if (value === null) return {};
  return isObject(value) ? value : refuse(where + key, "an object", value);
}

function messagesOf(body: JsonObject): readonly JsonObject[] {
  const key = keyOf(body, "systemInstruction");
  const system = body[key] ?? null;
  const contents = objects(body.contents, "contents");
  if (system === null) return contents;
  // A bare string, which Google refuses in its own words, is read: its text must not slip past a rule.
  if (typeof system === "string") return [{ role: "system", parts: [{ text: system }] }, ...contents];
  if (!isObject(system)) return refuse(key, "an object with parts", system);
  return [{ ...system, role: "system" }, ...contents];
}

/** A list of objects, of which a single one may stand for itself. */
export function objects(value: Json | undefined, field: string): readonly JsonObject[] {
  if (value === undefined || value === null) return [];
  const list = listOf(value);
  if (list.length === 0 && !Array.isArray(value)) return refuse(field, "an array of objects", value);
  for (const [i, item] of list.entries()) {
    if (!isObject(item)) refuse(`${field}[${i}]`, "an object", item);
  }
  return list as readonly JsonObject[];
}

/** Functions as they are declared, and each of the provider's own tools as an object that only has its member. */
function toolsOf(body: JsonObject): readonly JsonObject[] {
  return objects(body.tools, "tools").flatMap((tool) =>
    Object.entries(tool).flatMap(([key, value]): readonly JsonObject[] => {
      const name = camelOf(key);
      if (name !== "functionDeclarations") return [{ [name]: value }];
      return objects(value, "tools.functionDeclarations");
    }),
  );
}

/** A declared function's name; of the provider's own tools the word for them, in camel case. */
function toolName(tool: JsonObject): string {
  return asString(tool.name) || (Object.keys(tool)[0] ?? "");
}

/** A schema for the answer is shown to the model as a tool is. */
function schemaParts(body: JsonObject): readonly PromptPart[] {
  const config = asObject(memberOf(body, "generationConfig"));
  const schema = memberOf(config, "responseSchema") ?? null;
  const json = memberOf(config, "responseJsonSchema") ?? null;
  return [schema, json].filter((one) => one !== null).map(toolPart);
}
