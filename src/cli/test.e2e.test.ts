import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { testFolder } from "../policy/testing.ts";
import { sluice } from "./testing.ts";

const policy = "rules: [{ id: large, when: request.bytes > 100, then: deny }]\n";
const large = "  - { name: large, input: { request: { bytes: 101 } }, expect: { decision: deny } }\n";
const small = "  - { name: small, input: { request: { bytes: 100 } }, expect: { decision: allow } }\n";
const wrong = "  - { name: wrong, expect: { decision: deny } }\n";

async function run(cases: string, ...args: readonly string[]) {
  await using folder = await testFolder({
    "org/a.policy.yaml": policy,
    "org/a.test.yaml": `policies: [org/a]\ncases:\n${cases}`,
  });
  return await sluice(["test", `--policies-dir=${folder.dir}`, ...args]);
}

describe("sluice test ends with", () => {
  test("0 when every test passes, with what was asked to be measured", async () => {
    const { code, out, err } = await run(large + small, "--coverage", "--mutate");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toStartWith("ok   policies/org/a.test.yaml  2 cases\n");
    expect(out).toEndWith("2 passed, 0 failed, 0 below coverage, 0 below mutation score\n");
  });

  test("1 when something fails that must not, such as a policy type that cannot be disposed", async () => {
    await using folder = await testFolder({
      "org/a.policy.yaml": "uses: clinging\n",
      "org/a.test.yaml": "policies: [org/a]\ncases:\n  - { name: one, expect: { decision: allow } }\n",
      "plugins/clinging/plugin.ts": `
import { definePlugin, t } from ${JSON.stringify(join(import.meta.dir, "../sdk/index.ts"))};
export default definePlugin({
  name: "clinging", summary: "Holds on to what it has.", onError: "deny", phases: ["request"],
  config: t.Object({}), reads: [], reasons: {}, examples: [{}],
  create: () => ({ request: () => null, dispose: () => { throw new Error("no"); } }),
});
`,
    });
    const plugins = `--plugins-dir=${join(folder.dir, "plugins")}`;
    const { code, err } = await sluice(["test", `--policies-dir=${folder.dir}`, plugins]);
    expect([code, err]).toEqual([1, expect.stringContaining("error: no")]);
  });

  test("2 when it is used wrongly", async () => {
    for (const args of [["--format=html"], ["--min-rules=many"], ["--changed-from=no-such-revision"], ["--unknown"]]) {
      const { code, err } = await run(large, ...args);
      expect([args, code]).toEqual([args, 2]);
      expect(err).toStartWith("error: ");
    }
  });

  test("3 when a policy or a test file is wrong", async () => {
    const { code, out } = await run("  - { name: one, expects: {} }\n");
    expect(code).toBe(3);
    expect(out).toContain("policies/org/a.test.yaml:3:18  C022  unknown key 'expects'; did you mean 'expect'?");
    const unplugged = await run(large, "--plugins-dir=no-such-folder");
    expect([unplugged.code, unplugged.err]).toEqual([3, expect.stringContaining("there is no such folder")]);
  });

  test("4 when a test fails", async () => {
    const { code, out } = await run(large + wrong);
    expect(code).toBe(4);
    expect(out).toContain('policies/org/a.test.yaml:4:40  decision: expected "deny", got "allow"');
  });

  test("4 when no test matched", async () => {
    const { code, out, err } = await run(large, "--filter=nothing of the kind");
    expect([code, out, err]).toEqual([4, "\n0 passed, 0 failed\n", "no tests matched\n"]);
  });

  test("5 when too little is covered, by thresholds that can be set", async () => {
    expect((await run(large, "--coverage")).code).toBe(5);
    expect((await run(large, "--coverage", "--min-rules=50", "--min-branches=50")).code).toBe(0);
  });

  test("5 when too many changes go unnoticed", async () => {
    expect((await run(large, "--mutate")).code).toBe(5);
    expect((await run(large, "--mutate", "--min-score=50")).code).toBe(0);
  });
});

test.each(["json", "junit", "github"])("--format %s writes it", async (format) => {
  const { code, out } = await run(wrong, `--format=${format}`);
  expect(code).toBe(4);
  if (format === "json") expect(JSON.parse(out)).toMatchObject({ passed: 0, failed: 1 });
  if (format === "junit") expect(out).toStartWith('<?xml version="1.0"');
  if (format === "github") expect(out).toStartWith("::error file=policies/org/a.test.yaml,line=3,");
});
