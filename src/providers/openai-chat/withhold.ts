import { isArray, parseObject } from "../json.ts";
import { skipSpace, valueAt } from "../json-peek.ts";

const key = '"usage"';
const lastNull = ',"usage":null}';

/**
 * What a client that did not ask for usage gets of a chunk, when the gateway did: nothing of the chunk that only tells
 * usage, and the others without their `"usage":null`, every other character as it was.
 *
 * Usage on a chunk that has choices is left: a vendor that puts it there sends it unasked.
 */
export function withholdChatUsage(data: string): string | null {
  // Nearly every chunk: before the last brace a member can only be at the top.
  if (data.endsWith(lastNull)) return `${data.slice(0, -lastNull.length)}}`;
  let text = data;
  for (let at = text.indexOf(key); at !== -1; at = text.indexOf(key, at + 1)) {
    const value = valueAt(text, at + key.length);
    if (value === -1) continue;
    if (!text.startsWith("null", value)) {
      if (tellsOnlyUsage(text)) return null;
    } else if (depthAfter(text, value + 4) === 1) {
      text = removeMember(text, at, value + 4);
    }
  }
  return text;
}

function tellsOnlyUsage(text: string): boolean {
  const chunk = parseObject(text);
  if (chunk === null || chunk.error || typeof chunk.usage !== "object" || chunk.usage === null) return false;
  return isArray(chunk.choices) && chunk.choices.length === 0;
}

/** How deep a position outside strings is nested: what closes after it and was not opened after it. */
function depthAfter(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      at += 1;
      while (at < text.length && text.charCodeAt(at) !== 34) at += text.charCodeAt(at) === 92 ? 2 : 1;
    } else if (code === 125 || code === 93) depth += 1;
    else if (code === 123 || code === 91) depth -= 1;
  }
  return depth;
}

/** Takes a member out with the comma that is then one too many: the one before it, or for the first the one after. */
function removeMember(text: string, start: number, end: number): string {
  let before = start - 1;
  while (before >= 0 && text.charCodeAt(before) <= 32) before -= 1;
  if (text[before] === ",") return text.slice(0, before) + text.slice(end);
  const after = skipSpace(text, end);
  return text.slice(0, start) + text.slice(text[after] === "," ? skipSpace(text, after + 1) : end);
}
