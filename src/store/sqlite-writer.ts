import type { Insert } from "./engine.ts";
import { encodeWrite, type WriteReply } from "./sqlite-message.ts";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Adds rows to a database file from a thread of its own: neither the inserts nor the file system's flushes, which take
 * many milliseconds, hold up requests.
 *
 * The thread is started when first needed, and again after it broke. It keeps the process alive only while rows wait.
 */
export class SqliteWriter {
  readonly #path: string;
  #worker: Worker | undefined;
  /** In the order in which the thread answers. */
  #waiting: Waiting[] = [];
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when the rows are committed. Rejects when they are not, or nobody knows: adding them again is harmless. */
  insertMany(inserts: readonly Insert[]): Promise<void> {
    if (this.#closed) return Promise.reject(new Error("the database is closed"));
    const worker = this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.ref();
      worker.postMessage(encodeWrite(this.#path, inserts));
    });
  }

  /** Stops the thread; rows that still wait are rejected. */
  close(): void {
    this.#closed = true;
    this.#stop(new Error("the database was closed"));
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./sqlite-worker.ts", import.meta.url).href);
    worker.onmessage = ({ data: problem }: MessageEvent<WriteReply>) => {
      if (worker !== this.#worker) return;
      const waiting = this.#waiting.shift();
      if (problem === "") waiting?.resolve();
      else waiting?.reject(new Error(problem));
      if (this.#waiting.length === 0) worker.unref();
    };
    const broke = () => {
      if (worker === this.#worker) this.#stop(new Error("the thread that writes to the database ended unexpectedly"));
    };
    worker.onerror = broke;
    worker.addEventListener("close", broke);
    this.#worker = worker;
    return worker;
  }

  #stop(reason: Error): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of waiting) reject(reason);
  }
}
