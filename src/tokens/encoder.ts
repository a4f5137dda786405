import { createRequire } from "node:module";
import { Tiktoken } from "tiktoken/lite";
import { splitRuns } from "./split.ts";

/** The encodings that can be counted exactly. */
export const encodings = ["o200k_base", "cl100k_base"] as const;

/** One of the {@link encodings}. */
export type Encoding = (typeof encodings)[number];

/** Tokens of one text, `exact` unless a run without end had to be cut; `null` when it could not be counted. */
export type TextCount = { readonly tokens: number; readonly exact: boolean } | null;

interface Ranks {
  readonly bpe_ranks: string;
  readonly special_tokens: Record<string, number>;
  readonly pat_str: string;
}

const require = createRequire(import.meta.url);
const loaded = new Map<Encoding, Tiktoken>();

/** Loads an encoding: about 0.4 s of computing for o200k and 40 MB, which is why only the counting thread does it. */
export function loadEncoding(encoding: Encoding): Tiktoken {
  let encoder = loaded.get(encoding);
  if (encoder === undefined) {
    const ranks = require(`tiktoken/encoders/${encoding}.json`) as Ranks;
    encoder = new Tiktoken(ranks.bpe_ranks, ranks.special_tokens, ranks.pat_str);
    loaded.set(encoding, encoder);
  }
  return encoder;
}

/**
 * Counts texts in linear time, whatever they are. Text that spells a special token, such as `<|endoftext|>`, is counted as the
 * text it is.
 */
export function countTexts(encoding: Encoding, texts: readonly string[]): TextCount[] {
  const encoder = loadEncoding(encoding);
  return texts.map((text) => {
    try {
      const parts = splitRuns(text);
      const tokens = parts.reduce((sum, part) => sum + encoder.encode_ordinary(part).length, 0);
      return { tokens, exact: parts.length === 1 };
    } catch {
      // A trap inside the library's WebAssembly. Whether the instance survived it is not known: the next call makes another.
      loaded.delete(encoding);
      return null;
    }
  });
}
