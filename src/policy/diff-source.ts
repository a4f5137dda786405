import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SluiceError } from "../errors.ts";
import { exportFolder, GitError } from "./git.ts";
import { lastLive, resolveRevision } from "./revision-directory.ts";
import { createRevisionStore } from "./revisions.ts";
import { labelOf, type PolicyTree, readPolicyTree } from "./tree.ts";

/** A policy set that a person named. */
export interface NamedSet {
  /** What it was called and what that stands for. */
  readonly name: string;
  readonly tree: PolicyTree;
}

/** Where policy sets are looked for. */
export interface SetSources {
  readonly policiesDir: string;
  readonly dataDir: string;
}

/** A name that stands for no policy set, with why. */
export class UnknownSetError extends Error {
  override readonly name = "UnknownSetError";
}

/**
 * Finds a policy set by what a person calls it: a folder; a retained revision by the beginning of its digest, or as `live`
 * or `previous`; or whatever names a commit in the checkout that the policies folder is in.
 *
 * @throws UnknownSetError
 */
export async function readNamedSet(name: string, sources: SetSources): Promise<NamedSet> {
  const label = labelOf(resolve(sources.policiesDir));
  const dir = resolve(name);
  if ((await stat(dir).catch(() => null))?.isDirectory()) {
    return { name: labelOf(dir), tree: await readPolicyTree(dir) };
  }
  const retained = await readRetained(name, sources);
  if (retained !== null) return retained;
  const into = await mkdtemp(join(tmpdir(), "sluice-diff-"));
  try {
    const commit = await exportFolder(sources.policiesDir, name, into);
    return { name: `${name} (commit ${commit.slice(0, 12)})`, tree: await readPolicyTree(into, label) };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const problem = `'${name}' is neither a folder nor a retained revision, and as a commit: ${error.message}`;
    throw new UnknownSetError(problem, { cause: error });
  } finally {
    await rm(into, { recursive: true, force: true });
  }
}

async function readRetained(name: string, { policiesDir, dataDir }: SetSources): Promise<NamedSet | null> {
  const store = createRevisionStore({ dataDir, policiesDir, clock: Date });
  const known = await store.list();
  const live = lastLive(known, await store.pin().catch(() => null));
  try {
    const { id } = resolveRevision(name, known, { live, latest: "" });
    return { name: name === id ? id : `${name} (${id})`, tree: await store.tree(id) };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    if (error.code !== "not_found" || name.startsWith("sha256:")) throw new UnknownSetError(error.message);
    return null;
  }
}
