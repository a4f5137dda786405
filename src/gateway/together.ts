/**
 * Most calls that take a step together. With more of them clients and providers, who wait for what comes after the step,
 * have nothing to do meanwhile: at 32 requests at once the processors stood idle for a fifth longer.
 */
const most = 6;

/**
 * Lets calls that reach the same step in the same turn of the event loop take it one after another.
 *
 * Bun hands over sockets one by one: without this, each call would run through parsing, rules, limits and sending
 * before the next one is even read, and every step would find the processor's caches full of the others' code. Taken
 * together, a step's code is fetched once for all of them. It costs a call at most the rest of its turn.
 */
export class Together {
  #turn: Promise<void> | undefined;
  #calls = 0;

  /** Resolves when this turn's events have been read, for all in the order asked, a few at a time. */
  turn(): Promise<void> {
    if (this.#turn === undefined || this.#calls === most) {
      this.#turn = this.#next();
      this.#calls = 0;
    }
    this.#calls += 1;
    return this.#turn;
  }

  /** One promise for several calls: one for each would cost three functions, too. */
  #next(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(() => {
      if (this.#turn === promise) this.#turn = undefined;
      resolve();
    });
    return promise;
  }
}

/**
 * A promise that is fulfilled already. Calls that go on together and await it before their next step take that one together as
 * well: none of them comes to it before all have got as far.
 */
export const othersFirst: Promise<void> = Promise.resolve();
