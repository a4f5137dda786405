/** Most controllers that are kept: about as many as calls are under way at a busy gateway. */
const most = 1024;

/**
 * Controllers that calls ended without, for the calls after them.
 *
 * Each new one and its signal are objects of the host, which cost little to make and much to collect: 5 % of a call in all.
 * What has aborted is of no more use, and what may still abort something is not given back, or it would end the call of
 * somebody else.
 */
export class SpareAborts {
  readonly #spare: AbortController[] = [];

  /** One that has aborted nothing. */
  take(): AbortController {
    return this.#spare.pop() ?? new AbortController();
  }

  /** Keeps one for a later call. Whoever gives it back forgets it, and nothing runs any more that its signal was given to. */
  giveBack(abort: AbortController): void {
    if (!abort.signal.aborted && this.#spare.length < most) this.#spare.push(abort);
  }
}
