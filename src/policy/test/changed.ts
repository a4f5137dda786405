import { realpath } from "node:fs/promises";
import { relative } from "node:path";
import { GitError, git } from "../git.ts";
import { policyId } from "../kinds.ts";
import type { TestFile } from "./cases.ts";
import type { Subjects } from "./subjects.ts";

/** What changed in a policies folder since a revision. */
export interface Changes {
  /** Inside the policies folder. */
  readonly paths: readonly string[];
  /** Whether something changed that any policy may depend on, such as named data or a policy type. */
  readonly everything: boolean;
}

/** How long git may take, in milliseconds. */
const timeoutMs = 20_000;
const testFile = /\.test\.(yaml|yml)$/;

/**
 * Asks git what changed since a revision: commits, changes that are not committed and new files.
 *
 * @param shared folders that every policy may depend on, such as that of the policy types
 * @throws GitError when git cannot say
 */
export async function changesSince(revision: string, dir: string, shared: readonly string[]): Promise<Changes> {
  const ask = async (at: string, ...args: readonly string[]) => (await git(at, args, timeoutMs)).toString().trimEnd();
  const root = await ask(dir, "rev-parse", "--show-toplevel");
  const verify = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
  const commit = await ask(dir, ...verify).catch(() => {
    throw new GitError(`git knows no commit '${revision}'`);
  });
  const changed = await ask(root, "diff", "--name-only", "--no-renames", "-z", commit);
  const added = await ask(root, "ls-files", "--others", "--exclude-standard", "-z");
  const all = [...changed.split("\0"), ...added.split("\0")].filter((path) => path !== "");
  const inside = async (folder: string): Promise<string[]> => {
    const prefix = relative(root, await realpath(folder)).replaceAll("\\", "/");
    return all.flatMap((path) =>
      path.startsWith(`${prefix}/`) ? [path.slice(prefix.length + 1)] : prefix === "" ? [path] : [],
    );
  };
  const outside = await Promise.all(shared.map((folder) => inside(folder).catch(() => [])));
  return { paths: await inside(dir), everything: outside.some((paths) => paths.length > 0) };
}

/** Whether a test file may come otherwise after these changes. */
export function isAffected(file: TestFile, { paths, everything }: Changes, subjects: Subjects): boolean {
  if (everything || paths.includes(file.path)) return true;
  return paths.some((path) => !testFile.test(path) && affects(path, file, subjects));
}

/** Whether anything changed that tests are about. */
export function hasChanges({ paths, everything }: Changes): boolean {
  return everything || paths.some((path) => !path.endsWith(".md"));
}

function affects(path: string, file: TestFile, subjects: Subjects): boolean {
  if (path.endsWith(".md")) return false;
  const id = policyId(path);
  // Whatever is neither a policy nor a test can be read by any of them.
  if (id === path) return true;
  return file.policies.some((policy) => policy === id || subjects.file(policy)?.text.includes(id) === true);
}
