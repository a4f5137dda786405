import type { WireEvent } from "../core/stream.ts";

/** An event larger than a framing holds. The stream cannot be followed any further. */
export class EventTooLarge extends Error {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`an event of the stream is larger than ${maxBytes} bytes`);
    this.name = "EventTooLarge";
    this.maxBytes = maxBytes;
  }
}

/** Bytes of one event at most, where a framing is not told otherwise. */
export const maxEventBytes = 8 * 1024 * 1024;

/** One event with the bytes that frame it, or bytes between events. */
export interface Block {
  /** The event's name; empty when it has none. */
  readonly name: string;
  /** `null` for what is no event: comments, blank lines, an array's closing bracket. */
  readonly data: string | null;
  /** The exact bytes. All blocks of a stream, one after the other, are the stream. */
  readonly raw: Uint8Array;
}

/**
 * How a protocol tells its events apart in a stream of bytes, one instance per stream: cuts what comes into blocks, and
 * frames what goes out. Chunks may be cut anywhere.
 *
 * Blocks given together lie side by side in memory: where nobody changes anything their bytes are passed on as they are,
 * and nothing of the second half is called. Otherwise everything that goes out goes through it, from the first block on.
 */
export interface Framing {
  /**
   * Takes a chunk, which must not be written to afterwards, and gives the blocks that it completes.
   *
   * @throws EventTooLarge when the block under way exceeds the maximum; {@link rest} has its bytes
   */
  push(chunk: Uint8Array): readonly Block[];
  /** The stream has ended: what was not complete, `null` when nothing is left. */
  end(): Block | null;
  /** Whether bytes are held that no block has yet. */
  readonly holding: boolean;
  /** The bytes taken that no block has yet. */
  readonly rest: Uint8Array;

  /** A block that goes out as it came. Those that do not go out are told to nobody. */
  pass(block: Block): Uint8Array;
  /** A block that goes out with other data and everything else as it was: bytes, or the text that they are. */
  rewrite(block: Block, data: string): Uint8Array | string;
  /** An event of our own. */
  write(event: WireEvent): Uint8Array;
  /** What ends the stream after the last event of our own; `null` for nothing. */
  close(): Uint8Array | null;
}
