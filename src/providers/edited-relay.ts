import type { EarlyEnd, Piece, StreamEditor, StreamEvent, StreamInspector, WireEvent } from "../core/stream.ts";
import type { AnswerSummary, StreamReader, StreamRelay } from "../core/wire.ts";
import { type Block, type Framing, maxEventBytes } from "./framing.ts";
import { joinBytes } from "./join-bytes.ts";
import type { Withhold } from "./relay.ts";

/** A block that has not gone out; without an event it only waits for its turn. */
interface Waiting {
  readonly block: Block;
  readonly event: StreamEvent | null;
}

/** Bytes of the events that wait at most: then the first of them is answered for without what would follow. */
const maxWaitingBytes = maxEventBytes;
/** Calls of one answer at most, each choice beside the first counted as one: something is kept of each of them. */
const maxCalls = 10_000;

/** Relays a stream whose every event is looked at before it goes out, and may go out otherwise. See `createRelay`. */
export class EditedRelay implements StreamRelay {
  ended = false;
  readonly #reader: StreamReader;
  readonly #withhold: Withhold | null;
  readonly #framing: Framing;
  readonly #editor: StreamEditor;
  readonly #inspector: StreamInspector;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #calls = new Set<string>();
  #out: (Uint8Array | string)[] = [];
  /** What comes can not be read any more, so nothing of it may go out. */
  #lost = false;

  constructor(
    reader: StreamReader,
    withhold: Withhold | null,
    framing: Framing,
    editor: StreamEditor,
    inspector: StreamInspector,
  ) {
    this.#reader = reader;
    this.#withhold = withhold;
    this.#framing = framing;
    this.#editor = editor;
    this.#inspector = inspector;
  }

  write(chunk: Uint8Array): Uint8Array | null {
    if (this.ended) return null;
    try {
      for (const block of this.#framing.push(chunk)) {
        this.#take(block);
        if (this.ended) break;
      }
    } catch (error) {
      this.#lost = true;
      throw error;
    }
    return this.#given();
  }

  end(): Uint8Array | null {
    if (this.ended) return null;
    const last = this.#lost ? null : this.#framing.end();
    if (last !== null) this.#take(last);
    this.#drain(true);
    if (!this.ended) {
      const rest = this.#inspector.finish();
      if (rest !== null) {
        this.#add(rest.before);
        if (rest.end !== undefined) this.#finish(rest.end);
      }
    }
    return this.#given();
  }

  get holding(): boolean {
    return this.#waiting.length > 0;
  }

  resume(): Uint8Array | null {
    if (!this.ended) this.#drain(false);
    return this.#given();
  }

  summary(): AnswerSummary {
    return this.#reader.summary();
  }

  get complete(): boolean {
    return this.#reader.complete;
  }

  get error(): string {
    return this.#reader.error;
  }

  get unknownEvents(): number {
    return this.#reader.unknownEvents ?? 0;
  }

  #given(): Uint8Array | null {
    if (this.#out.length === 0) return null;
    const bytes = joinBytes(this.#out);
    this.#out = [];
    return bytes;
  }

  #take(block: Block): void {
    const { name, data } = block;
    if (data === null) {
      if (this.#waiting.length === 0) this.#out.push(this.#framing.pass(block));
      else this.#wait(block, null);
      return;
    }
    const event = this.#editor.read(name, data);
    this.#reader.push(name, data, event);
    this.#count(event);
    this.#inspector.see(event);
    if (this.#waiting.length > 0) {
      this.#wait(block, event);
      this.#drain(false);
    } else if (!this.#answer(block, event, false)) this.#wait(block, event);
  }

  #count({ pieces }: StreamEvent): void {
    for (const { choice, tool } of pieces) if (tool !== "" || choice !== 0) this.#calls.add(`${choice} ${tool}`);
    if (this.#calls.size > maxCalls) throw new Error(`an answer has more than ${maxCalls} calls`);
  }

  #wait(block: Block, event: StreamEvent | null): void {
    this.#waiting.push({ block, event });
    this.#waitingBytes += block.raw.byteLength;
  }

  /** Lets out what waits, as far as it may go. */
  #drain(last: boolean): void {
    const waiting = this.#waiting;
    let gone = 0;
    while (gone < waiting.length && !this.ended) {
      const { block, event } = waiting[gone]!;
      if (event === null) this.#out.push(this.#framing.pass(block));
      else if (!this.#answer(block, event, last || this.#waitingBytes > maxWaitingBytes)) break;
      this.#waitingBytes -= block.raw.byteLength;
      gone += 1;
    }
    if (this.ended) gone = waiting.length;
    if (gone > 0) waiting.splice(0, gone);
  }

  /** Whether the event is answered for, and does not wait. */
  #answer(block: Block, event: StreamEvent, last: boolean): boolean {
    const verdict = this.#inspector.inspect(event, last);
    if (verdict === null) this.#show(block, this.#editor.write(event));
    else if (verdict === "hold") return false;
    else {
      if (verdict.before !== undefined) this.#add(verdict.before);
      if ("end" in verdict) this.#finish(verdict.end);
      else this.#show(block, this.#editor.write(event, verdict.texts));
    }
    return true;
  }

  #show(block: Block, written: string | null): void {
    const shown = written === null || this.#withhold === null ? written : this.#withhold(written);
    if (shown === null) return;
    this.#out.push(shown === block.data ? this.#framing.pass(block) : this.#framing.rewrite(block, shown));
  }

  #add(pieces: readonly Piece[]): void {
    for (const piece of pieces) if (piece.text !== "") this.#send(this.#editor.add(piece, piece.text));
  }

  #finish(ending: EarlyEnd): void {
    this.#send(this.#editor.end(ending));
    const closing = this.#framing.close();
    if (closing !== null) this.#out.push(closing);
    this.ended = true;
  }

  #send(events: readonly WireEvent[]): void {
    for (const { name, data } of events) {
      const shown = this.#withhold === null ? data : this.#withhold(data);
      if (shown !== null) this.#out.push(this.#framing.write({ name, data: shown }));
    }
  }
}
