import type { Json, JsonObject, PromptPart, RequestView } from "../../core/wire.ts";
import { asArray, asObject, asString } from "../json.ts";
import type { EchoSettings } from "./settings.ts";
import type { EchoSurface } from "./surface.ts";

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
export function replyTo(view: RequestView, settings: EchoSettings, speaks: EchoSurface): EchoReply {
  const parts = view.parts();
  const last = parts.filter(({ kind }) => kind !== "tool").at(-1);
  const text = last?.texts.join(" ") ?? "";
  const promptTokens = countPrompt(parts);
  const { asksUser, toolSchema } = speaks;
  const forced = asksUser === undefined ? "" : settings.tool;
  const name = forced || (asksUser?.(view) ? askedTool(view.toolNames(), text) : "");
  if (name !== "") {
    const input = inputFor(toolSchema?.(view, name) ?? {}, text);
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
  let given = 0;
  for (const { texts, tokens = 0 } of parts) {
    for (const text of texts) bytes += Buffer.byteLength(text);
    given += tokens;
  }
  return Math.max(1, Math.ceil(bytes / 4) + given);
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

function askedTool(names: readonly string[], text: string): string {
  const asked = names.filter((name) => text.includes(`call ${name}`));
  return asked.sort((a, b) => b.length - a.length)[0] ?? "";
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
