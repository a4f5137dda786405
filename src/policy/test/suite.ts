import type { Cel } from "../../cel/cel.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { nearest } from "../../sdk/suggest.ts";
import { compileTree, type LoadOptions } from "../load.ts";
import { type Problem, sortProblems } from "../problem.ts";
import { readPolicyTree } from "../tree.ts";
import type { TestCase, TestFile } from "./cases.ts";
import { type Mismatch, mismatches } from "./expect.ts";
import { findTests } from "./find.ts";
import { runCase } from "./run.ts";
import { Subjects } from "./subjects.ts";

/** What is to be run. */
export interface SuiteOptions extends LoadOptions {
  /** Which test files; all when absent. */
  readonly files?: (file: TestFile, subjects: Subjects) => boolean;
  /** Which cases; all when absent. */
  readonly cases?: (file: TestFile, one: TestCase) => boolean;
}

/** What became of one case. */
export interface CaseResult {
  readonly name: string;
  /** Empty when it passed. */
  readonly failures: readonly CaseFailure[];
  /** Line of the case in its file. */
  readonly line: number;
  readonly milliseconds: number;
}

/** One thing that came otherwise than expected, with where it is expected. */
export interface CaseFailure extends Mismatch {
  readonly line: number;
  readonly column: number;
  /** What policies threw meanwhile, and which were not asked, in a sentence each. */
  readonly errors: readonly string[];
}

/** What became of one test file. */
export interface FileResult {
  readonly label: string;
  readonly policies: readonly string[];
  readonly cases: readonly CaseResult[];
}

/** A suite, run. */
export interface SuiteResult {
  readonly files: readonly FileResult[];
  /** What is wrong with policies or tests; nothing was run when there is something. */
  readonly problems: readonly Problem[];
  readonly passed: number;
  readonly failed: number;
}

/** A suite that can be run: test files and the policies they name. */
export interface Suite {
  readonly files: readonly TestFile[];
  readonly subjects: Subjects;
  readonly cel: Cel;
  /** The policies as the server would load them, by id. */
  readonly loaded: ReadonlyMap<string, CompiledPolicy>;
  close(): Promise<void>;
}

/** A folder whose policies or tests are wrong. */
export interface RefusedSuite {
  readonly problems: readonly Problem[];
}

/** Reads a policies folder with its tests. Resolves with what is wrong when policies or tests are. */
export async function openSuite(options: SuiteOptions): Promise<Suite | RefusedSuite> {
  const tree = await readPolicyTree(options.dir);
  const result = await compileTree(tree, { ...options, allowEmpty: true });
  if (!result.ok) return { problems: result.problems };
  const { snapshot } = result;
  const subjects = new Subjects(result);
  const wanted = findTests(options.dir).filter((file) => options.files?.(file, subjects) ?? true);
  for (const file of wanted) {
    checkIds(file, subjects);
    await checkParams(file, subjects);
  }
  const problems = wanted.flatMap(({ document }) => document.problems);
  if (problems.length > 0) {
    await snapshot.retire();
    return { problems: sortProblems(problems) };
  }
  const files = wanted.map((file) => ({
    ...file,
    cases: file.cases.filter((one) => options.cases?.(file, one) ?? true),
  }));
  return {
    files: files.filter(({ cases }) => cases.length > 0),
    subjects,
    cel: options.cel,
    loaded: new Map(snapshot.policies.map((policy) => [policy.id, policy])),
    close: () => snapshot.retire(),
  };
}

function checkIds({ policies, document }: TestFile, subjects: Subjects): void {
  const known = subjects.ids();
  for (const [i, id] of policies.entries()) {
    if (known.includes(id)) continue;
    const near = nearest(id, known);
    const hint = near === undefined ? "" : `; did you mean '${near}'?`;
    document.report("C090", ["policies", i], `there is no policy '${id}'${hint}`);
  }
}

/** Params that a policy of the library does not take are said where the test gives them. */
async function checkParams({ policies, cases, document }: TestFile, subjects: Subjects): Promise<void> {
  const seen = new Set<string>();
  for (const id of policies.filter((one) => subjects.isLibrary(one))) {
    for (const one of cases) {
      const key = `${id} ${JSON.stringify(one.with)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const compiled = await subjects.compile(id, { with: one.with });
      if (compiled.ok) compiled.policy.dispose?.();
      else document.report("C027", one.withAt, `${id}: ${compiled.problems[0]?.message}`, "key");
    }
  }
}

/** Runs every case of a suite. */
export async function runSuite(suite: Suite): Promise<SuiteResult> {
  const files: FileResult[] = [];
  for (const file of suite.files) {
    const compiled = new PolicySets(suite, file.policies);
    const cases: CaseResult[] = [];
    for (const one of file.cases) cases.push(judge(file, one, await compiled.for(one.with)));
    compiled.dispose();
    files.push({ label: file.label, policies: file.policies, cases });
  }
  const cases = files.flatMap((file) => file.cases);
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  return { files, problems: [], passed: cases.length - failed, failed };
}

/** The policies of one test file, by the params that its cases give to those of the library. */
export class PolicySets {
  readonly #suite: Suite;
  readonly #ids: readonly string[];
  readonly #known = new Map<string, Promise<readonly CompiledPolicy[]>>();
  readonly #own: CompiledPolicy[] = [];

  constructor(suite: Suite, ids: readonly string[]) {
    this.#suite = suite;
    this.#ids = ids;
  }

  for(params: TestCase["with"]): Promise<readonly CompiledPolicy[]> {
    const key = JSON.stringify(params);
    let set = this.#known.get(key);
    if (set === undefined) {
      set = Promise.all(this.#ids.map((id) => this.#policy(id, params)));
      this.#known.set(key, set);
    }
    return set;
  }

  async #policy(id: string, params: TestCase["with"]): Promise<CompiledPolicy> {
    const loaded = this.#suite.loaded.get(id);
    if (loaded !== undefined) return loaded;
    const compiled = await this.#suite.subjects.compile(id, { with: params });
    if (!compiled.ok) throw new Error(`the policy '${id}' was accepted and is now refused`);
    this.#own.push(compiled.policy);
    return compiled.policy;
  }

  dispose(): void {
    for (const policy of this.#own) policy.dispose?.();
  }
}

function judge(file: TestFile, one: TestCase, policies: readonly CompiledPolicy[]): CaseResult {
  const from = performance.now();
  const outcome = runCase(policies, one);
  const milliseconds = performance.now() - from;
  const errors = [
    ...outcome.errors.map(({ policy, error }) => `${policy}: ${chain(error)}`),
    ...outcome.outOfScope.map(({ id, scope }) => `${id} was not asked: its scope is ${JSON.stringify(scope)}`),
  ];
  const failures = mismatches(one.expect, outcome).map((mismatch) => ({
    ...mismatch,
    ...placeOf(file, ["cases", one.index, "expect", ...mismatch.path]),
    errors,
  }));
  for (const name of outcome.unknownLimits) {
    const path = ["cases", one.index, "mocks", "limits", name];
    failures.push({
      path: ["limits"],
      expected: name,
      got: outcome.limits.map((limit) => limit.name),
      ...placeOf(file, path),
      errors,
    });
  }
  const { line } = placeOf(file, ["cases", one.index, "name"]);
  return { name: one.name, failures, line, milliseconds };
}

function placeOf({ document }: TestFile, path: readonly (string | number)[]): { line: number; column: number } {
  const { line, column } = document.problemAt("C020", path, "");
  return { line, column };
}

/** An error with its causes. */
function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${chain(error.cause)}`;
}
