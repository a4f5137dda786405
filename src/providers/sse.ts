import type { WireEvent } from "../core/stream.ts";
import { type Block, EventTooLarge, type Framing, maxEventBytes } from "./framing.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * One block of an event stream with the line ends that close it: an event, or only comments and blank lines. One is
 * made for each event: its members are plain ones, which are cheaper to make than `#` names.
 */
export class SseBlock implements Block {
  /** The `event:` field; empty when there is none. */
  readonly name: string;
  /** The data lines joined with a line feed; `null` when there is none: such a block is not dispatched. */
  readonly data: string | null;
  private readonly bytes: Uint8Array;
  /** The block as text, where that is at hand and has one character for each byte. */
  private readonly text: string | null;
  private readonly start: number;
  private readonly end: number;
  private readonly valueStart: number;
  private readonly valueEnd: number;

  /** The block stands in `bytes` from `start` to `end`, its data lines' values in `value`, relative to the start. */
  constructor(bytes: Uint8Array, start: number, end: number, fields: BlockFields, text: string | null) {
    this.name = fields.name;
    this.data = fields.data;
    this.bytes = bytes;
    this.text = text;
    this.start = start;
    this.end = end;
    this.valueStart = fields.valueStart;
    this.valueEnd = fields.valueEnd;
  }

  /** The exact bytes. All blocks of a stream, one after the other, are the stream. */
  get raw(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /**
   * The block with other data and everything else as it was: its bytes, or the text that they are. Fields that stand between two data lines are
   * lost; no provider sends such.
   */
  withData(data: string): Uint8Array | string {
    const value = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
    if (this.text !== null) return this.text.slice(0, this.valueStart) + value + this.text.slice(this.valueEnd);
    const { raw } = this;
    return Buffer.concat([raw.subarray(0, this.valueStart), encoder.encode(value), raw.subarray(this.valueEnd)]);
  }
}

interface BlockFields {
  name: string;
  data: string | null;
  valueStart: number;
  valueEnd: number;
}

/**
 * Cuts an event stream into blocks, by the standard: LF, CRLF and CR line ends, a byte order mark, comments, several
 * data lines; fed with chunks cut anywhere. Unlike the standard it takes a last event without its blank line.
 *
 * A comment that begins a block is a block of its own, so that a keep-alive is never held back.
 */
export class SseReader implements Framing {
  readonly #maxBytes: number;
  /** Bytes of the block under way, in `#store` up to `#size`. Bytes given out are never written to again. */
  #store = new Uint8Array(0);
  #size = 0;
  /** Start of the line under way, relative to the block. */
  #line = 0;
  #afterCr = false;
  #begun = false;
  /** Whether the last block lacks the blank line that ends it. */
  #open = false;
  #fields = noFields();

  constructor(options: { maxEventBytes?: number } = {}) {
    this.#maxBytes = options.maxEventBytes ?? maxEventBytes;
  }

  /** Whether bytes are held that no block has yet. */
  get holding(): boolean {
    return this.#size > 0;
  }

  /** The bytes taken that no block has yet. */
  get rest(): Uint8Array {
    return this.#store.subarray(0, this.#size);
  }

  /**
   * Takes a chunk, which must not be written to afterwards, and gives the blocks that it completes.
   *
   * @throws EventTooLarge when the block under way exceeds the maximum; `rest` has its bytes
   */
  push(chunk: Uint8Array): SseBlock[] {
    const blocks: SseBlock[] = [];
    const waiting = this.#size > 0 && !this.#afterCr && !chunk.includes(LF) && !chunk.includes(CR);
    const bytes = this.#append(chunk);
    // Text is looked at only once a line has ended: long lines that come in small chunks are not read again and again.
    if ((this.#begun || this.#skipByteOrderMark(bytes)) && !waiting) this.#cut(bytes, blocks);
    // What is whole goes out first; then the next chunk finds the same.
    if (this.#size > this.#maxBytes && blocks.length === 0) throw new EventTooLarge(this.#maxBytes);
    return blocks;
  }

  /** The stream has ended: the block that had no blank line, `null` when nothing is left. */
  end(): SseBlock | null {
    if (this.#size === 0) return null;
    const bytes = this.rest;
    const line = readable(bytes.subarray(this.#line));
    if (line.text.length > 0) this.#field(line, 0, line.text.length, this.#line);
    this.#hold(bytes.subarray(bytes.length));
    this.#open = true;
    return this.#close(bytes, 0, bytes.length);
  }

  pass(block: Block): Uint8Array {
    return block.raw;
  }

  rewrite(block: Block, data: string): Uint8Array | string {
    return (block as SseBlock).withData(data);
  }

  write({ name, data }: WireEvent): Uint8Array {
    const value = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
    const apart = this.#open ? "\n\n" : "";
    this.#open = false;
    return encoder.encode(`${apart}${name === "" ? "" : `event: ${name}\n`}data: ${value}\n\n`);
  }

  close(): null {
    return null;
  }

  /** Reads lines from the one under way on. Positions in the text are positions in the bytes, less `base`. */
  #cut(bytes: Uint8Array, blocks: SseBlock[]): void {
    const base = this.#line;
    const part = readable(base === 0 ? bytes : bytes.subarray(base));
    const { text } = part;
    let block = -base;
    let line = 0;
    let lf = text.indexOf("\n");
    let cr = text.indexOf("\r");
    for (;;) {
      if (this.#afterCr) {
        if (line >= text.length) break;
        this.#afterCr = false;
        if (text.charCodeAt(line) === LF) line += 1;
      }
      if (lf !== -1 && lf < line) lf = text.indexOf("\n", line);
      if (cr !== -1 && cr < line) cr = text.indexOf("\r", line);
      if (lf === -1 && cr === -1) break;
      const byCr = cr !== -1 && (lf === -1 || cr < lf);
      const end = byCr ? cr : lf;
      let next = end + 1;
      if (byCr) {
        if (next === text.length) this.#afterCr = true;
        else if (text.charCodeAt(next) === LF) next += 1;
      }

      const blank = end === line;
      if (!blank) this.#field(part, line, end, -block);
      if (blank || (line === block && text.charCodeAt(line) === COLON)) {
        const known = part.ascii && block >= 0 ? text.substring(block, next) : null;
        blocks.push(this.#close(bytes, base + block, base + next, known));
        block = next;
      }
      line = next;
    }
    this.#line = line - block;
    if (base + block > 0) this.#hold(bytes.subarray(base + block));
  }

  /** Takes one line; `shift` leads from a position in the text to one in the block. */
  #field({ text, bytes, ascii }: Readable, line: number, end: number, shift: number): void {
    const isData = text.startsWith("data", line);
    const colon = line + (isData ? 4 : 5);
    if (!isData && !text.startsWith("event", line)) return;
    if (colon > end || (colon < end && text.charCodeAt(colon) !== COLON)) return;
    const start = colon + 1 < end && text.charCodeAt(colon + 1) === SPACE ? colon + 2 : Math.min(colon + 1, end);
    const value = ascii ? text.substring(start, end) : decoder.decode(bytes.subarray(start, end));
    const fields = this.#fields;
    if (!isData) {
      fields.name = value;
      return;
    }
    if (fields.data === null) fields.valueStart = start + shift;
    fields.data = fields.data === null ? value : `${fields.data}\n${value}`;
    fields.valueEnd = end + shift;
  }

  #close(bytes: Uint8Array, start: number, end: number, text: string | null = null): SseBlock {
    const block = new SseBlock(bytes, start, end, this.#fields, text);
    this.#fields = noFields();
    this.#line = 0;
    return block;
  }

  /** Whether the beginning is known; a mark is skipped, not removed. */
  #skipByteOrderMark(bytes: Uint8Array): boolean {
    const mark = [0xef, 0xbb, 0xbf];
    for (let i = 0; i < 3; i += 1) {
      if (i >= bytes.length) return false;
      if (bytes[i] !== mark[i]) {
        this.#begun = true;
        return true;
      }
    }
    this.#begun = true;
    this.#line = 3;
    return true;
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
  }
}

/** Bytes as a text of one character for each byte: what is ASCII, and nearly all of it is, is then already decoded. */
interface Readable {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly ascii: boolean;
}

function readable(bytes: Uint8Array): Readable {
  const text = decoder.decode(bytes);
  if (text.length === bytes.length) return { text, bytes, ascii: true };
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return { text: latin1, bytes, ascii: false };
}

function noFields(): BlockFields {
  return { name: "", data: null, valueStart: 0, valueEnd: 0 };
}
