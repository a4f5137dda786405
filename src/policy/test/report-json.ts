import type { TestReport } from "./report.ts";

/** A report for programs. */
export function jsonReport({ suite, coverage, mutation }: TestReport): string {
  const { files, problems, passed, failed } = suite;
  const report = {
    passed,
    failed,
    problems,
    files: files.map(({ label, policies, cases }) => ({
      file: label,
      policies,
      cases: cases.map(({ name, line, failures, milliseconds }) => ({
        name,
        line,
        passed: failures.length === 0,
        milliseconds,
        failures: failures.map(({ path, ...failure }) => ({ path: path.join("."), ...failure })),
      })),
    })),
    ...(coverage && {
      coverage: { thresholds: coverage.thresholds, below: coverage.below, policies: coverage.policies },
    }),
    ...(mutation && {
      mutation: {
        threshold: mutation.threshold,
        below: mutation.below,
        policies: mutation.policies.map(({ survivors, ...policy }) => ({
          ...policy,
          survivors: survivors.map(({ text: _, ...survivor }) => survivor),
        })),
      },
    }),
  };
  return JSON.stringify(report, null, 2);
}
