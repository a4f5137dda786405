import { describe, expect, test } from "bun:test";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { readPolicy } from "../src/policy/content.ts";
import { policyId } from "../src/policy/kinds.ts";
import { loadPolicies } from "../src/policy/load.ts";
import { formatProblem } from "../src/policy/problem.ts";
import { testFolder, testOptions } from "../src/policy/testing.ts";
import { readPolicyTree } from "../src/policy/tree.ts";

const dir = import.meta.dir;
const { files } = await readPolicyTree(dir);
const shelf = files
  .filter(({ kind }) => kind === "library")
  .map((file) => [policyId(file.path).slice("library/".length), readPolicy(file).content!] as const);
const readme = await Bun.file(join(dir, "library/README.md")).text();

/** Loads files beside the library. */
async function load(more: Readonly<Record<string, string>>) {
  await using folder = await testFolder(more);
  await cp(join(dir, "library"), join(folder.dir, "library"), { recursive: true });
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(result.problems.map((problem) => formatProblem(problem)).join("\n"));
  return result.snapshot.policies;
}

test("the library is large enough to copy from", () => {
  expect(shelf.length).toBeGreaterThanOrEqual(25);
});

describe.each(shelf)("library/%s", (name, { description, params = {}, mode, owner, uses }) => {
  test("says what it is for, and is nobody's before it is put to work", () => {
    expect(description).toMatch(/^[A-Z].+\.$/);
    expect(owner).toBeUndefined();
    expect(mode ?? "enforce").not.toBe("warn");
  });

  test("says what each param is for; numbers are bounded, and only numbers can be tuned", () => {
    for (const [param, spec] of Object.entries(params)) {
      const numeric = spec.type === "int" || spec.type === "double";
      expect([param, (spec.description ?? "").length > 5]).toEqual([param, true]);
      expect([param, spec.min !== undefined && spec.max !== undefined]).toEqual([param, numeric]);
      if (!numeric) expect([param, spec.tunable]).toEqual([param, undefined]);
    }
  });

  test("has its tests beside it", async () => {
    const text = await Bun.file(join(dir, `library/${name}.test.yaml`)).text();
    expect((parse(text) as { policies: unknown }).policies).toEqual([`library/${name}`]);
  });

  test("is put to work in one line, and as the index says", async () => {
    const [, block] = new RegExp(`^## ${name}\\n[\\s\\S]*?^\`\`\`yaml\\n([\\s\\S]*?)^\`\`\``, "m").exec(readme) ?? [];
    const policies = await load({
      "org/one.policy.yaml": `uses: library/${name}`,
      "apps/shop/two.policy.yaml": block!,
    });
    expect(policies.map(({ id, uses: from }) => [id, from])).toEqual([
      ["apps/shop/two", `library/${name}`],
      ["org/one", `library/${name}`],
    ]);
    // What clients choose freely may be required or judged; it must not keep a policy from being asked.
    if (uses === undefined) expect(policies[0]!.reads.includes("user.id")).toBe(name === "user-required");
  });
});

test("all of them together contradict each other in nothing", async () => {
  const all = shelf.map(([name]) => [`org/${name}.policy.yaml`, `uses: library/${name}`] as const);
  expect(await load(Object.fromEntries(all))).toHaveLength(shelf.length);
});

test("no gate reads what clients choose: headers and users", () => {
  const gates = shelf.flatMap(([, { match = [] }]) => match);
  expect(gates.filter((gate) => /\b(user\.id|request\.headers)\b/.test(gate))).toEqual([]);
});
