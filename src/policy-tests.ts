import { beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { createCel } from "./cel/cel.ts";
import { formatProblem } from "./policy/problem.ts";
import { type CoverageThresholds, usualThresholds } from "./policy/test/coverage.ts";
import { findTests } from "./policy/test/find.ts";
import { usualScore } from "./policy/test/mutate.ts";
import { failureText } from "./policy/test/report-text.ts";
import type { CaseFailure } from "./policy/test/suite.ts";
import { runTests, type TestRun } from "./policy/test/tests.ts";
import { discoverPlugins } from "./registry/registry.ts";

/** What {@link policyTests} demands beside that every case passes. */
export interface PolicyTestOptions {
  /** Folder of the policy types; `plugins` beside the policies folder when absent. */
  readonly plugins?: string;
  /** Percent that the tests of every policy must cover; `false` demands nothing. */
  readonly coverage?: CoverageThresholds | false;
  /** Percent of the small changes of every policy that its tests must notice; `false` demands nothing. */
  readonly mutate?: number | false;
}

/** All of it runs before the first test, and many policies have many mutants. */
const longestMs = 120_000;

/**
 * Makes every case of a policies folder a test of `bun test`, and coverage and mutation of the whole folder one each.
 *
 * @example
 * // policies/policies.test.ts
 * policyTests(import.meta.dir);
 */
export function policyTests(dir: string, options: PolicyTestOptions = {}): void {
  const { plugins = resolve(dir, "../plugins"), coverage = usualThresholds, mutate = usualScore } = options;
  describe("policies", () => {
    let run: TestRun;
    beforeAll(async () => {
      run = await runTests({
        dir,
        registry: await discoverPlugins(resolve(plugins)),
        cel: createCel(),
        ...(coverage !== false && { coverage }),
        ...(mutate !== false && { mutate }),
      });
    }, longestMs);

    test("and their tests are in order", () => {
      expect(run.report.suite.problems.map(formatProblem)).toEqual([]);
    });

    for (const { label, cases } of findTests(dir)) {
      for (const [i, { name }] of cases.entries()) {
        test(`${label}: ${name}`, () => {
          const result = run.report.suite.files.find((one) => one.label === label)?.cases[i];
          if (result === undefined) throw new Error("not run: policies or tests are wrong, see the first test");
          const place = ({ line, column }: CaseFailure) => `${label}:${line}:${column}`;
          expect(result.failures.map((failure) => `${place(failure)}  ${failureText(failure)}`)).toEqual([]);
        });
      }
    }

    if (coverage !== false)
      test("are covered by their tests", () => {
        const { below = ["not measured: a test failed"], missing = [] } = run.report.coverage ?? {};
        expect({ below, missing: below.length > 0 ? missing : [] }).toEqual({ below: [], missing: [] });
      });

    if (mutate !== false)
      test("have tests that notice what changes", () => {
        const { below = ["not measured: a test failed"], survivors = [] } = run.report.mutation ?? {};
        expect({ below, survivors: below.length > 0 ? survivors : [] }).toEqual({ below: [], survivors: [] });
      });
  });
}
