/** After how many additions the map is made anew, at least. */
const renewAfter = 256;

/**
 * A map of what comes and goes with each request, in the order it came.
 *
 * A plain `Map` keeps what is gone alive: JavaScriptCore gives it a new table each time the old one is full of deleted
 * entries, and links the old one to the new one. Once a collection of young objects has come across one of these tables
 * it takes it for old, and with it all later ones, with whatever they held when they were left, until a collection of
 * everything. With one entry for each request that was most of what every collection had to go through. So the map is
 * given up for a new one now and then, to which nothing links.
 */
export class ShortLived<V> {
  #entries = new Map<string, V>();
  #added = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#added += 1;
    // Where many are there at once, copying them costs a fraction of having added them.
    if (this.#added > renewAfter && this.#added > 4 * this.#entries.size) {
      this.#entries = new Map(this.#entries);
      this.#added = 0;
    }
    this.#entries.set(key, value);
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  /** In the order of their coming. */
  [Symbol.iterator](): Iterator<[string, V]> {
    return this.#entries[Symbol.iterator]();
  }

  values(): Iterable<V> {
    return this.#entries.values();
  }

  clear(): void {
    this.#entries.clear();
  }
}
