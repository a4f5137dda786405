import type { AnswerSummary, StreamReader, StreamRelay } from "../core/wire.ts";
import { type SseBlock, SseEventTooLarge, SseReader } from "./sse.ts";

/** What a client gets of an event's data: the same text, another one, or `null` for nothing. */
export type Withhold = (data: string) => string | null;

/**
 * Relays an event stream block by block: a client can do nothing with half an event, and an error that has to be
 * appended must not be glued to one. The bytes as a whole are the provider's, but for what `withhold` takes away.
 *
 * An event too large to hold is passed on unread, and so is all that follows it.
 */
export function createRelay(reader: StreamReader, withhold: Withhold | null): StreamRelay {
  return new SseRelay(reader, withhold);
}

class SseRelay implements StreamRelay {
  readonly #sse = new SseReader();
  readonly #reader: StreamReader;
  readonly #withhold: Withhold | null;
  #blind = false;

  constructor(reader: StreamReader, withhold: Withhold | null) {
    this.#reader = reader;
    this.#withhold = withhold;
  }

  write(chunk: Uint8Array): Uint8Array | null {
    if (this.#blind) return chunk;
    try {
      return this.#relay(this.#sse.push(chunk));
    } catch (error) {
      if (!(error instanceof SseEventTooLarge)) throw error;
      this.#blind = true;
      return this.#sse.rest();
    }
  }

  end(): Uint8Array | null {
    if (this.#blind) return null;
    const last = this.#sse.end();
    return last === null ? null : this.#relay([last]);
  }

  summary(): AnswerSummary {
    return this.#reader.summary();
  }

  /** A stream that could not be followed to its end is taken to be complete. */
  get complete(): boolean {
    return this.#blind || this.#reader.complete;
  }

  get error(): string {
    return this.#reader.error;
  }

  #relay(blocks: readonly SseBlock[]): Uint8Array | null {
    if (blocks.length === 0) return null;
    let changed: Uint8Array[] | null = null;
    for (const [i, block] of blocks.entries()) {
      const bytes = block.isEvent ? this.#event(block) : block.raw;
      if (bytes !== block.raw) changed ??= blocks.slice(0, i).map(({ raw }) => raw);
      if (bytes !== null) changed?.push(bytes);
    }
    if (changed === null) return span(blocks[0]!.raw, blocks[blocks.length - 1]!.raw);
    return changed.length === 0 ? null : Buffer.concat(changed);
  }

  #event(block: SseBlock): Uint8Array | null {
    const { data } = block;
    this.#reader.push(block.name, data);
    if (this.#withhold === null) return block.raw;
    const shown = this.#withhold(data);
    if (shown === null) return null;
    return shown === data ? block.raw : block.withData(shown);
  }
}

/** The bytes from the beginning of one block to the end of another: blocks given together lie side by side. */
function span(first: Uint8Array, last: Uint8Array): Uint8Array {
  return new Uint8Array(first.buffer, first.byteOffset, last.byteOffset + last.byteLength - first.byteOffset);
}
