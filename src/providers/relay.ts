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
    const whole = !this.#sse.holding;
    try {
      const blocks = this.#sse.push(chunk);
      const changed = this.#read(blocks);
      if (changed !== null) return join(changed);
      return whole && !this.#sse.holding ? chunk : span(blocks);
    } catch (error) {
      if (!(error instanceof SseEventTooLarge)) throw error;
      this.#blind = true;
      return this.#sse.rest;
    }
  }

  end(): Uint8Array | null {
    if (this.#blind) return null;
    const last = this.#sse.end();
    if (last === null) return null;
    const changed = this.#read([last]);
    return changed === null ? last.raw : join(changed);
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

  /** Reads the events; answers what is shown instead of the blocks, `null` when they are shown as they are. */
  #read(blocks: readonly SseBlock[]): Uint8Array[] | null {
    const withhold = this.#withhold;
    let changed: Uint8Array[] | null = null;
    for (let i = 0; i < blocks.length; i += 1) {
      const block = blocks[i]!;
      const { data } = block;
      if (data !== null) this.#reader.push(block.name, data);
      if (withhold === null) continue;
      const shown = data === null ? data : withhold(data);
      if (shown !== data) changed ??= i === 0 ? [] : blocks.slice(0, i).map(({ raw }) => raw);
      if (shown !== data && shown !== null) changed?.push(block.withData(shown));
      else if (shown === data) changed?.push(block.raw);
    }
    return changed;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array | null {
  return parts.length < 2 ? (parts[0] ?? null) : Buffer.concat(parts);
}

/** The bytes of blocks that were given together: they lie side by side. */
function span(blocks: readonly SseBlock[]): Uint8Array | null {
  if (blocks.length === 0) return null;
  const first = blocks[0]!.raw;
  const last = blocks[blocks.length - 1]!.raw;
  return new Uint8Array(first.buffer, first.byteOffset, last.byteOffset + last.byteLength - first.byteOffset);
}
