import { resolve } from "node:path";
import type { LoadOptions } from "../load.ts";
import { type Changes, changesSince, hasChanges, isAffected } from "./changed.ts";
import { type CoverageThresholds, measureCoverage } from "./coverage.ts";
import { isMeant } from "./find.ts";
import { measureMutation } from "./mutate.ts";
import { type TestReport, toCoverageReport, toMutationReport } from "./report.ts";
import { openSuite, runSuite, type Suite } from "./suite.ts";

/** Which tests are run, and what is measured of them. */
export interface TestOptions extends LoadOptions {
  /** Test files, policy files, folders or policy ids; all tests when empty. */
  readonly paths?: readonly string[];
  /** What relative paths are relative to; the working directory when absent. */
  readonly cwd?: string;
  /** Only cases whose name, with that of their file before it, holds this text. Case does not matter. */
  readonly filter?: string;
  /** Only tests of what changed since this revision. */
  readonly changedFrom?: string;
  /** Folders that every policy may depend on, for `changedFrom`. */
  readonly shared?: readonly string[];
  /** Measures coverage, and what of it is demanded. */
  readonly coverage?: CoverageThresholds;
  /** Mutates policies, and what percent of the mutants must be noticed. */
  readonly mutate?: number;
}

/** How a run ended, from good to bad: also what it means for whoever started it. */
export type TestResult = "passed" | "nothing_changed" | "refused" | "failed" | "no_tests" | "coverage";

/** What a run found out, and how it ended. */
export interface TestRun {
  readonly report: TestReport;
  readonly result: TestResult;
}

/**
 * Runs the tests of a policies folder.
 *
 * Coverage and mutation are of the policies that the chosen tests name; of all policies when no choice was made, so that
 * one without a test shows. They are measured only when every test passes.
 *
 * @throws GitError when `changedFrom` is no revision
 */
export async function runTests(options: TestOptions): Promise<TestRun> {
  const { paths = [], filter = "", changedFrom, cwd = process.cwd() } = options;
  const dir = resolve(options.dir);
  const changes = changedFrom === undefined ? null : await changesSince(changedFrom, dir, options.shared ?? []);
  const wanted = filter.toLowerCase();
  const suite = await openSuite({
    ...options,
    dir,
    files: (file, subjects) =>
      (paths.length === 0 || paths.some((path) => isMeant(file, path, dir, cwd))) &&
      (changes === null || isAffected(file, changes, subjects)),
    cases: (file, one) => `${file.label} ${one.name}`.toLowerCase().includes(wanted),
  });
  if ("problems" in suite) {
    const { problems } = suite;
    return { report: { suite: { files: [], problems, passed: 0, failed: 0 } }, result: "refused" };
  }
  try {
    const chosen = paths.length > 0 || filter !== "" || changes !== null;
    return await judge(suite, options, chosen, changes);
  } finally {
    await suite.close();
  }
}

async function judge(suite: Suite, options: TestOptions, chosen: boolean, changes: Changes | null): Promise<TestRun> {
  const report: TestReport = { suite: await runSuite(suite) };
  if (report.suite.failed > 0) return { report, result: "failed" };
  if (report.suite.passed === 0) {
    const idle = changes !== null && !hasChanges(changes);
    return { report, result: idle ? "nothing_changed" : "no_tests" };
  }
  const named = new Set(suite.files.flatMap(({ policies }) => policies));
  const ids = chosen ? [...named] : suite.subjects.ids();
  const { coverage: thresholds, mutate } = options;
  const coverage = thresholds && toCoverageReport(await measureCoverage(suite, ids), thresholds);
  const tested = ids.filter((id) => named.has(id));
  const mutation = mutate === undefined ? undefined : toMutationReport(await measureMutation(suite, tested), mutate);
  const below = (coverage?.below.length ?? 0) + (mutation?.below.length ?? 0);
  return {
    report: { ...report, ...(coverage && { coverage }), ...(mutation && { mutation }) },
    result: below > 0 ? "coverage" : "passed",
  };
}
