import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Logger } from "../core/ports.ts";
import { badFiles } from "./bad-files.cases.ts";
import { loadPolicies } from "./load.ts";
import { createPolicyService } from "./service.ts";
import { testFolder, testOptions } from "./testing.ts";
import { readPolicyTree, withFile } from "./tree.ts";
import { refusedTypeScript } from "./typescript.cases.ts";

const silent = () => undefined;
const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
const { registry, cel } = testOptions("");
const start = (dir: string) => createPolicyService({ dir, registry, cel, logger, watch: false });
const cases = [...badFiles, ...refusedTypeScript];

describe("nothing is live after a start with", () => {
  test.each(cases.map((bad) => [bad.name, bad] as const))("%s", async (_, { files, problems }) => {
    await using folder = await testFolder({ "org/other.policy.yaml": "rules: [{ then: warn }]", ...files });
    // A folder without policies is the one case that another policy repairs.
    if (problems.some(([, code]) => code === "C039")) return;
    const service = await start(folder.dir);
    expect(service.status()).toMatchObject({ state: "invalid", revision: "none" });
    expect(service.live.current.policies).toEqual([]);
    await service.close();
  });
});

test("what was live stays live, whole, whatever bad files come", async () => {
  await using folder = await testFolder({
    "org/kept.policy.yaml": "rules: [{ then: warn }, { when: request.stream, then: deny }]",
  });
  const service = await start(folder.dir);
  const before = service.live.current;
  for (const { files, problems } of cases) {
    if (problems.some(([, code]) => code === "C039")) continue;
    await using bad = await testFolder(files);
    for (const [path, content] of Object.entries(files)) await folder.write(path, content);
    expect((await service.reload()).state).toBe("degraded");
    expect(service.live.current).toBe(before);
    for (const path of Object.keys(files)) await Bun.file(`${folder.dir}/${path}`).delete();
    expect(await loadPolicies(testOptions(bad.dir))).toMatchObject({ ok: false });
  }
  await service.close();
}, 60_000);

test("a set that is live has every policy and every rule that was written", async () => {
  const forms = {
    yaml: (rules: number) => `rules:\n${"  - { when: request.stream, then: warn }\n".repeat(rules)}`,
    json: (rules: number) => `{ "rules": [${Array(rules).fill('{ "when": "request.stream", "then": "warn" }')}] }`,
    cel: () => "//! deny: streamed\n!request.stream\n",
  };
  const form = fc.constantFrom(...(Object.keys(forms) as (keyof typeof forms)[]));
  const folders = fc.constantFrom("org", "org/deep/er", "teams/red", "teams/blue/sub", "apps/chat");
  const file = fc.record({
    form,
    folder: folders,
    name: fc.constantFrom("a", "b", "c.d"),
    rules: fc.integer({ min: 1, max: 3 }),
  });
  const tree = fc.uniqueArray(file, {
    minLength: 1,
    maxLength: 8,
    selector: ({ folder, name }) => `${folder}/${name}`,
  });
  await fc.assert(
    fc.asyncProperty(tree, async (written) => {
      const files = written.map(({ form, folder, name, rules }) => {
        const ending = form === "cel" ? "cel" : `policy.${form}`;
        return [`${folder}/${name}.${ending}`, forms[form](rules)] as const;
      });
      await using folder = await testFolder(Object.fromEntries(files));
      const result = await loadPolicies(testOptions(folder.dir));
      if (!result.ok) throw new Error(JSON.stringify(result.problems));
      const found = result.snapshot.policies.map(({ id, rules }) => [id, rules?.length]);
      const expected = written.map(({ form, folder, name, rules }) => [
        `${folder}/${name}`,
        form === "cel" ? 1 : rules,
      ]);
      expect(found).toEqual(expected.sort(([a], [b]) => (a! < b! ? -1 : 1)));
    }),
    { numRuns: 50 },
  );
}, 30_000);

test("TypeScript that did not come from the folder is never looked at", async () => {
  await using folder = await testFolder({ "org/a.policy.yaml": "rules: [{ then: warn }]" });
  const text = "globalThis.ranFromOutside = true; export default {}";
  const tree = withFile(await readPolicyTree(folder.dir, "policies"), "org/b.policy.ts", text, "policies");
  expect(tree.files.map(({ path }) => path)).toEqual(["org/a.policy.yaml"]);
  expect(tree.problems).toMatchObject([
    { code: "C028", message: "TypeScript policies are code; they are taken from the policies folder alone" },
  ]);
});
