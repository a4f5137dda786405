import type { Json, JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { asArray, asObject, asString, isObject } from "../json.ts";
import type { EchoSettings } from "./settings.ts";

/** What the simulated provider says, before it has a wire format. */
export interface EchoReply {
  /** Pieces of the text, in order; empty when a tool is called. */
  readonly words: readonly string[];
  readonly tool: { readonly name: string; readonly input: JsonObject } | null;
  /** Whether the maximum of tokens cut the text. */
  readonly cut: boolean;
  readonly promptTokens: number;
  /** Of one choice. */
  readonly completionTokens: number;
}

/**
 * Says what the last message said. A prompt token is four bytes of text, a completion token is a word; so figures can
 * be reckoned by hand.
 *
 * A tool is called when the user asks "call <name>" and a tool of that name is offered, or the settings name one. Its
 * result, the next message, is then echoed like any other.
 */
export function replyTo(view: RequestView, settings: EchoSettings): EchoReply {
  const messages = asArray(view.body.messages);
  const last = asObject(messages[messages.length - 1]);
  const text = view
    .parts()
    .filter(({ kind }) => kind === "message")
    .at(-1)!
    .texts.join(" ");
  const promptTokens = countPrompt(view.parts());
  const name = settings.tool || (asksUser(last) ? askedTool(view.toolNames(), text) : "");
  if (name !== "") {
    const input = inputFor(schemaOf(view.body, name), text);
    return {
      words: [],
      tool: { name, input },
      cut: false,
      promptTokens,
      completionTokens: 1 + Object.keys(input).length,
    };
  }
  const wanted = wordsOf(text, settings.tokens);
  const max = view.maxTokensRequested;
  const cut = max > 0 && wanted.length > max;
  const words = cut ? wanted.slice(0, max) : wanted;
  return { words, tool: null, cut, promptTokens, completionTokens: words.length };
}

/** Joins words so that as many pieces remain as the settings ask for. */
export function toChunks(words: readonly string[], chunks: number): readonly string[] {
  if (chunks === 0 || chunks >= words.length) return words;
  return Array.from({ length: chunks }, (_, i) => {
    const from = Math.floor((i * words.length) / chunks);
    return words.slice(from, Math.floor(((i + 1) * words.length) / chunks)).join("");
  });
}

function countPrompt(parts: readonly PromptPart[]): number {
  let bytes = 0;
  for (const { texts } of parts) for (const text of texts) bytes += Buffer.byteLength(text);
  return Math.max(1, Math.ceil(bytes / 4));
}

/** The words with the space before them, so that they join to the text again. */
function wordsOf(text: string, count: number): string[] {
  const words: string[] = text.match(/\s*\S+/g) ?? ["echo"];
  if (count === 0) return words;
  return Array.from({ length: count }, (_, i) => {
    const word = words[i % words.length]!;
    return i > 0 && i % words.length === 0 ? ` ${word.trimStart()}` : word;
  });
}

/** A tool's result ends the round: asking for the tool again would never end. */
function asksUser(last: JsonObject): boolean {
  if (last.role !== "user") return false;
  return !asArray(last.content).some((block) => asObject(block).type === "tool_result");
}

function askedTool(names: readonly string[], text: string): string {
  const asked = names.filter((name) => text.includes(`call ${name}`));
  return asked.sort((a, b) => b.length - a.length)[0] ?? "";
}

function schemaOf(body: JsonObject, name: string): JsonObject {
  for (const item of [...asArray(body.tools), ...asArray(body.functions)]) {
    const tool = asObject(item);
    const definition = isObject(tool.function) ? tool.function : tool;
    if (definition.name === name) return asObject(definition.parameters ?? definition.input_schema);
  }
  return {};
}

/** The least input that satisfies the schema's required members. */
function inputFor(schema: JsonObject, text: string): JsonObject {
  const properties = asObject(schema.properties);
  const names = asArray(schema.required).map(asString);
  return Object.fromEntries(names.map((name) => [name, valueFor(asObject(properties[name]), text)]));
}

function valueFor(property: JsonObject, text: string): Json {
  const [first] = asArray(property.enum);
  if (first !== undefined) return first;
  switch (property.type) {
    case "integer":
    case "number":
      return 1;
    case "boolean":
      return true;
    case "array":
      return [];
    case "object":
      return inputFor(property, text);
    default:
      return text;
  }
}
