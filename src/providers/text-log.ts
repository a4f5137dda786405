/** Characters of raw events kept before they are read: what most answers stay under and so are never parsed. */
const pendingLimit = 64 * 1024;
/** Characters of text kept at most; far above any model's longest answer. */
const textLimit = 2 * 1024 * 1024;

/**
 * The text a stream wrote, read only when somebody asks: when the provider tells its usage nobody does, and the events
 * are never parsed. Memory stays bounded either way.
 */
export class TextLog {
  readonly #read: (data: string, take: (text: string) => void) => void;
  #pending: string[] = [];
  #pendingSize = 0;
  #texts: string[] = [];
  #size = 0;

  /** `read` hands over the texts of one event's data; data that is no event of the protocol has none. */
  constructor(read: (data: string, take: (text: string) => void) => void) {
    this.#read = read;
  }

  /** Takes the data of one event. */
  add(data: string): void {
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
    const parts: string[] = [];
    const take = (text: string) => {
      if (text === "" || this.#size >= textLimit) return;
      parts.push(text);
      this.#size += text.length;
    };
    if (this.#size < textLimit) for (const data of this.#pending) this.#read(data, take);
    if (parts.length > 0) this.#texts.push(parts.join(""));
    this.#pending = [];
    this.#pendingSize = 0;
  }
}
