import type { SharedPin } from "../core/revisions.ts";
import { classify } from "./kinds.ts";
import type { RevisionStore } from "./revisions.ts";
import { labelOf, type PolicyFile, type PolicyTree, readPolicyTree, treeOf } from "./tree.ts";

/**
 * Makes the pin that of all replicas, whose data directories are their own: which revision is pinned, and its files for
 * those that never had it. All else is kept where it was.
 *
 * TypeScript is never taken from there: whoever can write to the database could run anything in every gateway. A revision
 * that has some is made live only where the policies folder holds the same code.
 */
export function shareRevisions(local: RevisionStore, shared: SharedPin, policiesDir: string): RevisionStore {
  return {
    ...local,
    async pin() {
      return (await shared.read())?.pin ?? null;
    },
    async setPin(pin) {
      const files = pin === null ? [] : (await local.tree(pin.revision)).files;
      await shared.write(pin && { pin, files: files.map(({ path, text }) => ({ path, text })) });
      // What must not be removed here while it is pinned.
      await local.setPin(pin);
    },
    async tree(id) {
      const own = await local.tree(id);
      if (own.digest === id) return own;
      const kept = await shared.read();
      if (kept?.pin.revision !== id) return own;
      const tree = await toTree(kept.files, policiesDir);
      return tree?.digest === id ? tree : own;
    },
  };
}

/** `null` when it holds what this replica does not take from others. */
async function toTree(
  files: readonly { readonly path: string; readonly text: string }[],
  policiesDir: string,
): Promise<PolicyTree | null> {
  const label = labelOf(policiesDir);
  const reviewed = new Map((await readPolicyTree(policiesDir)).files.map(({ path, text }) => [path, text]));
  const taken: PolicyFile[] = [];
  for (const { path, text } of files) {
    const kind = classify(path);
    if (typeof kind === "object" || kind === "ignored") return null;
    if ((kind === "typescript" || kind === "module") && reviewed.get(path) !== text) return null;
    taken.push({ kind, path, label: `${label}/${path}`, text });
  }
  return treeOf(taken);
}
