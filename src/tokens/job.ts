import type { Encoding, TextCount } from "./encoder.ts";
import { slices } from "./split.ts";

/** A slice of one of a job's texts, to be sent to the thread. */
export interface Piece {
  readonly text: string;
  /** Takes what the thread answered for it; `null` when it could not be counted. */
  readonly counted: (count: TextCount) => void;
}

/** Texts to be counted together, cut into pieces only as they are sent. */
export class Job {
  readonly encoding: Encoding;
  /** In UTF-16 units. */
  readonly length: number;
  readonly #pieces: Iterator<Piece, void, undefined>;
  readonly #counts: { tokens: number; exact: boolean }[];
  #failed = false;
  #next: Piece | undefined;

  constructor(encoding: Encoding, texts: readonly string[]) {
    this.encoding = encoding;
    this.length = texts.reduce((sum, text) => sum + text.length, 0);
    this.#counts = texts.map(() => ({ tokens: 0, exact: true }));
    this.#pieces = this.#cut(texts);
    this.#next = this.#pieces.next().value ?? undefined;
  }

  /** Whether every piece has been taken. */
  get sent(): boolean {
    return this.#next === undefined;
  }

  /** The counts of the texts in their order, once every piece taken was counted; `null` when one could not be. */
  get counts(): readonly { readonly tokens: number; readonly exact: boolean }[] | null {
    return this.#failed ? null : this.#counts;
  }

  /** The next pieces, together about `length` long. */
  take(length: number): Piece[] {
    const taken: Piece[] = [];
    for (let left = length; left > 0 && this.#next !== undefined; this.#next = this.#pieces.next().value ?? undefined) {
      taken.push(this.#next);
      left -= this.#next.text.length;
    }
    return taken;
  }

  *#cut(texts: readonly string[]): Generator<Piece, void, undefined> {
    for (const [index, text] of texts.entries()) {
      for (const slice of slices(text)) {
        yield { text: slice.text, counted: (count) => this.#add(index, count, slice.clean) };
      }
    }
  }

  #add(index: number, count: TextCount, clean: boolean): void {
    const sum = this.#counts[index];
    if (count === null || sum === undefined) {
      this.#failed = true;
      return;
    }
    sum.tokens += count.tokens;
    sum.exact &&= count.exact && clean;
  }
}
