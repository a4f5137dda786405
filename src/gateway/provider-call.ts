import type { Upstream, UpstreamRequest } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import type { Wait, Waits } from "./waits.ts";

/** Bounds of one call to a provider, in milliseconds. */
export interface ProviderTimeouts {
  /** From sending the request to the answer's headers: connecting, sending and thinking. */
  readonly firstByteMs: number;
  /** Longest silence in the middle of an answer; for one that is read whole, the time to read it. */
  readonly idleMs: number;
}

/**
 * One call to a provider and its end: aborted when it takes too long or when the client is gone, whichever is noticed
 * first.
 */
export class ProviderCall implements Wait {
  readonly provider: string;
  readonly #abort = new AbortController();
  readonly #client: AbortSignal;
  readonly #timeouts: ProviderTimeouts;
  readonly #waits: Waits;
  /** When the wait under way is too long; Infinity while nobody waits. */
  #deadline = Number.POSITIVE_INFINITY;
  #limitMs = 0;
  #expired: SluiceError | undefined;

  constructor(provider: string, client: AbortSignal, timeouts: ProviderTimeouts, waits: Waits) {
    this.provider = provider;
    this.#client = client;
    this.#timeouts = timeouts;
    this.#waits = waits;
    waits.add(this);
  }

  check(now: number): void {
    if (now >= this.#deadline) {
      this.#expired = new SluiceError("upstream_timeout", { provider: this.provider, seconds: this.#limitMs / 1000 });
      this.abort();
    } else if (this.#client.aborted) {
      this.abort();
    }
  }

  /** Sends the request. Resolves when the answer's headers are there. */
  async send(upstream: Upstream, request: Omit<UpstreamRequest, "signal">): Promise<Response> {
    this.#await(this.#timeouts.firstByteMs);
    try {
      return await upstream.send({ ...request, signal: this.#abort.signal });
    } catch (error) {
      throw this.#expired ?? error;
    } finally {
      this.#deadline = Number.POSITIVE_INFINITY;
    }
  }

  /** Reads an answer whole. */
  async readAll(response: Response): Promise<Uint8Array> {
    return this.reading(() => response.bytes());
  }

  /** Runs one read of the answer within the idle time-out. */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    this.#await(this.#timeouts.idleMs);
    try {
      return await read();
    } catch (cause) {
      throw this.#expired ?? new SluiceError("upstream_interrupted", { provider: this.provider }, { cause });
    } finally {
      this.#deadline = Number.POSITIVE_INFINITY;
    }
  }

  /** Ends the call at the provider, if it still runs. */
  abort(): void {
    this.done();
    this.#abort.abort();
  }

  /** Nothing more is to be waited for. */
  done(): void {
    this.#waits.delete(this);
  }

  #await(ms: number): void {
    this.#limitMs = ms;
    this.#deadline = performance.now() + ms;
  }
}
