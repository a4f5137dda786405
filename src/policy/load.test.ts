import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { refusals } from "../cel/refusals.cases.ts";
import { badFiles } from "./bad-files.cases.ts";
import { type CheckCode, checks, isWarning } from "./checks.ts";
import { loadPolicies } from "./load.ts";
import { formatGithub, formatProblem } from "./problem.ts";
import { testFolder, testOptions } from "./testing.ts";
import { refusedTypeScript } from "./typescript.cases.ts";

async function load(files: Readonly<Record<string, string | Uint8Array>>) {
  await using folder = await testFolder(files);
  return await loadPolicies(testOptions(folder.dir));
}

describe("a folder is refused with every problem and its place:", () => {
  test.each(badFiles.map((bad) => [bad.name, bad] as const))("%s", async (_, { files, problems }) => {
    const result = await load(files);
    const found = result.ok ? [] : result.problems;
    expect(found.map((p) => [`${p.file}:${p.line}:${p.column}`, p.code, p.message])).toEqual(
      problems.map((problem) => [...problem]),
    );
  });
});

test("there are at least 60 folders of bad files", () => {
  expect(badFiles.length).toBeGreaterThanOrEqual(60);
});

/**
 * C028 is about what is not read from the folder, C059 about types, which `sluice check` looks at, C060 to C064 about
 * what the control plane lays over the files, C066 about phases that are enforced on some surfaces alone, C068 about
 * the deployment, C074 and C090 and on about tests of policies. Warnings have cases of their own.
 */
const elsewhere = /^C028|^C059|^C06[0-468]|^C074|^C09/;

test("every numbered check is provoked by a case", () => {
  const provoked = new Set<string>([
    ...refusals.map(({ code }) => code),
    ...[...badFiles, ...refusedTypeScript].flatMap(({ problems }) => problems.map(([, code]) => code)),
  ]);
  expect(
    Object.keys(checks).filter((code) => !provoked.has(code) && !elsewhere.test(code) && !isWarning(code as CheckCode)),
  ).toEqual([]);
});

test("a problem is shown with its line and carets under what is meant", async () => {
  const result = await load({
    "org/prod-token-cap.policy.yaml": [
      "description: Production apps may not ask for more than 16k tokens at once.",
      "params:",
      "  hard_cap: { type: int, default: 16000 }",
      "variables:",
      "  asked: request.estimated_tokens + request.max_tokens",
      "rules:",
      "  - id: over-hard-cap",
      "    when: vars.asks > params.hard_cap",
      "    then: deny",
      "",
    ].join("\n"),
  });
  const [problem] = result.ok ? [] : result.problems;
  expect(formatProblem(problem!)).toBe(
    [
      "policies/org/prod-token-cap.policy.yaml:8:11  C002  unknown name 'vars.asks'; did you mean 'vars.asked'?",
      "    8 |     when: vars.asks > params.hard_cap",
      "      |           ^^^^^^^^^",
    ].join("\n"),
  );
  expect(formatGithub(problem!)).toBe(
    "::error file=policies/org/prod-token-cap.policy.yaml,line=8,col=11,endColumn=20,title=C002::unknown name 'vars.asks'; did you mean 'vars.asked'?",
  );
});

describe("a folder that is in order", () => {
  test("is one snapshot; tests, READMEs and hidden files are passed over, the library is not put to work", async () => {
    const result = await load({
      "sluice.yaml": "default: deny",
      "README.md": "# Policies",
      "org/a.policy.yaml": "rules: [{ when: request.stream, then: deny }]",
      "org/deep/er/b.policy.yml": "uses: request_size\nwith: { max_request_bytes: 5 }",
      "org/a.test.yaml": "cases: []",
      "org/.hidden.policy.yaml": "nonsense",
      "library/c.policy.yaml": "rules: [{ when: request.stream, then: deny }]",
      "teams/red/d.policy.json": '{ "rules": [{ "then": "warn" }] }',
      "apps/chat/e.policy.yaml": "scope: { env: [prod] }\nrules: [{ then: warn }]",
    });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.snapshot.policies.map(({ id, scope, uses }) => ({ id, scope, uses }))).toEqual([
      { id: "apps/chat/e", scope: { env: ["prod"], apps: ["chat"] }, uses: "rules" },
      { id: "org/a", scope: {}, uses: "rules" },
      { id: "org/deep/er/b", scope: {}, uses: "request_size" },
      { id: "teams/red/d", scope: { teams: ["red"] }, uses: "rules" },
    ]);
    expect(result.snapshot.defaultEffect).toBe("deny");
    expect(result.sources.get("org/a")).toMatchObject({ path: "org/a.policy.yaml", owner: "" });
  });

  test("has a revision that follows its content and nothing else", async () => {
    const files = { "org/a.policy.yaml": "rules: [{ when: request.stream, then: deny }]" };
    const revision = async (given: Record<string, string>) => {
      const result = await load(given);
      return result.ok ? result.snapshot.revision : "refused";
    };
    const first = await revision(files);
    expect(first).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await revision({ ...files, "README.md": "something" })).toBe(first);
    expect(await revision({ "org/a.policy.yaml": `${files["org/a.policy.yaml"]} ` })).not.toBe(first);
    expect(await revision({ "org/b.policy.yaml": files["org/a.policy.yaml"] })).not.toBe(first);
  });

  test("may be empty when that is allowed", async () => {
    await using folder = await testFolder();
    const result = await loadPolicies({ ...testOptions(folder.dir), allowEmpty: true });
    expect(result.ok && result.snapshot.policies.length).toBe(0);
  });
});

test("a folder that is not there is a problem, and no path of the machine is told", async () => {
  await using folder = await testFolder();
  const result = await loadPolicies(testOptions(`${folder.dir}/missing`));
  expect(result.ok ? [] : result.problems).toMatchObject([
    { file: "missing", code: "C038", message: "the policies folder cannot be read: it is not there" },
  ]);
});

test("the policies that ship are in order", async () => {
  const result = await loadPolicies(testOptions(fileURLToPath(new URL("../../policies", import.meta.url))));
  expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([]);
});
