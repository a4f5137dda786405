const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/** An event larger than the reader holds. The stream cannot be followed any further. */
export class SseEventTooLarge extends Error {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`an event of the stream is larger than ${maxBytes} bytes`);
    this.name = "SseEventTooLarge";
    this.maxBytes = maxBytes;
  }
}

/**
 * One block of an event stream with the line ends that close it: an event, or only comments and blank lines.
 *
 * Nothing is decoded until it is asked for; `data` and `name` decode anew at each reading.
 */
export class SseBlock {
  /** The exact bytes. All blocks of a stream, one after the other, are the stream. */
  readonly raw: Uint8Array;
  readonly #bytes: Buffer;
  readonly #data: readonly number[];
  readonly #name: readonly [start: number, end: number] | null;

  /** `data` holds start and end of each data line's value, relative to `bytes`; `name` those of the last event field. */
  constructor(bytes: Buffer, data: readonly number[], name: readonly [start: number, end: number] | null) {
    this.raw = bytes;
    this.#bytes = bytes;
    this.#data = data;
    this.#name = name;
  }

  /** Whether it is an event: a block without a data line is not dispatched. */
  get isEvent(): boolean {
    return this.#data.length > 0;
  }

  /** The `event:` field; empty when there is none. */
  get name(): string {
    return this.#name === null ? "" : this.#bytes.toString("utf8", this.#name[0], this.#name[1]);
  }

  /** The data lines joined with a line feed. */
  get data(): string {
    const spans = this.#data;
    if (spans.length === 2) return this.#bytes.toString("utf8", spans[0], spans[1]);
    const lines: string[] = [];
    for (let i = 0; i < spans.length; i += 2) lines.push(this.#bytes.toString("utf8", spans[i], spans[i + 1]));
    return lines.join("\n");
  }

  /**
   * The block's bytes with other data and everything else as it was. Fields that stand between two data lines are
   * lost; no provider sends such.
   */
  withData(data: string): Uint8Array {
    const spans = this.#data;
    const value = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
    return Buffer.concat([
      this.#bytes.subarray(0, spans[0]),
      Buffer.from(value),
      this.#bytes.subarray(spans[spans.length - 1]),
    ]);
  }
}

/**
 * Cuts an event stream into blocks, by the standard: LF, CRLF and CR line ends, a byte order mark, comments, several
 * data lines; fed with chunks cut anywhere. Unlike the standard it takes a last event without its blank line.
 *
 * A comment that begins a block is a block of its own, so that a keep-alive is never held back.
 */
export class SseReader {
  readonly #maxBytes: number;
  /** Bytes of the block under way, in `#store` up to `#size`. Emitted bytes are never written to again. */
  #store: Buffer = Buffer.alloc(0);
  #size = 0;
  /** Start of the line under way and where to go on looking for its end, relative to the block. */
  #line = 0;
  #from = 0;
  #afterCr = false;
  #begun = false;
  #data: number[] = [];
  #name: [number, number] | null = null;

  constructor(options: { maxEventBytes?: number } = {}) {
    this.#maxBytes = options.maxEventBytes ?? 8 * 1024 * 1024;
  }

  /**
   * Takes a chunk and gives the blocks that it completes.
   *
   * @throws SseEventTooLarge when the block under way exceeds the maximum; `rest()` has its bytes
   */
  push(chunk: Uint8Array): SseBlock[] {
    const bytes = this.#append(chunk);
    const blocks: SseBlock[] = [];
    if (!this.#begun && !this.#skipByteOrderMark(bytes)) return blocks;

    let block = 0;
    let line = this.#line;
    let from = this.#from;
    let lf = bytes.indexOf(LF, from);
    let cr = bytes.indexOf(CR, from);
    for (;;) {
      if (this.#afterCr) {
        if (line >= bytes.length) break;
        this.#afterCr = false;
        if (bytes[line] === LF) from = line += 1;
      }
      if (lf !== -1 && lf < from) lf = bytes.indexOf(LF, from);
      if (cr !== -1 && cr < from) cr = bytes.indexOf(CR, from);
      let end = lf;
      if (cr !== -1 && (lf === -1 || cr < lf)) {
        end = cr;
        this.#afterCr = true;
      }
      if (end === -1) {
        from = bytes.length;
        break;
      }
      const next = this.#afterCr && bytes[end + 1] === LF ? end + 2 : end + 1;
      if (next < bytes.length || next === end + 2) this.#afterCr = false;

      const blank = end === line;
      if (!blank) this.#field(bytes, block, line, end);
      if (blank || (line === block && bytes[line] === COLON)) {
        blocks.push(this.#close(bytes.subarray(block, next)));
        block = next;
      }
      line = from = next;
    }

    this.#line = line - block;
    this.#from = from - block;
    if (block > 0) this.#hold(bytes.subarray(block));
    if (this.#size > this.#maxBytes) throw new SseEventTooLarge(this.#maxBytes);
    return blocks;
  }

  /** The stream has ended: the block that had no blank line, `null` when nothing is left. */
  end(): SseBlock | null {
    if (this.#size === 0) return null;
    const bytes = this.rest();
    if (this.#line < bytes.length) this.#field(bytes, 0, this.#line, bytes.length);
    this.#hold(bytes.subarray(bytes.length));
    return this.#close(bytes);
  }

  /** The bytes taken that no block holds yet. */
  rest(): Buffer {
    return this.#store.subarray(0, this.#size);
  }

  #field(bytes: Buffer, block: number, line: number, end: number): void {
    const first = bytes[line];
    if (first === 0x64 && isField(bytes, line, end, "data")) {
      const start = valueStart(bytes, line + 4, end);
      this.#data.push(start - block, end - block);
    } else if (first === 0x65 && isField(bytes, line, end, "event")) {
      this.#name = [valueStart(bytes, line + 5, end) - block, end - block];
    }
  }

  #close(raw: Buffer): SseBlock {
    const block = new SseBlock(raw, this.#data, this.#name);
    this.#data = [];
    this.#name = null;
    return block;
  }

  /** Whether the beginning is known; a mark is skipped, not removed. */
  #skipByteOrderMark(bytes: Buffer): boolean {
    const mark = [0xef, 0xbb, 0xbf];
    for (let i = 0; i < 3; i += 1) {
      if (i >= bytes.length) return false;
      if (bytes[i] !== mark[i]) {
        this.#begun = true;
        return true;
      }
    }
    this.#begun = true;
    this.#line = this.#from = 3;
    return true;
  }

  #append(chunk: Uint8Array): Buffer {
    if (this.#size === 0) {
      this.#hold(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      return this.#store;
    }
    const size = this.#size + chunk.length;
    if (size > this.#store.length) {
      const larger = Buffer.allocUnsafe(Math.max(size, this.#store.length * 2));
      larger.set(this.rest());
      this.#store = larger;
    }
    this.#store.set(chunk, this.#size);
    this.#size = size;
    return this.rest();
  }

  /** Keeps bytes without copying: the store is full, so the next append moves them. */
  #hold(bytes: Buffer): void {
    this.#store = bytes;
    this.#size = bytes.length;
  }
}

function isField(bytes: Buffer, line: number, end: number, name: string): boolean {
  const after = line + name.length;
  if (end < after || (end > after && bytes[after] !== COLON)) return false;
  for (let i = 1; i < name.length; i += 1) if (bytes[line + i] !== name.charCodeAt(i)) return false;
  return true;
}

function valueStart(bytes: Buffer, colon: number, end: number): number {
  const start = Math.min(colon + 1, end);
  return start < end && bytes[start] === SPACE ? start + 1 : start;
}
