/**
 * Gathers what is asked within one turn of the event loop, so that it costs one command and not one each. Whoever asks
 * alone waits for the turn's end only.
 */
export class Turns<T> {
  readonly #most: number;
  readonly #send: (items: readonly T[]) => void;
  #items: T[] = [];
  #scheduled = false;

  /** @param most are sent together; more are sent apart */
  constructor(most: number, send: (items: readonly T[]) => void) {
    this.#most = most;
    this.#send = send;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= this.#most) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#send(items);
  }
}
