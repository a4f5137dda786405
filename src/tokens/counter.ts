import { LRUCache } from "lru-cache";
import type { ModelInfo, TokenCount, TokenCounter } from "../core/ports.ts";
import type { PromptPart, RequestView } from "../core/wire.ts";
import { CountingThread, type CountingThreadOptions } from "./counting-thread.ts";
import type { Encoding } from "./encoder.ts";
import { imageBound, imageTokens } from "./images.ts";
import {
  factorFor,
  mostPriming,
  newClaudeFactor,
  primingFor,
  tokensPerMessage,
  tokensPerName,
  tokensPerToolResult,
  toolOverhead,
} from "./overheads.ts";

/** How a token counter is bounded. */
export interface TokenCounterOptions extends CountingThreadOptions {
  /** Most texts whose count is remembered. Each takes about 200 bytes, whatever its length: no text is kept. */
  readonly maxRemembered?: number;
}

/** A {@link TokenCounter} with what an operator may want to see and do. */
export interface TiktokenCounter extends TokenCounter {
  /** Starts the counting thread and loads encodings there, so that the first request need not wait for it. */
  warm(encodings: readonly Encoding[]): Promise<void>;
  /** Texts found in memory, texts that had to be counted, and of these those for which only a bound could be told. */
  readonly stats: { readonly hits: number; readonly misses: number; readonly bounded: number };
}

/** About 6 MB. */
const defaultMaxRemembered = 32_768;

/** Roles that are one token in every encoding. */
const oneTokenRoles = new Set(["user", "assistant", "system", "developer", "tool", "function"]);
/** Roles of messages that answer a tool call. */
const resultRoles = new Set(["tool", "function"]);

/**
 * Counts prompts with tiktoken, remembering the count of every text, so that a growing conversation costs only its
 * new message.
 *
 * What is remembered is answered at once. The rest is counted in a thread of its own; when that is not possible in time
 * the answer is a bound that is never too low, and not `exact`. Neither are counts with images, tools or their results, whose
 * rendering only the vendor knows, nor counts for models without a public tokenizer.
 */
export function createTokenCounter(options: TokenCounterOptions = {}): TiktokenCounter {
  const thread = new CountingThread(options);
  const remembered = new LRUCache<string, TokenCount>({ max: options.maxRemembered ?? defaultMaxRemembered });
  const stats = { hits: 0, misses: 0, bounded: 0 };

  function countTexts(encoding: Encoding, texts: readonly string[]): TokenCount | Promise<TokenCount> {
    const sum = { tokens: 0, exact: true };
    let missing: { readonly key: string; readonly text: string }[] | undefined;
    for (let i = 0; i < texts.length; i += 1) {
      const text = texts[i]!;
      const key = keyOf(encoding, text);
      const known = remembered.get(key);
      if (known !== undefined) add(sum, known);
      else if (missing === undefined) missing = [{ key, text }];
      else missing.push({ key, text });
    }
    stats.hits += texts.length - (missing?.length ?? 0);
    if (missing === undefined) return sum;
    stats.misses += missing.length;
    return countMissing(encoding, missing, sum);
  }

  async function countMissing(
    encoding: Encoding,
    missing: readonly { readonly key: string; readonly text: string }[],
    sum: { tokens: number; exact: boolean },
  ): Promise<TokenCount> {
    const texts = missing.map(({ text }) => text);
    const counts = await thread.count(encoding, texts);
    if (counts === null) {
      stats.bounded += missing.length;
      add(sum, { tokens: byteLength(texts), exact: false });
      return sum;
    }
    for (const [i, count] of counts.entries()) {
      remembered.set(missing[i]!.key, count);
      add(sum, count);
    }
    return sum;
  }

  return {
    stats,

    async warm(encodings) {
      for (const encoding of encodings) await thread.count(encoding, []);
    },

    countPrompt(view, model) {
      const prompt = measure(view);
      const counted = countTexts(encodingOf(model), prompt.texts);
      return counted instanceof Promise
        ? promptCountLater(counted, prompt, model)
        : promptCount(counted, prompt, model);
    },

    countText(text, model) {
      const texts = text === "" ? [] : [text];
      const counted = countTexts(encodingOf(model), texts);
      return counted instanceof Promise
        ? counted.then((sum) => forModel(sum, model, 0, texts))
        : forModel(counted, model, 0, texts);
    },

    promptBound(view) {
      const { texts, overhead, images, tools, bare, given } = measure(view);
      const fixed = overhead + (bare ? 0 : mostPriming) + toolOverhead(tools);
      const pictures = images.reduce((sum, image) => sum + imageBound(image), 0);
      return given + byteLength(texts) + Math.ceil(fixed * newClaudeFactor) + pictures;
    },

    close() {
      thread.close();
    },
  };
}

/** What of a prompt has to be counted, and what costs a fixed number of tokens. */
interface Measured {
  readonly texts: readonly string[];
  readonly images: readonly PromptPart["images"][number][];
  readonly overhead: number;
  readonly tools: number;
  /** Whether it is no conversation: nothing stands around its texts. */
  readonly bare: boolean;
  /** Tokens that stand there as such. */
  readonly given: number;
  /** Whether it has neither images nor tools nor their results. */
  readonly plain: boolean;
}

function measure(view: RequestView): Measured {
  const parts = view.parts();
  const texts: string[] = [];
  const images: PromptPart["images"][number][] = [];
  let overhead = 0;
  let tools = 0;
  let results = 0;
  let given = 0;
  // Of what a conversation holds beside texts, only the vendor knows what it comes to.
  let media = false;
  let bare = parts.length > 0;
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i]!;
    given += part.tokens ?? 0;
    if (part.kind !== "text") {
      bare = false;
      media ||= part.tokens !== undefined;
    }
    if (part.kind === "tool") {
      tools += 1;
    } else if (part.kind === "message") {
      overhead += tokensPerMessage + (part.named === true ? tokensPerName : 0);
      if (resultRoles.has(part.role)) results += 1;
      if (oneTokenRoles.has(part.role)) overhead += 1;
      else if (part.role !== "") texts.push(part.role);
    }
    for (let j = 0; j < part.texts.length; j += 1) if (part.texts[j] !== "") texts.push(part.texts[j]!);
    for (let j = 0; j < part.images.length; j += 1) images.push(part.images[j]!);
  }
  overhead += results * tokensPerToolResult;
  return {
    texts,
    images,
    overhead,
    tools,
    bare,
    given,
    plain: !media && tools === 0 && results === 0 && images.length === 0,
  };
}

async function promptCountLater(counting: Promise<TokenCount>, prompt: Measured, model: ModelInfo) {
  return promptCount(await counting, prompt, model);
}

/** Turns the count of a prompt's texts into that of the prompt. */
function promptCount(counted: TokenCount, prompt: Measured, model: ModelInfo) {
  const { texts, images, overhead, tools, bare, given, plain } = prompt;
  const fixed = overhead + (bare ? 0 : primingFor(model)) + toolOverhead(tools, model);
  const count = forModel(counted, model, fixed, texts);
  if (plain && given === 0) return count;
  let tokens = count.tokens + given;
  for (const image of images) tokens += imageTokens(image, model);
  return { tokens, exact: plain && count.exact };
}

/** Turns a count under the encoding that was used into one for the model; no estimate exceeds the bound. */
function forModel(counted: TokenCount, model: ModelInfo, fixed: number, texts: readonly string[]): TokenCount {
  const factor = factorFor(model);
  if (factor === 1) return { tokens: counted.tokens + fixed, exact: counted.exact };
  const most = byteLength(texts) + Math.ceil(fixed * factor);
  return { tokens: Math.min(most, Math.ceil((counted.tokens + fixed) * factor)), exact: false };
}

/** The model's own encoding, or the one its estimate is made from. */
function encodingOf(model: ModelInfo): Encoding {
  return model.encoding === "none" ? "o200k_base" : model.encoding;
}

/**
 * SHA-256, because the texts are the clients': with a faster, keyless hash one could be written that collides with
 * another, remembered as short. It costs about 1 µs per kB, a hundredth of counting, and keeps no prompt in memory.
 */
function keyOf(encoding: Encoding, text: string): string {
  return encoding[0] + Bun.SHA256.hash(text, "base64");
}

/** Every token of either encoding stands for at least one byte of UTF-8. */
function byteLength(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function add(sum: { tokens: number; exact: boolean }, count: TokenCount): void {
  sum.tokens += count.tokens;
  sum.exact &&= count.exact;
}
