/** Something that waits for a provider: looked at until it is deleted. */
export interface Wait {
  /** Where it stands among all waits; -1 for one that is not there. Only {@link Waits} changes it. */
  place: number;
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
  // Not a Set: what is deleted from one is kept alive over collections by the tables that it leaves behind, and each wait
  // holds all there is of its call. See ShortLived in src/limits.
  readonly #all: Wait[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.#timer = setInterval(() => {
      if (this.#all.length === 0) return;
      const now = performance.now();
      // From the end: those that a check deletes leave their place to one that was looked at already.
      for (let i = this.#all.length - 1; i >= 0; i -= 1) this.#all[i]?.check(now);
    }, tickMs);
    this.#timer.unref();
  }

  add(wait: Wait): void {
    wait.place = this.#all.length;
    this.#all.push(wait);
  }

  delete(wait: Wait): void {
    const { place } = wait;
    if (place < 0) return;
    wait.place = -1;
    const last = this.#all.pop()!;
    if (last === wait) return;
    this.#all[place] = last;
    last.place = place;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
