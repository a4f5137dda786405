import { expect, test } from "bun:test";
import { join } from "node:path";
import { testFolder, testOptions } from "../testing.ts";
import { textReport } from "./report-text.ts";
import { runTests } from "./tests.ts";

test("the test file that policies/README.md shows is one, and passes", async () => {
  const policies = join(import.meta.dir, "../../../policies");
  const readme = await Bun.file(join(policies, "README.md")).text();
  const [, example = ""] = /## Tests: `\*\.test\.yaml`[\s\S]*?```yaml\n([\s\S]*?)```/.exec(readme) ?? [];
  const policy = "org/prod-token-cap.policy.yaml";
  await using folder = await testFolder({
    [policy]: await Bun.file(join(policies, policy)).text(),
    "org/prod-token-cap.test.yaml": example,
  });
  const { report, result } = await runTests(testOptions(folder.dir));
  expect([textReport(report), result]).toEqual([expect.any(Array), "passed"]);
  expect(report.suite.passed).toBe(6);
});
