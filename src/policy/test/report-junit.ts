import { formatProblem } from "../problem.ts";
import type { TestReport } from "./report.ts";
import { failureText } from "./report-text.ts";
import type { CaseResult } from "./suite.ts";

/** A report as JUnit's XML: a suite for each test file, then one each for coverage and mutation. */
export function junitReport({ suite, coverage, mutation }: TestReport): string {
  const suites = suite.files.map(({ label, cases }) => {
    const failed = cases.filter(({ failures }) => failures.length > 0).length;
    return testSuite(
      label,
      cases.length,
      failed,
      cases.map((one) => testCase(label, one)),
    );
  });
  const problems = suite.problems.map((problem) =>
    failedCase(`${problem.file}:${problem.line}:${problem.column}`, problem.code, formatProblem(problem)),
  );
  if (problems.length > 0) suites.push(testSuite("check", problems.length, problems.length, problems));
  for (const [name, part] of Object.entries({ coverage, mutation })) {
    if (part === undefined) continue;
    const cases = part.policies.map(({ policy }) => {
      if (!part.below.includes(policy)) return `<testcase name="${xml(policy)}" classname="${name}"/>`;
      const missing = part.unseen.filter((one) => one.policy === policy);
      return failedCase(
        policy,
        name,
        missing.map((one) => `${one.file}:${one.line}:${one.column}  ${one.message}`).join("\n"),
      );
    });
    suites.push(testSuite(name, cases.length, part.below.length, cases));
  }
  return ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", ...suites, "</testsuites>"].join("\n");
}

function testSuite(name: string, tests: number, failures: number, cases: readonly string[]): string {
  const head = `<testsuite name="${xml(name)}" tests="${tests}" failures="${failures}">`;
  return [head, ...cases, "</testsuite>"].join("\n");
}

function testCase(label: string, { name, line, failures, milliseconds }: CaseResult): string {
  const time = (milliseconds / 1000).toFixed(6);
  const head = `name="${xml(name)}" classname="${xml(label)}" file="${xml(label)}" line="${line}" time="${time}"`;
  if (failures.length === 0) return `<testcase ${head}/>`;
  const texts = failures.map((failure) => `${label}:${failure.line}:${failure.column}  ${failureText(failure)}`);
  return `<testcase ${head}>${failure(texts.join("\n"))}</testcase>`;
}

function failedCase(name: string, group: string, text: string): string {
  return `<testcase name="${xml(name)}" classname="${xml(group)}">${failure(text)}</testcase>`;
}

function failure(text: string): string {
  return `<failure message="${xml(text.split("\n")[0] ?? "")}">${xml(text)}</failure>`;
}

function xml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&apos;",
  };
  // What XML cannot hold at all is left out, and line ends in attributes would become spaces.
  const allowed = text.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "");
  return allowed.replace(/[&<>"']/g, (character) => entities[character]!);
}
