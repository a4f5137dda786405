import type { WireEvent } from "../../core/stream.ts";
import type { Block, Framing } from "../framing.ts";
import { SseReader } from "../sse.ts";
import { JsonArrayFraming } from "./json-array.ts";

const nothing = new Uint8Array(0);

/**
 * Gemini's two framings: events with `alt=sse`, else one JSON array. The first byte that is no white space tells which
 * came, whatever was asked for and whatever the content type says.
 */
export class GeminiFraming implements Framing {
  #array: JsonArrayFraming | undefined;
  #events: SseReader | undefined;
  #lineFeedSent = false;

  get holding(): boolean {
    return this.#framing?.holding ?? false;
  }

  get rest(): Uint8Array {
    return this.#framing?.rest ?? nothing;
  }

  push(chunk: Uint8Array): readonly Block[] {
    if (this.#framing === undefined) {
      const first = chunk.find((byte) => byte > 32);
      // White space tells nothing yet, and may go on for long.
      if (first === undefined) return chunk.length === 0 ? [] : [{ name: "", data: null, raw: chunk }];
      if (first === 91 || first === 123) this.#array = new JsonArrayFraming();
      else this.#events = new SseReader();
    }
    return this.#framing!.push(chunk);
  }

  end(): Block | null {
    return this.#framing?.end() ?? null;
  }

  pass(block: Block): Uint8Array {
    return this.#framing === undefined ? block.raw : this.#wholeLines(this.#framing.pass(block));
  }

  rewrite(block: Block, data: string): Uint8Array {
    const written = this.#written.rewrite(block, data);
    return this.#wholeLines(typeof written === "string" ? Buffer.from(written) : written);
  }

  /** Google ends its lines with CRLF. */
  write(event: WireEvent): Uint8Array {
    const bytes = this.#written.write(event);
    return this.#array ? bytes : Buffer.from(Buffer.from(bytes).toString().replaceAll("\n", "\r\n"));
  }

  /**
   * A chunk may end between CR and LF, and the LF then begins the next block. Google's SDK, unlike the standard, knows no
   * line that ends with CR: what is written between the two must find a whole line.
   */
  #wholeLines(bytes: Uint8Array): Uint8Array {
    if (this.#array) return bytes;
    const own = this.#lineFeedSent && bytes[0] === 10 ? bytes.subarray(1) : bytes;
    this.#lineFeedSent = own.at(-1) === 13;
    return this.#lineFeedSent ? Buffer.concat([own, Buffer.from("\n")]) : own;
  }

  close(): Uint8Array | null {
    return this.#framing?.close() ?? null;
  }

  /** What ends, with an error, a stream that broke off; `undefined` where it comes as events. */
  last(data: string): string | undefined {
    return this.#array?.last(data);
  }

  get #framing(): Framing | undefined {
    return this.#array ?? this.#events;
  }

  get #written(): Framing {
    if (this.#framing === undefined) this.#events = new SseReader();
    return this.#framing!;
  }
}
