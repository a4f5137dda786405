/**
 * Lets calls that reach the same step in the same turn of the event loop take it one after another.
 *
 * Bun hands over answers one by one: without this, each would run through parsing, metering and answering before the next
 * one is even read, and every step would find the processor's caches full of the others' code. Taken together, a step's
 * code is fetched once for all of them. It costs a call at most the rest of its turn.
 */
export class Together {
  #turn: Promise<void> | undefined;

  /** Resolves when this turn's events have been read, for all in the order asked. */
  turn(): Promise<void> {
    this.#turn ??= this.#next();
    return this.#turn;
  }

  /** One promise for all of a turn: one for each would cost three functions, too. */
  #next(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
  }
}
