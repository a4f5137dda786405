/** How long is waited between attempts, in milliseconds. */
export interface Backoff {
  /** What the first wait is drawn from: 0 to this. It doubles with each attempt. */
  readonly baseMs: number;
  /** Longest wait, whatever asks for it. */
  readonly maxMs: number;
}

/**
 * The wait before an attempt: drawn evenly from nothing to a bound that doubles each time ("full jitter": calls that failed
 * together do not come back together), and never less than the provider asked for.
 *
 * @param attempt how many attempts failed before it, from 1
 * @param askedMs what the provider asked for; `undefined` when it did not
 * @param random 0 to 1
 * @returns `null` when the provider asked for more than is ever waited
 */
export function backoffMs({ baseMs, maxMs }: Backoff, attempt: number, askedMs: number | undefined, random: number) {
  if (askedMs !== undefined && askedMs > maxMs) return null;
  const bound = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
  return Math.min(maxMs, Math.max(askedMs ?? 0, random * bound));
}

/** Resolves after so long, or at once when the signal aborts. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const over = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    timer.unref();
    signal.addEventListener("abort", over);
  });
}
