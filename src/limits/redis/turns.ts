/**
 * Gathers what is asked within one turn of the event loop, so that it costs one command and not one each. Whoever asks
 * alone waits for the turn's end only.
 */
export class Turns<T> {
  readonly #most: number;
  readonly #send: (items: readonly T[]) => void;
  #items: T[] = [];
  #scheduled = false;

  /** @param most are sent together; what is more is sent a turn later, while these are on their way */
  constructor(most: number, send: (items: readonly T[]) => void) {
    this.#most = most;
    this.#send = send;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#schedule();
  }

  // Not at once when there are enough: what is written while an answer is being read leaves only when all of it has been.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const items = this.#items;
      this.#items = items.splice(this.#most);
      if (this.#items.length > 0) this.#schedule();
      this.#send(items);
    });
  }
}
