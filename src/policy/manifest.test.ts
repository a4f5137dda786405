import { expect, test } from "bun:test";
import { loadPolicies } from "./load.ts";
import { isDatabaseId, isLocked, type PolicyManifest } from "./manifest.ts";
import { testFolder, testOptions } from "./testing.ts";

async function manifest(text?: string): Promise<PolicyManifest> {
  const rule = "rules: [{ when: request.stream, then: warn }]";
  await using folder = await testFolder({
    "org/a.policy.yaml": rule,
    "org/deep/b.policy.yaml": rule,
    ...(text !== undefined && { "sluice.yaml": text }),
  });
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  expect(result.snapshot.defaultEffect).toBe(result.manifest.default);
  return result.manifest;
}

const standard = {
  default: "allow",
  locked: [],
  databaseRoots: ["db"],
  layers: ["org", "teams", "apps"],
  masked: [],
  facts: {},
} as const;

test("a folder without a manifest allows, locks nothing, lets the database have db/, and has all layers", async () => {
  expect(await manifest()).toEqual(standard);
  expect(await manifest("")).toEqual(standard);
});

test("a manifest says what it says, and leaves the rest as it is", async () => {
  expect(await manifest("default: deny\nlayers: [apps, org]")).toEqual({
    ...standard,
    default: "deny",
    layers: ["apps", "org"],
  });
});

test("what records hold as hashes is named, and is what can be hidden so: no number, and nothing that finds policies again", async () => {
  expect((await manifest("masked: [request.source_ip, user.groups]")).masked).toEqual([
    "request.source_ip",
    "user.groups",
  ]);
  for (const name of ["request.bytes", "app.name", "request.model", "event.text", "user.name"]) {
    await expect(manifest(`masked: [${name}]`)).rejects.toThrow(/C023.*request\.source_ip.*got/);
  }
});

test("locked policies are named one by one or by globs", async () => {
  const locked = await manifest("locked: [org/a, 'org/deep/*']");
  expect(["org/a", "org/deep/b", "org/ab", "teams/red/a"].map((id) => isLocked(locked, id))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("the database has policies only under its roots", async () => {
  const roots = await manifest("database: { roots: [db/trials, db/limits] }");
  expect(["db/trials/a", "db/a", "db/trialsome", "org/a"].map((id) => isDatabaseId(roots, id))).toEqual([
    true,
    false,
    false,
    false,
  ]);
  expect(isDatabaseId(await manifest("database: { roots: [] }"), "db/a")).toBe(false);
  expect(isDatabaseId(await manifest(), "db/a")).toBe(true);
});
