/** Something that waits for a provider: looked at until it is deleted. */
export interface Wait {
  /**
   * Looks whether it has waited too long, or for nobody.
   *
   * @param now `performance.now()`
   */
  check(now: number): void;
}

/** How often waits are looked at, in milliseconds: how late a time-out or a lost client may be noticed. */
const tickMs = 25;

/**
 * Every wait for a provider, looked at by one timer.
 *
 * A timer and a listener on the client's signal for each request would cost more than the rest of its way through the
 * gateway, and nearly all are given up unused; here a request that is answered within a tick is never looked at.
 */
export class Waits {
  readonly #all = new Set<Wait>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.#timer = setInterval(() => {
      if (this.#all.size === 0) return;
      const now = performance.now();
      for (const wait of this.#all) wait.check(now);
    }, tickMs);
    this.#timer.unref();
  }

  add(wait: Wait): void {
    this.#all.add(wait);
  }

  delete(wait: Wait): void {
    this.#all.delete(wait);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
