import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { formatFile } from "../policy/format/format.ts";
import { testFolder } from "../policy/testing.ts";
import { type StepResult, worstCode } from "./ci-summary.ts";
import { sluice } from "./testing.ts";

const policy = "rules:\n  - id: large\n    when: request.bytes > 100\n    then: deny\n";
const tests = `policies: [org/a]
cases:
  - name: large
    input: { request: { bytes: 101 } }
    expect: { decision: deny }
  - name: small
    input: { request: { bytes: 100 } }
    expect: { decision: allow }
`;
const good = { "org/a.policy.yaml": policy, "org/a.test.yaml": tests };

interface Setting {
  /** The files as they are committed, which is the base; none when there is no base. */
  readonly base?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function ci(files: Readonly<Record<string, string>>, { base, args = [], env = {} }: Setting = {}) {
  await using folder = await testFolder(base ?? files);
  const root = join(folder.dir, "..");
  if (base !== undefined) {
    const author = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    for (const command of [
      ["init", "-q"],
      ["add", "."],
      [...author, "commit", "-q", "-m", "base"],
    ]) {
      expect(Bun.spawnSync(["git", "-C", root, ...command]).exitCode).toBe(0);
    }
    for (const [path, text] of Object.entries(files)) await folder.write(path, text);
  }
  const summary = join(root, "summary.md");
  const compared = base === undefined ? [] : ["--base=HEAD"];
  const run = await sluice(["ci", `--policies-dir=${folder.dir}`, ...compared, ...args], {
    HOME: root,
    GITHUB_STEP_SUMMARY: summary,
    ...env,
  });
  return { ...run, summary: (await Bun.file(summary).exists()) ? await Bun.file(summary).text() : "" };
}

describe("sluice ci", () => {
  test("runs every step, ends with 0, and writes one summary to both places", async () => {
    const changed = {
      "org/a.policy.yaml": policy.replace("100", "90"),
      "org/a.test.yaml": tests.replace("101", "91").replace("100", "90"),
    };
    const { code, out, err, summary } = await ci(changed, { base: good, args: ["--mutate"] });
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(summary);
    const lines = out.split("\n");
    expect(lines.slice(0, 6)).toEqual([
      "## Policies: all in order",
      "",
      "| step | result | |",
      "| --- | --- | --- |",
      "| check | ok | 1 policy, 0 problems |",
      "| fmt | ok | 2 files are formatted |",
    ]);
    expect(lines[6]).toBe("| test | ok | 2 passed, 0 failed, 0 below coverage, 0 below mutation score |");
    expect(lines[7]).toMatch(
      /^\| bench \| ok \| [\d.]+ µs for one of 2 requests, [\d.]+ µs before: [\d.]+ times, at most 3 \|$/,
    );
    expect(lines[8]).toStartWith("| diff | ok | 1 changed: ");
    expect(out).toContain("<details open><summary>diff</summary>");
    expect(out).toContain("org/a");
  });

  test("goes without a comparison when there is nothing to compare with", async () => {
    const { code, out } = await ci(good);
    expect(code).toBe(0);
    expect(out).toContain("| diff | not run | nothing to compare with; give --base |");
  });

  test("ends with 3 when the policies are refused, and then tests nothing", async () => {
    const { code, out } = await ci({ ...good, "org/a.policy.yaml": policy.replace("bytes", "byts") });
    expect(code).toBe(3);
    expect(out).toStartWith("## Policies: check failed\n");
    expect(out).toContain("| test | not run | the policies are refused |");
    expect(out).toContain("policies/org/a.policy.yaml:3:11  C002  unknown name 'request.byts'");
  });

  test("ends with 3 when a file is not formatted", async () => {
    const { code, out } = await ci({
      ...good,
      "org/a.policy.yaml": "rules: [{then: deny, id: large, when: request.bytes > 100}]\n",
    });
    expect(code).toBe(3);
    expect(out).toContain("| fmt | **failed** (3) | run sluice fmt: 1 of 2 files |");
    expect(out).toContain("| test | ok | 2 passed");
  });

  test("ends with 4 when a test fails, and with 5 when too little is tested", async () => {
    const failed = await ci({ ...good, "org/a.test.yaml": tests.replace("101", "99") });
    expect(failed.code).toBe(4);
    expect(failed.out).toContain('policies/org/a.test.yaml:5:25  decision: expected "deny", got "allow"');
    const untested = await ci({ ...good, "org/b.policy.yaml": policy });
    expect(untested.code).toBe(5);
    expect(untested.out).toContain("no test names the policy 'org/b'");
  });

  test("ends with 6 when the policies take longer than the budget allows", async () => {
    const names = Array.from({ length: 200 }, (_, i) => `tool-${i}`).join(", ");
    const other =
      "  - name: other tools\n    input: { request: { tool_names: [x] } }\n    expect: { decision: allow }\n";
    const many = tests.replaceAll("{ bytes", `{ tool_names: [${names}], bytes`) + other;
    const slow = {
      "org/a.policy.yaml": policy.replace("when: ", 'when: request.tool_names.all(t, !t.startsWith("x")) && '),
      "org/a.test.yaml": formatFile("a.test.yaml", many)!,
    };
    const { code, out } = await ci(slow, { base: good, args: ["--budget=2"] });
    expect(code).toBe(6);
    expect(out).toMatch(/\| bench \| \*\*failed\*\* \(6\) \| [\d.]+ µs for one of 3 requests/);
  });

  test("annotates on GitHub, and compares with the branch that the pull request is for", async () => {
    const env = { GITHUB_ACTIONS: "true" };
    const { out } = await ci({ ...good, "org/a.test.yaml": tests.replace("101", "99") }, { env });
    expect(out).toStartWith("::error file=policies/org/a.test.yaml,line=5,col=25,title=test failed::large: decision");
    const { code, err } = await ci(good, { env: { ...env, GITHUB_BASE_REF: "main" } });
    expect([code, err]).toEqual([2, expect.stringContaining("'origin/main' is neither a folder nor")]);
  });

  test("tells warnings, which fail nothing", async () => {
    const unused = formatFile("a.policy.yaml", `params: { cap: { type: int, default: 5 } }\n${policy}`)!;
    const { code, out } = await ci({ ...good, "org/a.policy.yaml": unused }, { env: { GITHUB_ACTIONS: "true" } });
    expect(code).toBe(0);
    expect(out).toStartWith(
      "::warning file=policies/org/a.policy.yaml,line=1,col=11,endColumn=14,title=C073::the param",
    );
    expect(out).toContain("| check | ok | 1 policy, 0 problems, 1 warning |");
    expect(out).toContain("policies/org/a.policy.yaml:1:11  C073  warning: the param 'cap' is not used");
  });
});

test("of several failed steps the most fundamental one is told", () => {
  const step = (code: number | null): StepResult => ({ step: "check", code, summary: "" });
  expect(worstCode([step(0), step(6), step(4), step(null)])).toBe(4);
  expect(worstCode([step(5), step(3)])).toBe(3);
  expect(worstCode([step(0), step(null)])).toBe(0);
});
