import { describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRevisionStore, type RevisionStore } from "./revisions.ts";
import { type TestFolder, testFolder } from "./testing.ts";
import { readPolicyTree } from "./tree.ts";

const files = { "org/a.policy.yaml": "rules: [{ then: warn }]\n", "sluice.yaml": "default: allow\n" };

interface Kept extends AsyncDisposable {
  readonly folder: TestFolder;
  readonly dataDir: string;
  readonly store: RevisionStore;
  /** Keeps what the folder holds, with another text in the policy. */
  keep(code: string, live?: boolean): Promise<string>;
  path(id: string, ...rest: string[]): string;
}

async function kept(keep = 50, now = 1_700_000_000_000): Promise<Kept> {
  const folder = await testFolder(files);
  const dataDir = join(folder.dir, "../data");
  const store = createRevisionStore({ dataDir, policiesDir: folder.dir, clock: { now: () => now }, keep });
  return {
    folder,
    dataDir,
    store,
    async keep(code, live = true) {
      await folder.write("org/a.policy.yaml", `rules: [{ then: deny, code: ${code} }]\n`);
      const tree = await readPolicyTree(folder.dir);
      await store.retain(tree, { policies: 1, live, actor: "files" });
      return tree.digest;
    },
    path: (id, ...rest) => join(dataDir, "revisions", id.slice(7), ...rest),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("a set is kept as its files and a description, for the owner alone", async () => {
  await using run = await kept();
  const id = await run.keep("one");
  expect(await readFile(run.path(id, "files/org/a.policy.yaml"), "utf8")).toContain("code: one");
  expect(JSON.parse(await readFile(run.path(id, "meta.json"), "utf8"))).toEqual({
    digest: id,
    retained_at: "2023-11-14T22:13:20.000Z",
    live_at: "2023-11-14T22:13:20.000Z",
    policies: 1,
    git: null,
    actor: "files",
  });
  expect((await readdir(run.path(id, "files"))).sort()).toEqual(["org", "sluice.yaml"]);
  for (const folder of ["", "files", "files/org"]) expect(await modeOf(run.path(id, folder))).toBe("700");
  for (const file of ["meta.json", "files/org/a.policy.yaml"]) expect(await modeOf(run.path(id, file))).toBe("600");
  expect(await modeOf(join(run.dataDir, "revisions"))).toBe("700");
});

test("what was kept is read back as it was, whatever the folder holds by now", async () => {
  await using run = await kept();
  await run.folder.write("org/b.cel", '//! deny: no 403 "no"\n!request.stream\n');
  await run.folder.write("org/c.policy.ts", "export default null;\n");
  await run.folder.write("org/helper.ts", "export const a = 1;\n");
  const tree = await readPolicyTree(run.folder.dir);
  await run.store.retain(tree, { policies: 3, live: true, actor: "files" });
  await rm(join(run.folder.dir, "org"), { recursive: true });
  expect(await run.store.tree(tree.digest)).toEqual(tree);
});

test("the last to go live comes first; one that never was comes after", async () => {
  await using run = await kept();
  const [a, b] = [await run.keep("a"), await run.keep("b")];
  const waiting = await run.keep("c", false);
  expect((await run.store.list()).map(({ id, liveAt }) => [id, liveAt !== null])).toEqual([
    [b, true],
    [a, true],
    [waiting, false],
  ]);
  expect(await run.keep("a")).toBe(a);
  expect((await run.store.list()).map(({ id }) => id)).toEqual([a, b, waiting]);
});

test("only so many are kept: the oldest go, but not the pinned one", async () => {
  await using run = await kept(3);
  const first = await run.keep("first");
  await run.store.setPin({ revision: first, actor: "ann", reason: "", at: 1 });
  const ids: string[] = [];
  for (const code of ["b", "c", "d", "e"]) ids.push(await run.keep(code));
  expect((await run.store.list()).map(({ id }) => id)).toEqual([ids[3]!, ids[2]!, first]);
});

test("while it cannot be told which set is pinned, none goes", async () => {
  await using run = await kept(3);
  const first = await run.keep("first");
  await run.store.setPin({ revision: first, actor: "ann", reason: "", at: 1 });
  await writeFile(join(run.dataDir, "revisions/pin.json"), "{");
  for (const code of ["b", "c", "d", "e"]) await run.keep(code);
  expect(await run.store.list()).toHaveLength(5);
});

test("a set that waits never pushes out the one that is live", async () => {
  await using run = await kept(2);
  const live = await run.keep("live");
  for (const code of ["b", "c", "d"]) await run.keep(code, false);
  const known = await run.store.list();
  expect([known.length, known[0]!.id]).toEqual([2, live]);
});

test("a pin outlives the process", async () => {
  await using run = await kept();
  const pin = { revision: "sha256:1", actor: "ann", reason: "too strict", at: 1_700_000_000_000 };
  expect(await run.store.pin()).toBeNull();
  await run.store.setPin(pin);
  const options = { dataDir: run.dataDir, policiesDir: run.folder.dir, clock: Date };
  expect(await createRevisionStore(options).pin()).toEqual(pin);
  expect(await modeOf(join(run.dataDir, "revisions/pin.json"))).toBe("600");
  await run.store.setPin(null);
  await run.store.setPin(null);
  expect(await run.store.pin()).toBeNull();
});

test("a pin that cannot be read is told, and is not taken for none", async () => {
  await using run = await kept();
  await run.store.setPin({ revision: "sha256:1", actor: "ann", reason: "", at: 1 });
  await writeFile(join(run.dataDir, "revisions/pin.json"), "{");
  await expect(run.store.pin()).rejects.toThrow("pin.json");
});

describe("files that are not what was kept are told:", () => {
  const edits: readonly [string, (run: Kept, id: string) => Promise<unknown>, string][] = [
    ["one edited", (run, id) => writeFile(run.path(id, "files/org/a.policy.yaml"), "rules: []\n"), "are not those"],
    ["one taken away", (run, id) => rm(run.path(id, "files/org/a.policy.yaml")), "are not those"],
    ["one added", (run, id) => writeFile(run.path(id, "files/org/z.policy.yaml"), "a: 1\n"), "are not those"],
    ["all of them gone", (run, id) => rm(run.path(id), { recursive: true }), "is not kept"],
  ];
  test.each(edits)("%s", async (_, edit, message) => {
    await using run = await kept();
    const id = await run.keep("one");
    await edit(run, id);
    const { problems } = await run.store.tree(id);
    expect(problems[0]).toMatchObject({ code: "C094", message: expect.stringContaining(message) });
  });
});

test("what an interrupted process left is neither shown nor in the way, and goes after a while", async () => {
  await using run = await kept(2);
  const id = await run.keep("one");
  const root = join(run.dataDir, "revisions");
  await mkdir(join(root, ".new-crashed/files"), { recursive: true });
  await mkdir(join(root, "0".repeat(64)));
  await writeFile(join(root, "notes.txt"), "");
  expect((await run.store.list()).map((revision) => revision.id)).toEqual([id]);
  await utimes(join(root, ".new-crashed"), 1, 1);
  for (const code of ["two", "three"]) await run.keep(code);
  expect(await readdir(root)).not.toContain(".new-crashed");
});

test.skipIf(Bun.which("git") === null)("a set is labelled with its commit once there is one (needs git)", async () => {
  await using run = await kept();
  const git = (...args: string[]) => {
    const who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    return Bun.spawnSync(["git", ...who, ...args], { cwd: run.folder.dir })
      .stdout.toString()
      .trim();
  };
  git("init", "-q");
  git("commit", "-q", "--allow-empty", "-m", "nothing yet");
  const id = await run.keep("one");
  const label = async () => (await run.store.list()).find((revision) => revision.id === id)?.git;
  await run.store.relabel(id);
  expect(await label()).toMatchObject({ author: "Ann <ann@example.org>", clean: false });
  git("add", ".");
  git("commit", "-q", "-m", "one");
  await run.store.relabel(id);
  const labelled = await label();
  expect(labelled).toMatchObject({ commit: git("rev-parse", "HEAD"), clean: true });
  // A commit that comes later is another set's.
  const next = await run.keep("two");
  git("commit", "-q", "-a", "-m", "two");
  await run.folder.write("org/a.policy.yaml", "rules: [{ then: warn }]\n");
  await run.store.relabel(next);
  await run.store.relabel(id);
  expect(await label()).toEqual(labelled!);
  expect((await run.store.list())[0]).toMatchObject({ id: next, git: null });
});

test("no two sets have one digest, whatever is in their texts", async () => {
  await using one = await testFolder({ "org/a.policy.yaml": "x\0org/b.policy.yaml\0y" });
  await using two = await testFolder({ "org/a.policy.yaml": "x", "org/b.policy.yaml": "y" });
  const digests = await Promise.all([one, two].map(async ({ dir }) => (await readPolicyTree(dir)).digest));
  expect(digests[0]).not.toBe(digests[1]!);
});

test("two stores that keep the same set at once both succeed", async () => {
  await using run = await kept();
  const tree = await readPolicyTree(run.folder.dir);
  const options = { dataDir: run.dataDir, policiesDir: run.folder.dir, clock: Date };
  const what = { policies: 1, live: true, actor: "files" };
  await Promise.all([1, 2, 3].map(() => createRevisionStore(options).retain(tree, what)));
  expect((await run.store.list()).map(({ id }) => id)).toEqual([tree.digest]);
  expect((await readdir(join(run.dataDir, "revisions"))).length).toBe(1);
});
