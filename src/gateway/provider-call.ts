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
  readonly #client: Request;
  readonly #timeouts: ProviderTimeouts;
  readonly #waits: Waits;
  /** When the wait under way is too long; Infinity while nobody waits. */
  #deadline = Number.POSITIVE_INFINITY;
  #limitMs = 0;
  #expired: SluiceError | undefined;

  constructor(provider: string, client: Request, timeouts: ProviderTimeouts, waits: Waits) {
    this.provider = provider;
    this.#client = client;
    this.#timeouts = timeouts;
    this.#waits = waits;
    waits.add(this);
  }

  // The client's signal is made when it is first asked for, which for most calls is never; it knows what came before.
  check(now: number): void {
    if (now >= this.#deadline) {
      this.#expired = new SluiceError("upstream_timeout", { provider: this.provider, seconds: this.#limitMs / 1000 });
      this.abort();
    } else if (this.#client.signal.aborted) {
      this.abort();
    }
  }

  /** The wait for the answer's headers begins. */
  get signal(): AbortSignal {
    this.#await(this.#timeouts.firstByteMs);
    return this.#abort.signal;
  }

  /** The wait for a read of the answer begins. */
  reading(): void {
    this.#await(this.#timeouts.idleMs);
  }

  /** A wait ended well. */
  arrived(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
  }

  /** What a wait that failed is told as: a time-out of ours, a failure already named, else an answer that broke off. */
  failure(cause: unknown): SluiceError {
    if (this.#expired !== undefined) return this.#expired;
    if (cause instanceof SluiceError) return cause;
    return new SluiceError("upstream_interrupted", { provider: this.provider }, { cause });
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
