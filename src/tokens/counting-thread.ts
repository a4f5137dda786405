import type { Logger } from "../core/ports.ts";
import type { Encoding } from "./encoder.ts";
import { Job, type Piece } from "./job.ts";
import type { CountReply, CountRequest } from "./worker.ts";

/** How a {@link CountingThread} is bounded. */
export interface CountingThreadOptions {
  /** Longest wait for one job. */
  readonly timeoutMs?: number;
  /** Most text that waits or is being counted, in UTF-16 units. More is refused at once: it could not be done in time. */
  readonly maxQueuedLength?: number;
  /** Is told when the thread breaks. */
  readonly logger?: Logger;
  /** Makes the thread; for tests. */
  readonly spawn?: () => Worker;
}

/** Tokens of texts in their order; `null` when the thread could not count them. */
export type Counts = Job["counts"];

/** tiktoken counts about 4 MB/s: what is taken can be counted before the time is up. */
const defaults = { timeoutMs: 5_000, maxQueuedLength: 16_000_000 };
/** What one job may take of a batch, and the batch: about 4 and 16 ms of counting. */
const turnLength = 16_384;
const batchLength = 4 * turnLength;
/** A thread that broke is not started again before this. */
const restartMs = 1_000;

/**
 * Counts texts in a thread of its own, so that no request waits for another's prompt.
 *
 * The thread is started when first needed. Jobs take turns, so a long text delays a short one by milliseconds. Neither the
 * thread nor the timers keep the process alive.
 */
export class CountingThread {
  readonly #timeoutMs: number;
  readonly #maxQueuedLength: number;
  readonly #logger: Logger | undefined;
  readonly #spawn: () => Worker;
  /** Jobs that wait or are under way, the next to be served first, each with what ends it. */
  readonly #jobs = new Map<Job, (counts: Counts) => void>();
  #worker: Worker | undefined;
  #batch: { readonly jobs: readonly Job[]; readonly pieces: readonly Piece[]; readonly sentAt: number } | undefined;
  #queuedLength = 0;
  #restartAt = 0;
  #closed = false;

  constructor(options: CountingThreadOptions = {}) {
    this.#timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
    this.#maxQueuedLength = options.maxQueuedLength ?? defaults.maxQueuedLength;
    this.#logger = options.logger;
    this.#spawn = options.spawn ?? (() => new Worker(new URL("./worker.ts", import.meta.url).href));
  }

  /**
   * Counts each text. Without texts it loads the encoding and nothing else.
   *
   * @returns `null` when the thread is overloaded, broken, closed or too slow; never throws
   */
  count(encoding: Encoding, texts: readonly string[]): Promise<Counts> {
    const job = new Job(encoding, texts);
    const refused =
      this.#closed || performance.now() < this.#restartAt || this.#queuedLength + job.length > this.#maxQueuedLength;
    if (refused) return Promise.resolve(null);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#expire(job), this.#timeoutMs);
      timer.unref();
      this.#queuedLength += job.length;
      this.#jobs.set(job, (counts) => {
        clearTimeout(timer);
        this.#jobs.delete(job);
        this.#queuedLength -= job.length;
        resolve(counts);
      });
      this.#pump();
    });
  }

  /** Ends the thread; what waits is answered with `null`. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  /** Sends the next batch, unless one is under way. */
  #pump(): void {
    const [first] = this.#jobs.keys();
    if (this.#batch !== undefined || first === undefined) return;
    const jobs: Job[] = [];
    const pieces: Piece[] = [];
    let room = batchLength;
    for (const job of this.#jobs.keys()) {
      if (room <= 0) break;
      if (job.encoding !== first.encoding) continue;
      const taken = job.take(Math.min(turnLength, room));
      for (const piece of taken) {
        pieces.push(piece);
        room -= piece.text.length;
      }
      jobs.push(job);
    }
    for (const job of jobs) this.#toTheEnd(job);
    this.#batch = { jobs, pieces, sentAt: performance.now() };
    const request: CountRequest = { encoding: first.encoding, texts: pieces.map((piece) => piece.text) };
    try {
      this.#start().postMessage(request);
    } catch {
      this.#broke();
    }
  }

  #toTheEnd(job: Job): void {
    const finish = this.#jobs.get(job);
    if (finish === undefined) return;
    this.#jobs.delete(job);
    this.#jobs.set(job, finish);
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = this.#spawn();
    worker.onmessage = ({ data }: MessageEvent<CountReply>) => {
      if (worker === this.#worker) this.#answered(data);
    };
    const gone = () => {
      if (worker === this.#worker) this.#broke();
    };
    worker.onerror = gone;
    worker.addEventListener("close", gone);
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(reply: CountReply): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    for (const [i, piece] of batch.pieces.entries()) piece.counted(reply[i] ?? null);
    // A job whose time was up meanwhile is no longer in the map.
    for (const job of batch.jobs) if (job.sent || job.counts === null) this.#jobs.get(job)?.(job.counts);
    this.#pump();
  }

  #expire(job: Job): void {
    this.#jobs.get(job)?.(null);
    const hangs = this.#batch !== undefined && performance.now() - this.#batch.sentAt >= this.#timeoutMs;
    if (hangs) this.#broke();
  }

  #broke(): void {
    const waiting = this.#jobs.size;
    this.#logger?.warn(
      { waiting },
      "the token counting thread broke; prompts are bounded by their bytes until it is back",
    );
    this.#restartAt = performance.now() + restartMs;
    this.#stop();
  }

  #stop(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#batch = undefined;
    worker?.terminate();
    for (const finish of [...this.#jobs.values()]) finish(null);
  }
}
