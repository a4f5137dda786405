import { expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { testFolder } from "../policy/testing.ts";
import { sluice } from "./testing.ts";

const untidy = "rules:\n    - {then: deny,   id: a} # why\n";
const tidy = "rules:\n  - { id: a, then: deny } # why\n";

test("sluice fmt writes the canonical form, in place, and says which files changed", async () => {
  await using folder = await testFolder({
    "org/a.policy.yaml": untidy,
    "org/b.policy.yaml": tidy,
    "library/c.cel": "a \n",
  });
  const first = await sluice(["fmt", `--policies-dir=${folder.dir}`]);
  expect(first).toEqual({
    code: 0,
    out: "formatted policies/library/c.cel\nformatted policies/org/a.policy.yaml\n3 files, 2 changed\n",
    err: "",
  });
  expect(await readFile(join(folder.dir, "org/a.policy.yaml"), "utf8")).toBe(tidy);
  expect((await readdir(join(folder.dir, "org"))).sort()).toEqual(["a.policy.yaml", "b.policy.yaml"]);
  expect((await sluice(["fmt", `--policies-dir=${folder.dir}`])).out).toBe("3 files, 0 changed\n");
});

test("sluice fmt --check changes nothing, lists what is not formatted, and exits 3", async () => {
  await using folder = await testFolder({ "org/a.policy.yaml": untidy, "org/b.policy.yaml": tidy });
  const check = (...args: readonly string[]) => sluice(["fmt", "--check", `--policies-dir=${folder.dir}`, ...args]);
  expect(await check()).toEqual({
    code: 3,
    out: "policies/org/a.policy.yaml is not formatted\n2 files, 1 not formatted\n",
    err: "",
  });
  expect(await readFile(join(folder.dir, "org/a.policy.yaml"), "utf8")).toBe(untidy);
  expect((await check(join(folder.dir, "org/b.policy.yaml"))).code).toBe(0);
  expect((await check(join(folder.dir, "teams"))).code).toBe(2);
});

test("sluice fmt leaves what is no YAML as it is, says where it is wrong, and exits 3", async () => {
  await using folder = await testFolder({ "org/a.policy.yaml": "rules: [\n" });
  const { code, out } = await sluice(["fmt", `--policies-dir=${folder.dir}`]);
  expect(code).toBe(3);
  expect(out).toStartWith("policies/org/a.policy.yaml:2:1  C020  not valid YAML");
});
