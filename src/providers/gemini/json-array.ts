import type { WireEvent } from "../../core/stream.ts";
import { type Block, EventTooLarge, type Framing, maxEventBytes } from "../framing.ts";

const quote = 34;
const comma = 44;
const backslash = 92;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/** An element of the array with what stands before it, or what stands between and after elements. */
class ArrayBlock implements Block {
  readonly name = "";
  readonly data: string | null;
  readonly raw: Uint8Array;
  /** The element without what stands before it. */
  readonly element: Uint8Array;
  /** Elements before it. */
  readonly index: number;

  constructor(raw: Uint8Array, elementStart: number, index: number) {
    this.raw = raw;
    this.element = raw.subarray(elementStart);
    this.index = index;
    this.data = elementStart < raw.length ? decoder.decode(this.element) : null;
  }
}

/**
 * Cuts a JSON array that is written piece by piece into its elements, and writes one. What stands before an element, be
 * it the bracket or a comma, belongs to it. An object in place of an array is its only element.
 */
export class JsonArrayFraming implements Framing {
  readonly #maxBytes: number;
  /** Bytes of the block under way, in `#store` up to `#size`. Bytes given out are never written to again. */
  #store = new Uint8Array(0);
  #size = 0;
  /** Up to where the block under way is looked at. */
  #at = 0;
  /** Where the element under way begins; -1 between elements. */
  #element = -1;
  #depth = 0;
  /** After the opening quote of the string under way; -1 outside strings. */
  #string = -1;
  /** Elements that came, and that went out by way of the second half. */
  #came = 0;
  #sent = 0;
  #opened = false;
  #closed = false;

  constructor(options: { maxEventBytes?: number } = {}) {
    this.#maxBytes = options.maxEventBytes ?? maxEventBytes;
  }

  get holding(): boolean {
    return this.#size > 0;
  }

  get rest(): Uint8Array {
    return this.#store.subarray(0, this.#size);
  }

  push(chunk: Uint8Array): readonly Block[] {
    const bytes = this.#append(chunk);
    const blocks: Block[] = [];
    let start = 0;
    const give = (end: number) => {
      const begins = this.#element === -1 ? end : this.#element;
      blocks.push(new ArrayBlock(bytes.subarray(start, end), begins - start, this.#came));
      if (this.#element !== -1) this.#came += 1;
      this.#element = -1;
      start = end;
    };
    let at = this.#at;
    while (at < bytes.length) {
      const byte = bytes[at]!;
      if (this.#string !== -1) {
        at = this.#skipString(bytes, at);
      } else if (this.#element === -1) {
        if (byte === 93 && this.#opened) {
          this.#closed = true;
          give(at + 1);
        } else if (byte === 91 && !this.#opened && this.#came === 0) {
          this.#opened = true;
        } else if (byte > 32 && byte !== comma && !this.#closed) {
          this.#element = at;
          this.#depth = 0;
          continue;
        }
        at += 1;
        continue;
      } else if (at > this.#element && this.#ended(bytes, at)) {
        give(at);
        continue;
      } else {
        at = this.#inElement(byte, at);
      }
      if (this.#ended(bytes, at)) give(at);
    }
    // What follows the array is nobody's: it goes on as it came.
    if (this.#closed && start < bytes.length) give(bytes.length);
    this.#hold(bytes.subarray(start));
    this.#at = at - start;
    if (this.#element !== -1) this.#element -= start;
    if (this.#string !== -1) this.#string -= start;
    if (this.#size > this.#maxBytes && blocks.length === 0) throw new EventTooLarge(this.#maxBytes);
    return blocks;
  }

  end(): Block | null {
    if (this.#size === 0) return null;
    const bytes = this.rest;
    const last = new ArrayBlock(bytes, this.#element === -1 ? bytes.length : this.#element, this.#came);
    if (this.#element !== -1) this.#came += 1;
    this.#hold(bytes.subarray(bytes.length));
    return last;
  }

  pass(block: Block): Uint8Array {
    const { data, raw, element, index } = block as ArrayBlock;
    if (data === null) {
      const headless = this.#sent === 0 && index > 0 && raw.includes(93);
      return headless ? Buffer.concat([encoder.encode("["), raw]) : raw;
    }
    const inStep = (this.#sent === 0) === (index === 0);
    const lead = this.#lead();
    return inStep ? raw : Buffer.concat([encoder.encode(lead), element]);
  }

  rewrite(block: Block, data: string): Uint8Array {
    const { raw, element, index } = block as ArrayBlock;
    const inStep = (this.#sent === 0) === (index === 0);
    const lead = this.#lead();
    const before = inStep ? raw.subarray(0, raw.length - element.length) : encoder.encode(lead);
    return Buffer.concat([before, encoder.encode(data)]);
  }

  write({ data }: WireEvent): Uint8Array {
    return encoder.encode(this.#lead() + data);
  }

  close(): Uint8Array | null {
    return encoder.encode(this.#sent === 0 ? "[]" : "\n]");
  }

  /** What adds a last element to an array whose bytes went out as they came; empty when it is closed already. */
  last(data: string): string {
    if (this.#closed || (!this.#opened && this.#came > 0)) return "";
    const lead = this.#opened ? (this.#came === 0 && this.#sent === 0 ? "" : ",\r\n") : "[";
    return `${lead}${data}\n]`;
  }

  #lead(): string {
    this.#sent += 1;
    if (!this.#opened && this.#came > 0) return "";
    return this.#sent === 1 ? "[" : ",\r\n";
  }

  /** Takes a byte of the element outside its strings; answers where to go on. */
  #inElement(byte: number, at: number): number {
    if (byte === quote) this.#string = at + 1;
    else if (byte === 123 || byte === 91) this.#depth += 1;
    else if (byte === 125 || byte === 93) this.#depth -= 1;
    return at + 1;
  }

  #skipString(bytes: Uint8Array, from: number): number {
    const end = bytes.indexOf(quote, from);
    if (end === -1) return bytes.length;
    let slashes = end;
    while (slashes > this.#string && bytes[slashes - 1] === backslash) slashes -= 1;
    if ((end - slashes) % 2 === 0) this.#string = -1;
    return end + 1;
  }

  /** Whether the element ends here. A bare word has no end of its own: what follows it tells. */
  #ended(bytes: Uint8Array, at: number): boolean {
    if (this.#depth > 0 || this.#string !== -1) return false;
    const first = bytes[this.#element]!;
    if (first === quote || first === 123 || first === 91) return true;
    const next = bytes[at];
    return next !== undefined && (next <= 32 || next === comma || next === 93);
  }

  #append(chunk: Uint8Array): Uint8Array {
    if (this.#size === 0) {
      this.#hold(chunk);
      return chunk;
    }
    const size = this.#size + chunk.length;
    if (size > this.#store.length) {
      const larger = new Uint8Array(Math.max(size, this.#store.length * 2));
      larger.set(this.rest);
      this.#store = larger;
    }
    this.#store.set(chunk, this.#size);
    this.#size = size;
    return this.rest;
  }

  /** Keeps bytes without copying: the store is full, so the next append moves them. */
  #hold(bytes: Uint8Array): void {
    this.#store = bytes as Uint8Array<ArrayBuffer>;
    this.#size = bytes.length;
    this.#at = 0;
  }
}
