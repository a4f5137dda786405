import type { LoadResult } from "./load.ts";
import type { RevisionStore } from "./revisions.ts";
import type { PolicyTree } from "./tree.ts";

/** A retained set that compiles. */
export interface LastGood {
  readonly tree: PolicyTree;
  readonly result: LoadResult & { readonly ok: true };
}

/**
 * Finds the revision that was live last and still compiles, for a start at which the files are broken: a gateway that was
 * judging requests before goes on doing so by the rules it had.
 *
 * Revisions that were never live are passed over. `null` when none is left.
 */
export async function restoreLastGood(
  revisions: Pick<RevisionStore, "list" | "tree">,
  compile: (tree: PolicyTree) => Promise<LoadResult>,
): Promise<LastGood | null> {
  for (const { id, liveAt } of await revisions.list()) {
    if (liveAt === null) continue;
    const tree = await revisions.tree(id);
    const result = await compile(tree);
    if (result.ok) return { tree, result };
  }
  return null;
}
