import type { CompiledPolicy } from "../core/policy.ts";
import { Snapshot } from "../core/snapshot.ts";
import { type CompiledFile, type CompileTools, compileFile, compileManifest } from "./compile.ts";
import { fileProblem, type Problem, sortProblems } from "./problem.ts";
import { ruleId } from "./rules.ts";
import { overlap } from "./scope.ts";
import { labelOf, type PolicyFile, type PolicyTree, readPolicyTree } from "./tree.ts";

/** What a policies folder is loaded with. */
export interface LoadOptions extends CompileTools {
  /** Whether a folder without any policy is accepted. */
  readonly allowEmpty?: boolean;
}

/** Where a policy came from. */
export interface LoadedSource {
  /** Inside the policies folder. */
  readonly path: string;
  readonly text: string;
  /** Who answers for it; empty when the file does not say. */
  readonly owner: string;
}

/** A policies folder, compiled whole or refused whole. */
export type LoadResult =
  | {
      readonly ok: true;
      readonly snapshot: Snapshot;
      /** By policy id. */
      readonly sources: ReadonlyMap<string, LoadedSource>;
      readonly files: readonly PolicyFile[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly files: readonly PolicyFile[] };

/** Reads and compiles a policies folder. Reports every problem of every file; a partial set is never the result. */
export async function loadPolicies(options: LoadOptions): Promise<LoadResult> {
  return compileTree(await readPolicyTree(options.dir), options);
}

/** Milliseconds of compiling after which requests get their turn: a large set takes longer than any of them may wait. */
const turnMs = 5;

/** The forms that policies are written in. */
const policyKinds: readonly PolicyFile["kind"][] = ["policy", "cel", "typescript"];

/** Compiles what was read. Every resource that a refused set had taken is given back. */
export async function compileTree(tree: PolicyTree, options: LoadOptions): Promise<LoadResult> {
  const problems: Problem[] = [...tree.problems];
  const manifest = tree.files.find(({ kind }) => kind === "manifest");
  const defaultEffect = compileManifest(manifest, problems);
  const compiled: CompiledFile[] = [];
  let from = performance.now();
  for (const file of tree.files.filter(({ kind }) => policyKinds.includes(kind))) {
    compiled.push(await compileFile(file, options));
    if (performance.now() - from < turnMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    from = performance.now();
  }

  problems.push(...compiled.flatMap((file) => file.problems));
  problems.push(...duplicateIds(compiled), ...conflicts(compiled));
  if (compiled.length === 0 && problems.length === 0 && options.allowEmpty !== true) {
    const message = "there are no policies here; put one in org/, or start with --allow-empty";
    problems.push(fileProblem("C039", labelOf(options.dir), message));
  }
  const policies = compiled.map(({ policy }) => policy).filter((policy) => policy !== undefined);
  if (problems.length > 0) {
    for (const policy of policies) policy.dispose?.();
    return { ok: false, problems: sortProblems(problems), files: tree.files };
  }
  const sources = compiled.map(({ id, file, owner }) => [id, { path: file.path, text: file.text, owner }] as const);
  const snapshot = new Snapshot(tree.digest, policies, defaultEffect);
  return { ok: true, snapshot, sources: new Map(sources), files: tree.files };
}

function duplicateIds(files: readonly CompiledFile[]): Problem[] {
  const first = new Map<string, CompiledFile>();
  const problems: Problem[] = [];
  for (const file of files) {
    const other = first.get(file.id);
    if (other === undefined) first.set(file.id, file);
    else {
      const message = `the policy id '${file.id}' is already taken by ${other.file.label}`;
      problems.push(fileProblem("C030", file.file.label, message));
    }
  }
  return problems;
}

/** One `set` of a policy file, with where it stands. */
interface SetChange {
  readonly file: CompiledFile & { readonly policy: CompiledPolicy };
  readonly rule: number;
  readonly position: number;
  readonly path: string;
  readonly value: unknown;
}

/** Enforced rules of policies that may apply to one request must not set the same thing to different values. */
function conflicts(files: readonly CompiledFile[]): Problem[] {
  const sets = files.flatMap(setsOf);
  const problems: Problem[] = [];
  for (const [i, later] of sets.entries()) {
    const earlier = sets
      .slice(0, i)
      .find(
        (other) =>
          other.path === later.path &&
          other.value !== later.value &&
          other.file.policy.priority === later.file.policy.priority &&
          overlap(other.file.policy.scope, later.file.policy.scope),
      );
    if (earlier === undefined) continue;
    const rule = `${earlier.file.id}/${ruleId(earlier.file.content!.rules![earlier.rule]!, earlier.rule)}`;
    const message = `${later.path} is set to ${later.value} here and to ${earlier.value} by ${rule}; give one of the policies another priority`;
    const { document } = later.file;
    document?.report("C035", ["rules", later.rule, "modify", later.position], message);
    problems.push(document?.problems.at(-1) ?? fileProblem("C035", later.file.file.label, message));
  }
  return problems;
}

function setsOf(file: CompiledFile): SetChange[] {
  const { policy, content } = file;
  if (policy === undefined || policy.mode !== "enforce") return [];
  return (content?.rules ?? []).flatMap((spec, rule) =>
    (spec.modify ?? []).flatMap(({ op, path, value }, position) =>
      op === "set" ? [{ file: { ...file, policy }, rule, position, path, value }] : [],
    ),
  );
}
