import { expect, test } from "bun:test";
import { join } from "node:path";
import { testFolder } from "./policy/testing.ts";

const policy = "rules: [{ id: large, when: request.bytes > 100, then: deny }]\n";
const head = "policies: [org/a]\ncases:\n";
const large = "  - { name: large, input: { request: { bytes: 101 } }, expect: { decision: deny } }\n";
const small = "  - { name: small, input: { request: { bytes: 100 } }, expect: { decision: allow } }\n";

/** What `bun test` says of a folder whose one test file calls `policyTests`. */
async function bunTest(cases: string) {
  await using folder = await testFolder({
    "org/a.policy.yaml": policy,
    "org/a.test.yaml": head + cases,
    "policies.test.ts": `import { policyTests } from ${JSON.stringify(join(import.meta.dir, "policy-tests.ts"))};
policyTests(import.meta.dir, { plugins: ${JSON.stringify(join(import.meta.dir, "../plugins"))} });
`,
  });
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "test", folder.dir], { cwd: folder.dir });
  return { exitCode, report: stderr.toString() };
}

test("policyTests makes every case a test, and coverage and mutation one each", async () => {
  const { exitCode, report } = await bunTest(large + small);
  expect(report).toContain(" 5 pass\n");
  expect(exitCode).toBe(0);
});

test("policyTests fails where a case fails, with its place, and where too little is tested", async () => {
  const wrong = await bunTest(large.replace("101", "99") + small);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.report).toContain('org/a.test.yaml:3:75  decision: expected "deny", got "allow"');
  const thin = await bunTest(large);
  expect(thin.exitCode).toBe(1);
  expect(thin.report).toContain("no test sees 'request.bytes > 100' false");
  expect(thin.report).toContain("no test notices '>' → '>='");
});
