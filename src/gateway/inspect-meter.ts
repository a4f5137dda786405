import type { ModelInfo, TokenCounter } from "../core/ports.ts";

/** Bytes of text after which the first is counted, and any that follow. */
const firstSegment = 512;
const laterSegments = 4096;
/** Bytes of a token, before anything was counted, and the least and most that is believed. */
const usualRatio = 4;
const ratios = [1.5, 8] as const;
/** Bytes that a token may well have in a text of few words and much white space. */
const largeRatio = 12;

/**
 * Counts what an answer has written so far. Segments of it are counted by the tokenizer, beside the stream; what is not
 * counted yet is reckoned by how many bytes a token of this answer has had. Cutting a text into segments adds less than
 * one token for each, under one in a hundred; of what is reckoned at most one segment and what the tokenizer is busy with
 * can be wrong, by a third in usual text.
 */
export class OutputMeter {
  readonly #counter: TokenCounter;
  readonly #model: ModelInfo;
  #tail: string[] = [];
  #tailBytes = 0;
  #counting = 0;
  #countedTokens = 0;
  #countedBytes = 0;
  #segment = firstSegment;

  constructor(counter: TokenCounter, model: ModelInfo) {
    this.#counter = counter;
    this.#model = model;
  }

  /** Tokens written so far. */
  get tokens(): number {
    const open = this.#tailBytes + this.#counting;
    return this.#countedTokens + (open === 0 ? 0 : Math.ceil(open / this.#ratio()));
  }

  /** Tokens that were written for certain, or nearly so: what is not counted yet is taken for little. */
  get leastTokens(): number {
    return this.#countedTokens + Math.floor((this.#tailBytes + this.#counting) / largeRatio);
  }

  /** Takes what was written next. */
  add(text: string): void {
    if (text === "") return;
    this.#tail.push(text);
    this.#tailBytes += Buffer.byteLength(text);
    if (this.#tailBytes < this.#segment) return;
    this.#segment = laterSegments;
    const segment = this.#tail.join("");
    const bytes = this.#tailBytes;
    this.#tail = [];
    this.#tailBytes = 0;
    this.#counting += bytes;
    const counted = this.#counter.countText(segment, this.#model);
    if (!(counted instanceof Promise)) {
      this.#counted(bytes, counted.tokens);
      return;
    }
    counted.then(
      ({ tokens }) => this.#counted(bytes, tokens),
      // It stays reckoned.
      () => undefined,
    );
  }

  #counted(bytes: number, tokens: number): void {
    // A bound, of a tokenizer that had no time for it: it stays reckoned, too.
    if (tokens >= bytes) return;
    this.#counting -= bytes;
    this.#countedBytes += bytes;
    this.#countedTokens += tokens;
  }

  #ratio(): number {
    if (this.#countedTokens === 0) return usualRatio;
    return Math.min(ratios[1], Math.max(ratios[0], this.#countedBytes / this.#countedTokens));
  }
}
