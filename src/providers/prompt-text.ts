import type { Json, PromptPart } from "../core/wire.ts";
import { isArray, isObject } from "./json.ts";

/** An image as counters see it. */
export type PromptImage = PromptPart["images"][number];

/** Gathers what the model reads of one message. */
export interface PromptSink {
  readonly texts: string[];
  readonly images: PromptImage[];
  /** What sound and documents come to. */
  tokens: number;
}

/** Makes an empty sink. */
export function createSink(): PromptSink {
  return { texts: [], images: [], tokens: 0 };
}

/** What was gathered, as a message of this role. */
export function gathered(role: string, { texts, images, tokens }: PromptSink): PromptPart {
  return { kind: "message", role, texts, images, ...(tokens > 0 && { tokens }) };
}

/** Members whose strings are bytes or seals, not text. */
const opaque = new Set([
  "data",
  "file_data",
  "signature",
  "encrypted_content",
  "encrypted_index",
  "id",
  "tool_use_id",
  "file_id",
  "type",
  "media_type",
  "cache_control",
]);

/** Takes every text of a value of unknown shape, so that a new kind of content is counted and not overlooked. */
export function takeStrings(value: Json | undefined, into: PromptSink): void {
  if (typeof value === "string") {
    if (value !== "") into.texts.push(value);
  } else if (isArray(value)) {
    for (const item of value) takeStrings(item, into);
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) if (!opaque.has(key)) takeStrings(member, into);
  }
}

/** Takes a value as the compact JSON text the model is shown; a string as it is. */
export function takeJson(value: Json | undefined, into: PromptSink): void {
  if (value === undefined || value === null) return;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text !== "") into.texts.push(text);
}

/** A tool, or another definition that is shown to the model as JSON, as a part of its own. */
export function toolPart(definition: Json): PromptPart {
  return { kind: "tool", role: "", texts: [JSON.stringify(definition)], images: [] };
}

/** Characters of all texts of parts. */
export function countCharacters(parts: readonly PromptPart[]): number {
  let characters = 0;
  for (const { texts } of parts) for (const text of texts) characters += text.length;
  return characters;
}

/** Images of all parts. */
export function countImages(parts: readonly PromptPart[]): number {
  let images = 0;
  for (const part of parts) images += part.images.length;
  return images;
}
