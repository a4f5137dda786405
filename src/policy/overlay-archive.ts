import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyOverlay } from "../core/overlay.ts";
import { revisionOf } from "./overlay.ts";

/** What was laid over which files. */
export interface LaidRevision {
  /** Digest of the files, by which they are retained. */
  readonly files: string;
  readonly overlay: PolicyOverlay;
}

/** Where overlays are kept, each under the revision that it made of its files. */
export interface OverlayArchive {
  keep(revision: string, laid: LaidRevision): Promise<void>;
  /** `null` when none is kept under that name, or what is kept makes another revision. */
  find(revision: string): Promise<LaidRevision | null>;
}

/** How many overlays are kept unless it is said otherwise; they are small. */
const defaultKeep = 200;
const namePattern = /^sha256:[0-9a-f]{64}$/;

/**
 * Keeps overlays as files in the data directory, beside the revisions: with both, the policies of any time can be made
 * again. Only the owner may read them.
 */
export function createOverlayArchive({
  dataDir,
  keep = defaultKeep,
}: {
  dataDir: string;
  keep?: number;
}): OverlayArchive {
  const root = join(dataDir, "revisions", "overlays");
  const fileOf = (revision: string) => join(root, `${revision.replace("sha256:", "")}.json`);

  async function prune(): Promise<void> {
    const names = await readdir(root);
    if (names.length <= keep) return;
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(root, name)).catch(() => null))?.mtimeMs ?? 0 })),
    );
    aged.sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
    for (const { name } of aged.slice(0, names.length - keep)) await rm(join(root, name), { force: true });
  }

  return {
    async keep(revision, laid) {
      if (!namePattern.test(revision)) throw new Error(`'${revision}' names no revision`);
      await mkdir(root, { recursive: true, mode: 0o700 });
      // Written beside, then moved into place, so that a reader sees it whole or not at all.
      const draft = join(root, `.${randomUUID()}`);
      await writeFile(draft, JSON.stringify(laid), { mode: 0o600 });
      await rename(draft, fileOf(revision));
      await prune();
    },
    async find(revision) {
      if (!namePattern.test(revision)) return null;
      try {
        const laid = JSON.parse(await readFile(fileOf(revision), "utf8")) as LaidRevision;
        return revisionOf(laid.files, laid.overlay) === revision ? laid : null;
      } catch {
        return null;
      }
    },
  };
}
