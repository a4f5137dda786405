/**
 * Lets calls that reach the same step in the same turn of the event loop take it one after another.
 *
 * Bun hands over sockets one by one: without this, each call would run through parsing, rules, limits and sending
 * before the next one is even read, and every step would find the processor's caches full of the others' code. Taken
 * together, a step's code is fetched once for all of them. It costs a call at most the rest of its turn.
 */
export class Together {
  #turn: Promise<void> | undefined;

  /** Resolves when this turn's events have been read, for all in the order asked. */
  turn(): Promise<void> {
    // One promise for all: each of them would cost three functions and as much garbage as the step itself.
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }
}

/**
 * Is there already. Calls that go on together and await it before a further step take that one together as well: whoever
 * comes to it waits until all of them have.
 */
export const othersFirst: Promise<void> = Promise.resolve();
