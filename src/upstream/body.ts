import type { ByteSource } from "../core/ports.ts";

type Chunk = Awaited<ReturnType<ByteSource["read"]>>;

/** A body whose first chunk was read already, to see that it comes; it is read again, then the rest. */
export class ReadAhead implements ByteSource {
  readonly #rest: ByteSource;
  #first: Chunk | undefined;

  constructor(first: Chunk, rest: ByteSource) {
    this.#first = first;
    this.#rest = rest;
  }

  read(): Promise<Chunk> {
    const first = this.#first;
    if (first === undefined) return this.#rest.read();
    this.#first = undefined;
    return Promise.resolve(first);
  }

  cancel(): Promise<void> {
    return this.#rest.cancel();
  }
}
