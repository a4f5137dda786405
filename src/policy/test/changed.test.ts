import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { GitError } from "../git.ts";
import { type TestFolder, testFolder, testOptions } from "../testing.ts";
import { runTests } from "./tests.ts";

const policy = "rules: [{ id: large, when: request.bytes > 100, then: deny }]\n";
const tests = (id: string) => `policies: [${id}]\ncases: [{ name: one, expect: { decision: allow } }]\n`;

/** Two tested policies and one without a test, committed. */
async function repository(): Promise<TestFolder> {
  const folder = await testFolder({
    "org/a.policy.yaml": policy,
    "org/a.test.yaml": tests("org/a"),
    "teams/red/b.policy.yaml": policy,
    "teams/red/b.test.yaml": tests("teams/red/b"),
    "org/untested.policy.yaml": policy,
    "README.md": "# Policies\n",
  });
  git(folder, "init", "-q");
  git(folder, "add", ".");
  git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "one");
  return folder;
}

function git({ dir }: TestFolder, ...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["git", "-C", join(dir, ".."), ...args]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
}

async function run(folder: TestFolder, revision: string, shared: readonly string[] = []) {
  const { report, result } = await runTests({ ...testOptions(folder.dir), changedFrom: revision, shared });
  return { result, files: report.suite.files.map(({ label }) => label) };
}

const a = "policies/org/a.test.yaml";
const b = "policies/teams/red/b.test.yaml";

describe("--changed-from runs the tests", () => {
  test.each<[what: string, path: string, text: string, files: string[]]>([
    ["of a changed policy", "org/a.policy.yaml", `# changed\n${policy}`, [a]],
    ["of a changed test", "teams/red/b.test.yaml", `# changed\n${tests("teams/red/b")}`, [b]],
    ["of all policies when the manifest changed", "sluice.yaml", "default: allow\n", [a, b]],
  ])("%s", async (_, path, text, files) => {
    await using folder = await repository();
    await folder.write(path, text);
    expect(await run(folder, "HEAD")).toEqual({ result: "passed", files });
  });

  test("of what was committed since, too", async () => {
    await using folder = await repository();
    await folder.write("org/a.policy.yaml", `# changed\n${policy}`);
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-a", "-m", "two");
    expect((await run(folder, "HEAD~1")).files).toEqual([a]);
    expect(await run(folder, "HEAD")).toEqual({ result: "nothing_changed", files: [] });
  });

  test("of all policies when what they share changed", async () => {
    await using folder = await repository();
    const shared = join(folder.dir, "..", "plugins");
    await Bun.write(join(shared, "x", "plugin.ts"), "export default 1;\n");
    expect((await run(folder, "HEAD", [shared])).files).toEqual([a, b]);
    expect((await run(folder, "HEAD")).result).toBe("nothing_changed");
  });

  test("and none when only texts for people changed", async () => {
    await using folder = await repository();
    await folder.write("README.md", "# Changed\n");
    expect((await run(folder, "HEAD")).result).toBe("nothing_changed");
  });

  test("and is no success when what changed has no test", async () => {
    await using folder = await repository();
    await folder.write("org/untested.policy.yaml", `# changed\n${policy}`);
    expect(await run(folder, "HEAD")).toEqual({ result: "no_tests", files: [] });
  });

  test("and says when git knows no such revision", async () => {
    await using folder = await repository();
    await expect(run(folder, "no-such-branch")).rejects.toThrow(new GitError("git knows no commit 'no-such-branch'"));
    await expect(run(folder, "--output=x")).rejects.toThrow(GitError);
  });
});
