import type { StreamEditor, StreamInspector } from "../core/stream.ts";
import type { AnswerSummary, StreamReader, StreamRelay } from "../core/wire.ts";
import { EditedRelay } from "./edited-relay.ts";
import { type Block, EventTooLarge, type Framing } from "./framing.ts";
import { joinBytes } from "./join-bytes.ts";
import { SseReader } from "./sse.ts";

/** What a client gets of an event's data: the same text, another one, or `null` for nothing. */
export type Withhold = (data: string) => string | null;

/** How the answer is framed, and who may change it. */
export interface RelayOptions {
  /** An event stream when absent. */
  readonly framing?: Framing;
  /** Made only where there is an inspector. */
  readonly edit?: () => StreamEditor;
  readonly inspector?: StreamInspector | undefined;
}

/**
 * Relays an event stream block by block: a client can do nothing with half an event, and an error that has to be
 * appended must not be glued to one. The bytes as a whole are the provider's, but for what `withhold` takes away and
 * what an inspector says.
 *
 * An event too large to hold is passed on unread, and so is all that follows it; with an inspector, which has to read
 * all, the relay fails instead.
 */
export function createRelay(
  reader: StreamReader,
  withhold: Withhold | null,
  { framing = new SseReader(), edit, inspector }: RelayOptions = {},
): StreamRelay {
  if (inspector === undefined) return new PlainRelay(reader, withhold, framing);
  if (edit === undefined) throw new Error("a stream that is inspected needs an editor");
  return new EditedRelay(reader, withhold, framing, edit(), inspector);
}

class PlainRelay implements StreamRelay {
  readonly ended = false;
  readonly holding = false;
  readonly #framing: Framing;
  readonly #reader: StreamReader;
  readonly #withhold: Withhold | null;
  #blind = false;

  constructor(reader: StreamReader, withhold: Withhold | null, framing: Framing) {
    this.#reader = reader;
    this.#withhold = withhold;
    this.#framing = framing;
  }

  write(chunk: Uint8Array): Uint8Array | null {
    if (this.#blind) return chunk;
    const framing = this.#framing;
    const whole = !framing.holding;
    try {
      const blocks = framing.push(chunk);
      const changed = this.#read(blocks);
      if (changed !== null) return joinBytes(changed);
      return whole && !framing.holding ? chunk : span(blocks);
    } catch (error) {
      if (!(error instanceof EventTooLarge)) throw error;
      this.#blind = true;
      return framing.rest;
    }
  }

  end(): Uint8Array | null {
    if (this.#blind) return null;
    const last = this.#framing.end();
    if (last === null) return null;
    const changed = this.#read([last]);
    return changed === null ? last.raw : joinBytes(changed);
  }

  resume(): null {
    return null;
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

  get unknownEvents(): number {
    return this.#reader.unknownEvents ?? 0;
  }

  /** Reads the events; answers what is shown instead of the blocks, `null` when they are shown as they are. */
  #read(blocks: readonly Block[]): (Uint8Array | string)[] | null {
    const withhold = this.#withhold;
    let changed: (Uint8Array | string)[] | null = null;
    for (let i = 0; i < blocks.length; i += 1) {
      const block = blocks[i]!;
      const { data } = block;
      if (data !== null) this.#reader.push(block.name, data);
      if (withhold === null) continue;
      const shown = data === null ? data : withhold(data);
      if (shown !== data) changed ??= i === 0 ? [] : blocks.slice(0, i).map(({ raw }) => raw);
      if (shown !== data && shown !== null) changed?.push(this.#framing.rewrite(block, shown));
      else if (shown === data) changed?.push(block.raw);
    }
    return changed;
  }
}

/** The bytes of blocks that were given together: they lie side by side. */
function span(blocks: readonly Block[]): Uint8Array | null {
  if (blocks.length === 0) return null;
  const first = blocks[0]!.raw;
  const last = blocks[blocks.length - 1]!.raw;
  return new Uint8Array(first.buffer, first.byteOffset, last.byteOffset + last.byteLength - first.byteOffset);
}
