import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { treeStamp } from "./tree.ts";

/** How a folder is watched. All times in milliseconds. */
export interface WatchOptions {
  /** Without an event for so long, a burst of them counts as over. */
  readonly quietMs: number;
  /** Between two looks at names, sizes and times, for filesystems that do not tell of changes. */
  readonly pollMs: number;
  /**
   * After so long the owner reads the whole folder, whatever the looks saw: where times are coarse, a file can change and
   * look the same. 30 seconds when absent.
   */
  readonly contentMs?: number;
}

/** Quiet times after which a burst that does not end is not waited for any longer. */
const patience = 6;

/**
 * Tells when a folder may have changed: by the system's own events, and by looking at it now and then, because nothing
 * tells of a change behind a symbolic link, of a mounted volume, or of a folder that was replaced by another.
 *
 * @param changed is never called while it still runs
 * @returns stops it; resolves when `changed` is no longer running
 */
export function watchFolder(dir: string, options: WatchOptions, changed: () => Promise<void>): () => Promise<void> {
  const { quietMs, pollMs, contentMs = 30_000 } = options;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let burstFrom: number | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let watcher: FSWatcher | undefined;
  /** Whether an event told of something since the last look. */
  let told = true;
  let seen: { readonly identity: string; readonly stamp: string } | undefined;
  let readAt = performance.now();

  const run = () => {
    burstFrom = undefined;
    if (stopped) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    readAt = performance.now();
    running = changed().finally(() => {
      running = undefined;
      if (again) {
        again = false;
        run();
      }
    });
  };
  const soon = () => {
    const now = performance.now();
    burstFrom ??= now;
    clearTimeout(quiet);
    // Somebody who writes all the time must not keep every change from being enforced.
    const left = burstFrom + patience * quietMs - now;
    quiet = setTimeout(run, Math.max(0, Math.min(quietMs, left)));
    quiet.unref();
  };
  const rewatch = () => {
    if (stopped) return;
    watcher?.close();
    try {
      watcher = watch(dir, { recursive: true, persistent: false }, () => {
        told = true;
        soon();
      });
      watcher.on("error", () => watcher?.close());
    } catch {
      // No events here: the looks are enough.
      watcher = undefined;
    }
  };
  const look = async () => {
    const toldBefore = told;
    told = false;
    const next = { identity: await identityOf(dir), stamp: await treeStamp(dir) };
    // At the first look too: what changed between the owner's own reading and it was seen by nobody.
    const moved = next.stamp !== seen?.stamp;
    // A folder that was replaced is another one, and one that changed in silence is not, or not whole, watched.
    const stale = seen !== undefined && (next.identity !== seen.identity || (moved && !toldBefore && !told));
    if (stale) rewatch();
    seen = next;
    if (moved) soon();
    else if (performance.now() - readAt >= contentMs) run();
    // What the old watcher had not told yet when it was closed, it never tells.
    if (!stopped) plan(stale ? quietMs : pollMs);
  };
  let timer: ReturnType<typeof setTimeout>;
  const plan = (ms: number) => {
    timer = setTimeout(() => void look(), ms);
    timer.unref();
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

/** What tells one folder from another of the same name. */
async function identityOf(dir: string): Promise<string> {
  const info = await stat(dir, { bigint: true }).catch(() => null);
  return info === null ? "" : `${info.dev} ${info.ino}`;
}
