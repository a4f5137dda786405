import type { Decision } from "../../core/decision.ts";
import { entry } from "../../core/entry.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { createLocator, type Locator, type Position } from "./locate.ts";
import { createRecorder, type RecordedExpression, type Recorder } from "./recorder.ts";
import { runCase } from "./run.ts";
import type { Suite } from "./suite.ts";

/** A rule, and whether tests have seen it fire and stay quiet. The whole of a policy type counts as one rule. */
export interface RuleCoverage extends Position {
  readonly rule: string;
  readonly hit: boolean;
  readonly quiet: boolean;
}

/** A boolean part of an expression, and whether tests have seen it true and false. */
export interface BranchCoverage extends Position {
  readonly text: string;
  readonly true: boolean;
  readonly false: boolean;
}

/** How much of a policy its tests have seen. */
export interface PolicyCoverage {
  readonly policy: string;
  /** Whether any test names it. */
  readonly tested: boolean;
  readonly rules: readonly RuleCoverage[];
  readonly branches: readonly BranchCoverage[];
  /** Percent of what can be seen: each rule hit and not hit, each branch true and false. */
  readonly percent: { readonly rules: number; readonly branches: number };
}

/** Percent that every policy must reach. */
export interface CoverageThresholds {
  readonly rules: number;
  readonly branches: number;
}

/** What design demands of every policy. */
export const usualThresholds: CoverageThresholds = { rules: 100, branches: 90 };

/** Measures how much of these policies the cases of a suite see. */
export async function measureCoverage(suite: Suite, ids: readonly string[]): Promise<readonly PolicyCoverage[]> {
  const measured: PolicyCoverage[] = [];
  for (const id of ids) measured.push(await measure(suite, id));
  return measured;
}

/** Whether a policy is seen less than it must be. */
export function isBelow({ percent, tested }: PolicyCoverage, thresholds: CoverageThresholds): boolean {
  return !tested || percent.rules < thresholds.rules || percent.branches < thresholds.branches;
}

async function measure(suite: Suite, id: string): Promise<PolicyCoverage> {
  const recorder = createRecorder(suite.cel);
  const policies = new PolicyVariants(suite, id, recorder);
  const locator = createLocator(suite.subjects.file(id)!);
  const rules = new Map<string, { hit: boolean; quiet: boolean }>();
  let tested = false;
  for (const { cases } of suite.files.filter((file) => file.policies.includes(id))) {
    for (const one of cases) {
      tested = true;
      const policy = await policies.with(one.with);
      const { decision } = runCase([policy], one);
      for (const rule of rulesOf(policy, locator)) note(rules, rule, decision, !locator.hasRules);
    }
  }
  if (!tested) await policies.nobodyTests((rule) => rules.set(rule, { hit: false, quiet: false }), locator);
  policies.dispose();

  const seen = [...rules].map(([rule, known], i) => ({ rule, ...known, ...locator.path(["rules", i]) }));
  const branches = recorder.expressions().flatMap((expression) => branchesOf(expression, locator));
  const merged = mergeBranches(branches);
  const percent = {
    rules: percentOf(seen.flatMap(({ hit, quiet }) => [hit, quiet])),
    branches: percentOf(merged.flatMap((branch) => [branch.true, branch.false])),
  };
  return { policy: id, tested, rules: seen, branches: merged, percent };
}

/** One policy, compiled so that it is watched: one of the library once for each set of params. */
class PolicyVariants {
  readonly #suite: Suite;
  readonly #id: string;
  readonly #recorder: Recorder;
  readonly #known = new Map<string, CompiledPolicy>();

  constructor(suite: Suite, id: string, recorder: Recorder) {
    this.#suite = suite;
    this.#id = id;
    this.#recorder = recorder;
  }

  async with(params: Readonly<Record<string, unknown>>): Promise<CompiledPolicy> {
    const key = JSON.stringify(params);
    let policy = this.#known.get(key);
    if (policy === undefined) {
      const compiled = await this.#suite.subjects.compile(this.#id, { with: params, cel: this.#recorder.cel });
      if (!compiled.ok) throw new Error(`the policy '${this.#id}' was accepted and is now refused`);
      policy = compiled.policy;
      this.#known.set(key, policy);
    }
    return policy;
  }

  /** The rules of a policy that no test names; one of the library may not even be compiled without params. */
  async nobodyTests(add: (rule: string) => void, locator: Locator): Promise<void> {
    const compiled = await this.#suite.subjects.compile(this.#id, { cel: this.#recorder.cel });
    if (!compiled.ok) return;
    for (const rule of rulesOf(compiled.policy, locator)) add(rule);
    compiled.policy.dispose?.();
  }

  dispose(): void {
    for (const policy of this.#known.values()) policy.dispose?.();
  }
}

/**
 * What of a policy can be hit. Of a policy type it is the whole: which of its reasons a config leaves possible only the
 * type knows, and each of them has its case in the type's own tests.
 */
function rulesOf({ rules = [], uses }: CompiledPolicy, { hasRules }: Locator): readonly string[] {
  return hasRules ? rules.map(({ id }) => id) : [uses];
}

function note(
  rules: Map<string, { hit: boolean; quiet: boolean }>,
  rule: string,
  decision: Decision,
  whole: boolean,
): void {
  const known = entry(rules, rule, () => ({ hit: false, quiet: false }));
  const hits = decision.findings.filter(({ kind }) => kind === "hit");
  const fired = hits.some((hit) => hit.rule === rule) || (whole && hits.length > 0);
  if (fired) known.hit = true;
  else if (decision.tally.decided > 0 && decision.tally.errors === 0) known.quiet = true;
}

function branchesOf({ cel, branches }: RecordedExpression, locator: Locator): BranchCoverage[] {
  return branches.flatMap(({ text, start, ...seen }) => {
    const place = locator.expression(cel.source, start);
    return place === null ? [] : [{ text, true: seen.true, false: seen.false, ...place }];
  });
}

/** The same place in the same expression, compiled with other params, is one branch. */
function mergeBranches(branches: readonly BranchCoverage[]): readonly BranchCoverage[] {
  const merged = new Map<string, BranchCoverage>();
  for (const branch of branches) {
    const key = `${branch.line}:${branch.column} ${branch.text}`;
    const other = merged.get(key);
    const seen = { true: branch.true || other?.true === true, false: branch.false || other?.false === true };
    merged.set(key, { ...branch, ...seen });
  }
  return [...merged.values()];
}

/** What has nothing to be seen has all of it seen. */
function percentOf(seen: readonly boolean[]): number {
  if (seen.length === 0) return 100;
  return Math.floor((1000 * seen.filter(Boolean).length) / seen.length) / 10;
}
