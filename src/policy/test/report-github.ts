import { formatGithub, githubError } from "../problem.ts";
import type { TestReport } from "./report.ts";
import { failureText, summaryLine } from "./report-text.ts";

/** A report as annotations of a pull request on GitHub, and one closing line. */
export function githubReport(report: TestReport): string[] {
  const { suite, coverage, mutation } = report;
  const failures = suite.files.flatMap(({ label, cases }) =>
    cases.flatMap(({ name, failures }) =>
      failures.map((failure) => {
        const { line, column } = failure;
        return githubError({ file: label, line, column, title: "test failed" }, `${name}: ${failureText(failure)}`);
      }),
    ),
  );
  // What is missing from a policy that has enough is worth nobody's line in a review.
  const unseen = [coverage, mutation].flatMap((part) =>
    (part?.unseen ?? []).filter(({ policy }) => part!.below.includes(policy)),
  );
  const gaps = unseen.map(({ message, policy: _, ...place }) =>
    githubError({ ...place, title: "not tested" }, message),
  );
  return [...suite.problems.map(formatGithub), ...failures, ...gaps, summaryLine(report)];
}
