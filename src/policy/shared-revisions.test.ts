import { expect } from "bun:test";
import { join } from "node:path";
import { temporaryStore, testEngines as test } from "../store/testing.ts";
import { createRevisionStore } from "./revisions.ts";
import { shareRevisions } from "./shared-revisions.ts";
import { readPolicyTree } from "./tree.ts";

const cap = "description: A cap.\nrules: [{ when: request.bytes > 10, then: deny }]\n";
const code = "export default {};\n";
const pinned = { actor: "ann", reason: "a test", at: 5 };
const what = { policies: 1, live: true, actor: "files" };

/** Two replicas over one database, each with a data folder and a policies folder of its own. */
async function start(files: Readonly<Record<string, string>>) {
  const store = await temporaryStore();
  const replica = (name: string) => {
    const policiesDir = join(store.folder, name, "policies");
    const dataDir = join(store.folder, name, "data");
    const own = createRevisionStore({ dataDir, policiesDir, clock: store.clock });
    const write = (path: string, text: string) => Bun.write(join(policiesDir, path), text);
    return { ...shareRevisions(own, store.sharedPin, policiesDir), policiesDir, write };
  };
  const [a, b] = [replica("a"), replica("b")];
  for (const [path, text] of Object.entries(files)) await a.write(path, text);
  await b.write("org/other.policy.yaml", cap);
  const tree = await readPolicyTree(a.policiesDir);
  await a.retain(tree, what);
  return { a, b, tree, [Symbol.asyncDispose]: store[Symbol.asyncDispose] };
}

test("a revision that one replica pins another one has, with its files, until it is taken off", async () => {
  await using fleet = await start({ "org/cap.policy.yaml": cap, "org/a/b.policy.yaml": cap });
  const { a, b, tree } = fleet;
  expect(await b.pin()).toBeNull();
  expect((await b.tree(tree.digest)).problems[0]?.message).toContain("is not kept");
  await a.setPin({ revision: tree.digest, ...pinned });
  expect(await b.pin()).toEqual({ revision: tree.digest, ...pinned });
  const there = await b.tree(tree.digest);
  expect(there.digest).toBe(tree.digest);
  expect(there.files.map(({ path, text }) => [path, text])).toEqual(tree.files.map(({ path, text }) => [path, text]));
  // From here on it is the replica's own.
  await b.retain(there, what);
  await b.setPin(null);
  expect([await a.pin(), await b.pin()]).toEqual([null, null]);
  expect((await b.tree(tree.digest)).digest).toBe(tree.digest);
});

test("code is not taken from the database, unless the policies folder has the same", async () => {
  await using fleet = await start({ "org/code.policy.ts": code });
  const { a, b, tree } = fleet;
  await a.setPin({ revision: tree.digest, ...pinned });
  expect((await b.tree(tree.digest)).problems[0]?.message).toContain("is not kept");
  await b.write("org/code.policy.ts", "export default { other: true };\n");
  expect((await b.tree(tree.digest)).problems[0]?.message).toContain("is not kept");
  await b.write("org/code.policy.ts", code);
  expect((await b.tree(tree.digest)).digest).toBe(tree.digest);
});
