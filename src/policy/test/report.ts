import { type CoverageThresholds, isBelow, type PolicyCoverage } from "./coverage.ts";
import type { Position } from "./locate.ts";
import type { PolicyMutation } from "./mutate.ts";
import type { SuiteResult } from "./suite.ts";

/** How output is written. */
export const reportFormats = ["text", "json", "junit", "github"] as const;
/** One of the {@link reportFormats}. */
export type ReportFormat = (typeof reportFormats)[number];

/** Something in a policy that no test noticed, with where it stands. */
export interface Unseen extends Position {
  readonly policy: string;
  readonly message: string;
}

/** Coverage of a run. */
export interface CoverageReport {
  readonly policies: readonly PolicyCoverage[];
  readonly thresholds: CoverageThresholds;
  /** The policies that are seen less than they must be. */
  readonly below: readonly string[];
  /** What no test has seen, each as a line. */
  readonly missing: readonly string[];
  readonly unseen: readonly Unseen[];
}

/** Mutation of a run. */
export interface MutationReport {
  readonly policies: readonly PolicyMutation[];
  readonly threshold: number;
  readonly below: readonly string[];
  /** Changes that no test noticed, each as a line. */
  readonly survivors: readonly string[];
  readonly unseen: readonly Unseen[];
}

/** All that a run of policy tests found out. */
export interface TestReport {
  readonly suite: SuiteResult;
  /** Absent when it was not asked for or tests failed, which is told first. */
  readonly coverage?: CoverageReport;
  readonly mutation?: MutationReport;
}

/** Coverage with what is missing from it. */
export function toCoverageReport(policies: readonly PolicyCoverage[], thresholds: CoverageThresholds): CoverageReport {
  const unseen = policies.flatMap((policy) => [...unseenRules(policy), ...unseenBranches(policy)]);
  const below = policies.filter((policy) => isBelow(policy, thresholds)).map(({ policy }) => policy);
  return { policies, thresholds, below, unseen, missing: unseen.map(line) };
}

/** Mutation with the changes that went unnoticed. */
export function toMutationReport(policies: readonly PolicyMutation[], threshold: number): MutationReport {
  const unseen = policies.flatMap(({ policy, survivors }) =>
    survivors.map(({ file, line, column, change }) => ({
      ...{ file, line, column },
      policy,
      message: `no test notices ${change}`,
    })),
  );
  const below = policies.filter(({ score }) => score < threshold).map(({ policy }) => policy);
  return { policies, threshold, below, unseen, survivors: unseen.map(line) };
}

function unseenRules({ policy, tested, rules }: PolicyCoverage): Unseen[] {
  return rules.flatMap(({ rule, hit, quiet, file, line, column }) => {
    const never = [...(hit ? [] : ["hit"]), ...(quiet ? [] : ["not hit"])].join(" or ");
    if (never === "") return [];
    const message = tested ? `no test sees the rule '${rule}' ${never}` : `no test names the policy '${policy}'`;
    return [{ policy, file, line, column, message }];
  });
}

function unseenBranches({ policy, tested, branches }: PolicyCoverage): Unseen[] {
  return branches.flatMap(({ text, file, line, column, ...seen }) => {
    const never = [...(seen.true ? [] : ["true"]), ...(seen.false ? [] : ["false"])].join(" or ");
    if (never === "" || !tested) return [];
    return [{ policy, file, line, column, message: `no test sees '${text.replace(/\s+/g, " ")}' ${never}` }];
  });
}

function line({ file, line, column, message }: Unseen): string {
  return `${file}:${line}:${column}  ${message}`;
}
