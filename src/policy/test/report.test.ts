import { describe, expect, test } from "bun:test";
import { testFolder, testOptions } from "../testing.ts";
import { usualThresholds } from "./coverage.ts";
import { githubReport } from "./report-github.ts";
import { jsonReport } from "./report-json.ts";
import { junitReport } from "./report-junit.ts";
import { runTests, type TestOptions } from "./tests.ts";

const policy = "rules: [{ id: large, when: request.bytes > 100, then: deny }]\n";
const passing =
  "  - { name: \"large <&> 'refused'\", input: { request: { bytes: 101 } }, expect: { decision: deny } }\n";
const failing = "  - { name: 'small: passes, 100%', expect: { decision: deny } }\n";

async function report(cases: string, options: Partial<TestOptions> = {}) {
  await using folder = await testFolder({
    "org/a.policy.yaml": policy,
    "org/a.test.yaml": `policies: [org/a]\ncases:\n${cases}`,
  });
  return (await runTests({ ...testOptions(folder.dir), ...options })).report;
}

describe("a report", () => {
  test("for pull requests has an annotation where the test stands, escaped as GitHub reads it", async () => {
    expect(githubReport(await report(passing + failing))).toEqual([
      '::error file=policies/org/a.test.yaml,line=4,col=56,title=test failed::small: passes, 100%25: decision: expected "deny", got "allow"',
      "1 passed, 1 failed",
    ]);
  });

  test("for pull requests marks what is not tested", async () => {
    expect(githubReport(await report(passing, { coverage: usualThresholds, mutate: 80 }))).toEqual([
      "::error file=policies/org/a.policy.yaml,line=1,col=9,title=not tested::no test sees the rule 'large' not hit",
      "::error file=policies/org/a.policy.yaml,line=1,col=28,title=not tested::no test sees 'request.bytes > 100' false",
      "::error file=policies/org/a.policy.yaml,line=1,col=42,title=not tested::no test notices '>' → '>='",
      "::error file=policies/org/a.policy.yaml,line=1,col=44,title=not tested::no test notices '100' → '99'",
      "1 passed, 0 failed, 1 below coverage, 1 below mutation score",
    ]);
  });

  test("for CI servers is JUnit's XML", async () => {
    const xml = junitReport(await report(passing + failing));
    expect(xml.replace(/time="[\d.]+"/g, 'time="0"')).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="policies/org/a.test.yaml" tests="2" failures="1">
<testcase name="large &lt;&amp;&gt; &apos;refused&apos;" classname="policies/org/a.test.yaml" file="policies/org/a.test.yaml" line="3" time="0"/>
<testcase name="small: passes, 100%" classname="policies/org/a.test.yaml" file="policies/org/a.test.yaml" line="4" time="0"><failure message="policies/org/a.test.yaml:4:56  decision: expected &quot;deny&quot;, got &quot;allow&quot;">policies/org/a.test.yaml:4:56  decision: expected &quot;deny&quot;, got &quot;allow&quot;</failure></testcase>
</testsuite>
</testsuites>`);
  });

  test("for CI servers has suites for coverage and mutation", async () => {
    const xml = junitReport(await report(passing, { coverage: usualThresholds, mutate: 10 }));
    expect(xml).toContain('<testsuite name="coverage" tests="1" failures="1">');
    expect(xml).toContain("no test sees the rule &apos;large&apos; not hit");
    expect(xml).toContain('<testsuite name="mutation" tests="1" failures="0">');
  });

  test("for programs is JSON with everything in it", async () => {
    const json = JSON.parse(jsonReport(await report(passing, { coverage: usualThresholds, mutate: 80 })));
    expect(json).toMatchObject({
      passed: 1,
      failed: 0,
      problems: [],
      files: [
        { file: "policies/org/a.test.yaml", policies: ["org/a"], cases: [{ line: 3, passed: true, failures: [] }] },
      ],
      coverage: { below: ["org/a"], policies: [{ policy: "org/a", percent: { rules: 50, branches: 50 } }] },
      mutation: { threshold: 80, policies: [{ mutants: 4, killed: 2, survivors: [{ line: 1, column: 42 }, {}] }] },
    });
    const failed = JSON.parse(jsonReport(await report(failing)));
    expect(failed.files[0].cases[0].failures).toEqual([
      { path: "decision", expected: "deny", got: "allow", line: 3, column: 56, errors: [] },
    ]);
  });

  test("of wrong files tells what is wrong with them, in every form", async () => {
    const wrong = await report("  - { name: one }\n");
    expect(junitReport(wrong)).toContain('<testsuite name="check" tests="1" failures="1">');
    expect(githubReport(wrong)[0]).toStartWith("::error file=policies/org/a.test.yaml,line=3,col=5");
    expect(JSON.parse(jsonReport(wrong)).problems).toHaveLength(1);
  });
});
