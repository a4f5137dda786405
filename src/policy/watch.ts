import { type FSWatcher, watch } from "node:fs";
import { treeStamp } from "./tree.ts";

/** How a folder is watched. */
export interface WatchOptions {
  /** Milliseconds without an event after which a burst of them counts as over. */
  readonly quietMs: number;
  /** Milliseconds between two looks at the folder, for filesystems that do not tell of changes. */
  readonly pollMs: number;
}

/**
 * Tells when a folder may have changed, by the system's own events and, because mounted volumes and swapped symbolic
 * links often raise none, by looking at names, sizes and times now and then.
 *
 * @param changed is never called while it still runs
 * @returns stops it; resolves when `changed` is no longer running
 */
export function watchFolder(dir: string, options: WatchOptions, changed: () => Promise<void>): () => Promise<void> {
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let watcher: FSWatcher | undefined;
  let stamp: string | undefined;

  const run = () => {
    if (stopped) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    running = changed().finally(() => {
      running = undefined;
      if (again) {
        again = false;
        run();
      }
    });
  };
  const soon = () => {
    clearTimeout(quiet);
    quiet = setTimeout(run, options.quietMs);
    quiet.unref();
  };
  const look = async () => {
    const seen = await treeStamp(dir);
    // At the first look too: what changed between the owner's own reading and it was seen by nobody.
    const moved = seen !== stamp;
    stamp = seen;
    // A folder that was replaced is another one: the old watcher sees nothing of it.
    if (moved) {
      rewatch();
      soon();
    }
    if (!stopped) next();
  };
  let timer: ReturnType<typeof setTimeout>;
  const next = () => {
    timer = setTimeout(() => void look(), options.pollMs);
    timer.unref();
  };
  const rewatch = () => {
    if (stopped) return;
    watcher?.close();
    try {
      watcher = watch(dir, { recursive: true, persistent: false }, soon);
      watcher.on("error", () => watcher?.close());
    } catch {
      // No events here: the looks are enough.
      watcher = undefined;
    }
  };

  rewatch();
  void look();
  return async () => {
    stopped = true;
    clearTimeout(quiet);
    clearTimeout(timer);
    watcher?.close();
    await running;
  };
}
