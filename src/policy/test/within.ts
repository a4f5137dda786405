import { Script } from "node:vm";

/** What became of something that may never have ended. */
export type Ended<T> = { readonly ended: true; readonly value: T } | { readonly ended: false };

const slot = Symbol.for("sluice.within");
// Only what a script calls can be stopped from outside.
const script = new Script(`globalThis[Symbol.for(${JSON.stringify(slot.description)})]()`);

/**
 * Does something, and stops it when it takes longer than this, whatever it catches.
 *
 * @throws what the action throws
 */
export function endsWithin<T>(milliseconds: number, action: () => T): Ended<T> {
  const global = globalThis as { [slot]?: () => T };
  global[slot] = action;
  try {
    return { ended: true, value: script.runInThisContext({ timeout: milliseconds }) as T };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return { ended: false };
    throw error;
  } finally {
    delete global[slot];
  }
}
