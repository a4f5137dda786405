import type { Json } from "../core/wire.ts";
import { asString } from "./json.ts";

/**
 * What sound and documents come to in tokens, which only the vendor can count: estimates on the high side, because what
 * counts as nothing slips under every limit.
 *
 * OpenAI bills ten tokens for a second of sound. Uncompressed speech has 32 kB a second or more, compressed speech 4 kB.
 */
export function soundTokens(data: Json | undefined, format: string): number {
  const bytesOfToken = /^(?:wav|pcm)/i.test(format) ? 3_200 : 400;
  return Math.max(leastOfSound, Math.ceil(bytesIn(asString(data)) / bytesOfToken));
}

/**
 * Tokens of a PDF or the like: OpenAI and Anthropic read the text and an image of every page, 1,500 to 3,000 tokens. One
 * whose bytes the request does not have counts as one page.
 */
export function documentTokens(data: Json | undefined): number {
  const tokens = Math.ceil(bytesIn(asString(data)) / bytesOfDocumentToken);
  return Math.min(mostOfDocument, Math.max(leastOfDocument, tokens));
}

/** The text of a data URL that holds one; `null` for anything else. */
export function textOfDataUrl(url: Json | undefined): string | null {
  const [, encoding, data] =
    /^data:(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|yaml)\b)[^,]*?(;base64)?,(.*)$/is.exec(asString(url)) ?? [];
  if (data === undefined) return null;
  if (encoding !== undefined) return Buffer.from(data, "base64").toString();
  try {
    return decodeURIComponent(data);
  } catch {
    return data;
  }
}

const leastOfSound = 10;
const leastOfDocument = 3_000;
/** A hundred pages, the most that is taken. */
const mostOfDocument = 300_000;
const bytesOfDocumentToken = 25;

/** Bytes that a base64 text, with or without what makes it a data URL, stands for. */
function bytesIn(base64: string): number {
  const comma = base64.startsWith("data:") ? base64.indexOf(",") + 1 : 0;
  return ((base64.length - comma) * 3) / 4;
}
