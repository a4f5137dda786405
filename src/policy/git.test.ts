import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportFolder, GitError, gitLabel } from "./git.ts";

const hasGit = Bun.which("git") !== null;

/** A checkout with a policies folder in it, and an empty folder beside it. */
async function checkout() {
  const root = await mkdtemp(join(tmpdir(), "sluice-git-"));
  const dir = join(root, "repo/policies");
  const into = join(root, "into");
  await mkdir(join(dir, "org"), { recursive: true });
  await mkdir(into);
  const git = (...args: string[]) => {
    const who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    const { exitCode, stdout, stderr } = Bun.spawnSync(["git", ...who, ...args], { cwd: join(root, "repo") });
    if (exitCode !== 0) throw new Error(stderr.toString());
    return stdout.toString().trim();
  };
  git("init", "-q");
  await writeFile(join(dir, "org/a.policy.yaml"), "first\n");
  await writeFile(join(root, "repo/other.txt"), "not a policy\n");
  git("add", ".");
  git("commit", "-q", "-m", "first");
  return { root, dir, into, git, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

describe.skipIf(!hasGit)("a folder in a checkout (needs git)", () => {
  test("is labelled with its commit, and whether it is as the commit has it", async () => {
    await using repo = await checkout();
    const commit = repo.git("rev-parse", "HEAD");
    const label = await gitLabel(repo.dir);
    expect(label).toEqual({ commit, author: "Ann <ann@example.org>", committedAt: expect.any(Number), clean: true });
    expect(Math.abs(label!.committedAt - Date.now())).toBeLessThan(60_000);
    // Elsewhere in the checkout does not count; a file that git does not know yet does.
    await writeFile(join(repo.root, "repo/other.txt"), "changed\n");
    expect((await gitLabel(repo.dir))!.clean).toBe(true);
    await writeFile(join(repo.dir, "org/new.policy.yaml"), "new\n");
    expect((await gitLabel(repo.dir))!.clean).toBe(false);
  });

  test("is had as another commit has it, and nothing of the checkout is touched", async () => {
    await using repo = await checkout();
    await writeFile(join(repo.dir, "org/a.policy.yaml"), "second\n");
    await writeFile(join(repo.dir, "org/ü b.policy.yaml"), "odd name\n");
    await symlink("a.policy.yaml", join(repo.dir, "org/link.policy.yaml"));
    repo.git("add", ".");
    repo.git("commit", "-q", "-m", "second");
    const commit = repo.git("rev-parse", "HEAD");
    await writeFile(join(repo.dir, "org/a.policy.yaml"), "not committed\n");

    expect(await exportFolder(repo.dir, "HEAD", repo.into)).toBe(commit);
    expect((await readdir(join(repo.into, "org"))).sort()).toEqual([
      "a.policy.yaml",
      "link.policy.yaml",
      "ü b.policy.yaml",
    ]);
    expect(await readFile(join(repo.into, "org/link.policy.yaml"), "utf8")).toBe("second\n");
    expect(await readFile(join(repo.into, "org/ü b.policy.yaml"), "utf8")).toBe("odd name\n");
    expect(await readFile(join(repo.dir, "org/a.policy.yaml"), "utf8")).toBe("not committed\n");
  });

  test.each(["nope", "--output=x", "HEAD:policies", ""])("of '%s' there is no commit", async (revision) => {
    await using repo = await checkout();
    await expect(exportFolder(repo.dir, revision, repo.into)).rejects.toThrow(GitError);
    expect(await readdir(repo.into)).toEqual([]);
  });

  test("that links to what is outside of it is not had", async () => {
    await using repo = await checkout();
    await symlink("../../other.txt", join(repo.dir, "org/out.policy.yaml"));
    repo.git("add", ".");
    repo.git("commit", "-q", "-m", "a link");
    await expect(exportFolder(repo.dir, "HEAD", repo.into)).rejects.toThrow("leads out of the folder");
  });

  test("that links to what is outside of it by way of another link is not had", async () => {
    await using repo = await checkout();
    // As it is written it stays inside; where `here` leads to the folder itself, it does not.
    await symlink(".", join(repo.dir, "here"));
    await symlink("here/../secret.txt", join(repo.dir, "out.policy.yaml"));
    await writeFile(join(repo.dir, "secret.txt"), "inside\n");
    await writeFile(join(repo.root, "secret.txt"), "outside\n");
    repo.git("add", ".");
    repo.git("commit", "-q", "-m", "links");
    await expect(exportFolder(repo.dir, "HEAD", repo.into)).rejects.toThrow("leads out of the folder");
  });

  test("is labelled the same when a hook's variables point elsewhere", async () => {
    await using repo = await checkout();
    const before = await gitLabel(repo.dir);
    process.env.GIT_DIR = join(repo.root, "nowhere");
    try {
      expect(await gitLabel(repo.dir)).toEqual(before);
    } finally {
      delete process.env.GIT_DIR;
    }
  });
});

test("outside of a checkout there is no label, and no commit to be had", async () => {
  const root = await mkdtemp(join(tmpdir(), "sluice-git-"));
  try {
    expect(await gitLabel(root)).toBeNull();
    await expect(exportFolder(root, "HEAD", root)).rejects.toThrow(GitError);
  } finally {
    await rm(root, { recursive: true });
  }
});

test("where git is not installed there is no label either", async () => {
  const { PATH } = process.env;
  process.env.PATH = "/nonexistent";
  try {
    expect(await gitLabel(import.meta.dir)).toBeNull();
    await expect(exportFolder(import.meta.dir, "HEAD", "")).rejects.toThrow("git is not installed");
  } finally {
    process.env.PATH = PATH;
  }
});
