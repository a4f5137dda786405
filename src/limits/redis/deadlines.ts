interface Waiting {
  readonly until: number;
  readonly give: (error: Error) => void;
  over: boolean;
}

/**
 * Ends waits that take too long. All have the same length, so they end in the order they began: one timer serves them
 * all, where a timer each would cost more than what is waited for.
 */
export class Deadlines {
  readonly #ms: number;
  #waiting: Waiting[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** The promise's outcome, or an error when there is none in time. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { until: performance.now() + this.#ms, give: reject, over: false };
      this.#waiting.push(waiting);
      if (this.#timer === undefined) this.#lookIn(this.#ms);
      promise.then(
        (value) => {
          waiting.over = true;
          resolve(value);
        },
        (error: unknown) => {
          waiting.over = true;
          reject(error);
        },
      );
    });
  }

  #look(): void {
    const now = performance.now();
    let ended = 0;
    for (const waiting of this.#waiting) {
      // A timer may come a fraction of a millisecond early.
      if (!waiting.over && waiting.until > now + 1) break;
      ended += 1;
      if (!waiting.over) waiting.give(new Error(`Redis did not answer within ${this.#ms} ms`));
    }
    this.#waiting = this.#waiting.slice(ended);
    const next = this.#waiting[0];
    this.#timer = undefined;
    if (next !== undefined) this.#lookIn(Math.max(1, next.until - now));
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), ms);
    this.#timer.unref();
  }
}
