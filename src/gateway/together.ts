/**
 * Lets calls that reach the same step in the same turn of the event loop take it one after another.
 *
 * Bun hands over sockets one by one: without this, each call would run through parsing, rules, limits and sending
 * before the next one is even read, and every step would find the processor's caches full of the others' code. Taken
 * together, a step's code is fetched once for all of them. It costs a call at most the rest of its turn.
 */
export class Together {
  #waiting: (() => void)[] = [];

  /** Resolves when this turn's events have been read, in the order asked. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#goOn);
    });
  }

  readonly #goOn = () => {
    const all = this.#waiting;
    this.#waiting = [];
    for (const resolve of all) resolve();
  };
}
