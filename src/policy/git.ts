import { existsSync } from "node:fs";
import { mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { posix } from "node:path/posix";
import type { GitLabel } from "../core/revisions.ts";

/** How long git may take to say what a folder is, in milliseconds. */
const labelTimeoutMs = 2_000;
/** How long git may take to hand out a folder. */
const exportTimeoutMs = 20_000;
const maxExportFiles = 10_000;
const maxExportBytes = 64 * 1024 * 1024;

/** Something that git was asked and could not answer, in words. */
export class GitError extends Error {
  override readonly name = "GitError";
}

/**
 * What git says of a folder: the commit it is checked out at, its author, and whether the folder is as the commit has
 * it. `null` outside of a checkout, and when git is not there, does not know the folder, or takes too long.
 */
export async function gitLabel(dir: string): Promise<GitLabel | null> {
  // Looked for first: most folders that change often are in no checkout, and a process is dear.
  if (!isInCheckout(dir)) return null;
  try {
    const [log, status] = await Promise.all([
      git(dir, ["log", "-1", "--format=%H%x00%an <%ae>%x00%ct"], labelTimeoutMs),
      git(dir, ["status", "--porcelain", "--untracked-files=all", "--", "."], labelTimeoutMs),
    ]);
    const [commit = "", author = "", seconds = ""] = log.toString().trimEnd().split("\0");
    if (!/^[0-9a-f]{40,64}$/.test(commit)) return null;
    return { commit, author, committedAt: Number(seconds) * 1000, clean: status.length === 0 };
  } catch (error) {
    if (error instanceof GitError) return null;
    throw error;
  }
}

/**
 * Writes a folder as a commit has it. Nothing of the checkout is touched.
 *
 * @param dir the folder, inside a checkout
 * @param revision anything that names a commit, such as `main`, `HEAD~1` or `v1.2`
 * @param into an empty folder
 * @returns the commit's full id
 * @throws GitError when there is no such commit, the folder is in no checkout, or it holds too much
 */
export async function exportFolder(dir: string, revision: string, into: string): Promise<string> {
  const text = async (args: readonly string[]) => (await git(dir, args, exportTimeoutMs)).toString().trimEnd();
  const prefix = await text(["rev-parse", "--show-prefix"]);
  const commit = await text(["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`]).catch(
    () => {
      throw new GitError(`git knows no commit '${revision}'`);
    },
  );
  const listed = await git(
    dir,
    ["ls-tree", "-r", "-l", "-z", "--full-tree", commit, ...(prefix === "" ? [] : ["--", prefix])],
    exportTimeoutMs,
  );
  const entries = listed
    .toString()
    .split("\0")
    .flatMap((line) => {
      // Whatever is no blob, such as a submodule, holds no policies.
      const [, mode, object, size, path] = /^(\d+) blob ([0-9a-f]+) +(\d+)\t(.+)$/s.exec(line) ?? [];
      return path === undefined ? [] : [{ mode, object, size: Number(size), path: path.slice(prefix.length) }];
    });
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (entries.length > maxExportFiles || bytes > maxExportBytes) {
    throw new GitError(`the folder holds ${entries.length} files of ${bytes} bytes at ${revision}, which is too much`);
  }
  const blobs = entries.length === 0 ? [] : await readBlobs(dir, entries);
  for (const [i, { mode, path }] of entries.entries()) {
    const file = join(into, path);
    await mkdir(dirname(file), { recursive: true });
    if (mode === "120000") await link(path, blobs[i]!.toString(), file);
    else await writeFile(file, blobs[i]!);
  }
  for (const { mode, path } of entries) if (mode === "120000") await checkLink(path, into);
  return commit;
}

/** Where a link really leads shows only when all are there: those on its way may be links themselves. */
async function checkLink(path: string, into: string): Promise<void> {
  const target = await realpath(join(into, path)).catch(() => null);
  if (target !== null && !`${target}${sep}`.startsWith(`${await realpath(into)}${sep}`)) throw leadsOut(path);
}

function leadsOut(path: string): GitError {
  return new GitError(`${path} is a link that leads out of the folder`);
}

/** A link that leads out of the folder would be read from the disk as it is now. */
async function link(path: string, target: string, file: string): Promise<void> {
  const inside = posix.normalize(posix.join(posix.dirname(path), target));
  if (target.startsWith("/") || inside === ".." || inside.startsWith("../")) {
    throw leadsOut(path);
  }
  await symlink(target, file);
}

async function readBlobs(dir: string, entries: readonly { object?: string | undefined; size: number }[]) {
  const input = entries.map(({ object }) => `${object}\n`).join("");
  const output = await git(dir, ["cat-file", "--batch"], exportTimeoutMs, input);
  let at = 0;
  return entries.map(({ size }) => {
    const start = output.indexOf(10, at) + 1;
    at = start + size + 1;
    return output.subarray(start, start + size);
  });
}

function isInCheckout(dir: string): boolean {
  for (let at = resolve(dir); ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return true;
    if (at === dirname(at) || at === sep) return false;
  }
}

/**
 * Runs git on a folder: without its locks, its pager, its prompts, and whatever the checkout would have it run.
 *
 * @returns what it wrote
 * @throws GitError when it fails, takes too long or is not installed
 */
export async function git(dir: string, args: readonly string[], timeoutMs: number, input = ""): Promise<Buffer> {
  const { PATH = "", HOME = "" } = process.env;
  try {
    const child = Bun.spawn(
      ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", dir, ...args],
      {
        // GIT_DIR and its like, as hooks have them, would lead to another checkout.
        env: { PATH, HOME, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
        stdin: new Blob([input]),
        stdout: "pipe",
        stderr: "pipe",
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      },
    );
    const [out, err, code] = await Promise.all([
      new Response(child.stdout).arrayBuffer(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    if (child.signalCode !== null) throw new GitError(`git did not answer within ${timeoutMs} ms`);
    if (code !== 0)
      throw new GitError(
        err
          .trim()
          .split("\n")[0]
          ?.replace(/^fatal: /, "") || `git failed with ${code}`,
      );
    return Buffer.from(out);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new GitError("git is not installed");
    throw error;
  }
}
