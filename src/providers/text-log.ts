import type { StreamEvent } from "../core/stream.ts";

/** Characters of raw events kept before they are read: what most answers stay under and so are never parsed. */
const pendingLimit = 64 * 1024;
/** Texts that were read are put together in so many: each by itself may hold the whole event that it was cut from. */
const togetherAt = 8;
/** Characters of text kept at most; far above any model's longest answer. */
const textLimit = 2 * 1024 * 1024;

/**
 * The text a stream wrote. Events are read only when somebody asks: when the provider tells its usage nobody does, and they
 * are never parsed. Of events that were read by others the texts are kept, a fraction of them. Memory stays bounded either
 * way.
 */
export class TextLog {
  readonly #read: (data: string, take: (text: string) => void) => void;
  #pending: string[] = [];
  #pendingSize = 0;
  #given: string[] = [];
  #texts: string[] = [];
  #size = 0;

  /** `read` hands over the texts of one event's data; data that is no event of the protocol has none. */
  constructor(read: (data: string, take: (text: string) => void) => void) {
    this.#read = read;
  }

  /**
   * Takes the data of one event.
   *
   * @param known what it says, where somebody has read that
   */
  add(data: string, known?: StreamEvent): void {
    // In the order they came.
    if ((known === undefined ? this.#given : this.#pending).length > 0) this.#drain();
    if (known !== undefined) {
      for (const { text } of known.pieces) this.#take(text, this.#given);
      if (this.#given.length >= togetherAt) this.#drain();
      return;
    }
    this.#pending.push(data);
    this.#pendingSize += data.length;
    if (this.#pendingSize > pendingLimit) this.#drain();
  }

  /** All text so far. */
  text(): string {
    this.#drain();
    if (this.#texts.length > 1) this.#texts = [this.#texts.join("")];
    return this.#texts[0] ?? "";
  }

  #drain(): void {
    // One text of many small ones: each by itself takes more memory than its characters.
    const parts = this.#given;
    const take = (text: string) => this.#take(text, parts);
    if (this.#size < textLimit) for (const data of this.#pending) this.#read(data, take);
    if (parts.length > 0) this.#texts.push(parts.join(""));
    this.#given = [];
    this.#pending = [];
    this.#pendingSize = 0;
  }

  #take(text: string, parts: string[]): void {
    if (text === "" || this.#size >= textLimit) return;
    parts.push(text);
    this.#size += text.length;
  }
}
