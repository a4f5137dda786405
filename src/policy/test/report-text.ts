import { formatProblem } from "../problem.ts";
import type { PolicyCoverage } from "./coverage.ts";
import type { PolicyMutation } from "./mutate.ts";
import type { TestReport } from "./report.ts";
import type { CaseFailure, CaseResult, FileResult } from "./suite.ts";

/** A report for people. */
export function textReport(report: TestReport): string[] {
  const { suite, coverage, mutation } = report;
  if (suite.problems.length > 0) {
    return [...suite.problems.map(formatProblem), count(suite.problems.length, "problem")];
  }
  const lines = suite.files.flatMap(fileLines);
  if (coverage !== undefined) lines.push("", ...coverageTable(coverage.policies), ...coverage.missing);
  if (mutation !== undefined) lines.push("", ...mutationTable(mutation.policies), ...mutation.survivors);
  lines.push("", summaryLine(report));
  return lines;
}

/** What came of it all, in one line. */
export function summaryLine({ suite, coverage, mutation }: TestReport): string {
  const parts = [`${suite.passed} passed`, `${suite.failed} failed`];
  if (coverage !== undefined) parts.push(`${coverage.below.length} below coverage`);
  if (mutation !== undefined) parts.push(`${mutation.below.length} below mutation score`);
  return parts.join(", ");
}

function fileLines({ label, cases }: FileResult): string[] {
  const failed = cases.filter(({ failures }) => failures.length > 0);
  const head = `${failed.length === 0 ? "ok  " : "FAIL"} ${label}  ${count(cases.length, "case")}`;
  return [head, ...failed.flatMap((one) => caseLines(label, one))];
}

function caseLines(label: string, { name, failures }: CaseResult): string[] {
  const errors = [...new Set(failures.flatMap((failure) => failure.errors))];
  return [
    `  ${name}`,
    ...failures.map((failure) => `    ${label}:${failure.line}:${failure.column}  ${failureText(failure)}`),
    ...errors.map((error) => `    ${error}`),
  ];
}

/** What was expected and what came. */
export function failureText({ path, expected, got }: CaseFailure): string {
  return `${path.join(".")}: expected ${shown(expected)}, got ${shown(got)}`;
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** A table of what tests have seen of each policy. */
export function coverageTable(policies: readonly PolicyCoverage[]): string[] {
  const rows = policies.map(({ policy, tested, rules, branches, percent }) => [
    policy,
    tested ? `${percent.rules} %` : "no test",
    String(rules.length),
    branches.length === 0 ? "-" : `${percent.branches} %`,
    String(branches.length),
  ]);
  return table([["policy", "rules", "of", "branches", "of"], ...rows]);
}

function mutationTable(policies: readonly PolicyMutation[]): string[] {
  const rows = policies.map(({ policy, score, killed, mutants }) => [
    policy,
    mutants === 0 ? "-" : `${score} %`,
    `${killed} of ${mutants}`,
  ]);
  return table([["policy", "score", "noticed"], ...rows]);
}

/** Columns as wide as they must be; all but the first to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const cell = (text: string, i: number) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!));
  return rows.map((row) => row.map(cell).join("  ").trimEnd());
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? "" : "s"}`;
}
