import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { dirname, join } from "node:path";
import { testFolder } from "./testing.ts";
import { type PolicyTree, readPolicyTree } from "./tree.ts";

const rules = "rules: [{ then: deny }]\n";
const problemsOf = ({ problems }: PolicyTree) => problems.map(({ file, code, message }) => [file, code, message]);

/** As somebody to whom the rights of files mean something, which they do not to root. */
async function asNobody<T>(act: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await act();
  process.seteuid?.(65_534);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

test("what is in a folder that may not be searched is a problem, and not passed over", async () => {
  await using folder = await testFolder({ "org/a.policy.yaml": rules, "teams/red/b.policy.yaml": rules });
  await chmod(dirname(folder.dir), 0o755);
  // As a copy that gives every file of a folder the same mode leaves it.
  await chmod(join(folder.dir, "org"), 0o644);
  try {
    const tree = await asNobody(() => readPolicyTree(folder.dir));
    expect(tree.files.map(({ path }) => path)).toEqual(["teams/red/b.policy.yaml"]);
    expect(problemsOf(tree)).toEqual([
      ["policies/org/a.policy.yaml", "C038", "it cannot be looked at: it may not be read"],
    ]);
  } finally {
    await chmod(join(folder.dir, "org"), 0o755);
  }
});

test("what is named like a policy and is no file is a problem", async () => {
  await using folder = await testFolder({ "org/a.policy.yaml": rules });
  const made = Bun.spawnSync(["mkfifo", join(folder.dir, "org/b.policy.yaml"), join(folder.dir, "org/notes.txt")]);
  expect(made.exitCode).toBe(0);
  expect(problemsOf(await readPolicyTree(folder.dir))).toEqual([
    ["policies/org/b.policy.yaml", "C038", "this is neither a file nor a folder"],
  ]);
});
