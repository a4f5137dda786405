import type { CandidateFile, Candidates } from "../core/candidates.ts";
import { type DatabasePolicy, emptyOverlay, type OverlayProblem, type PolicyOverlay } from "../core/overlay.ts";
import { PolicyRefused } from "../core/policy-control.ts";
import type { Logger } from "../core/ports.ts";
import { compileTree, type LoadOptions } from "./load.ts";
import type { Problem } from "./problem.ts";
import type { LoadedSet, PolicyService } from "./service.ts";
import { labelOf, type PolicyTree, withFile, withoutFile } from "./tree.ts";

/** What candidates are compiled with. */
export interface CandidatesOptions {
  readonly service: Pick<PolicyService, "loaded">;
  /** How the folder is loaded. */
  readonly loading: Omit<LoadOptions, "overlay" | "known">;
  readonly logger: Logger;
}

/** Compiles candidates over the live set, one set at a time: requests have to be judged beside it. */
export function createCandidates({ service, loading, logger }: CandidatesOptions): Candidates {
  const label = labelOf(loading.dir);
  let turn: Promise<unknown> = Promise.resolve();

  async function compile(files: readonly CandidateFile[]) {
    const live = service.loaded();
    const tree = files.filter(({ path }) => !isDatabase(path)).reduce(withCandidate(label), treeOf(live));
    const overlay = files.filter(({ path }) => isDatabase(path)).reduce(withDatabase, live?.overlay ?? emptyOverlay);
    const result = await compileTree(tree, { ...loading, allowEmpty: true, overlay });
    if (!result.ok) throw new PolicyRefused(result.problems.map(toOverlayProblem));
    const known = new Set(live?.overlayProblems.map(({ code, item }) => `${code} ${item}`));
    const problems = result.overlayProblems.filter(({ code, item }) => !known.has(`${code} ${item}`));
    if (problems.length === 0) return result.snapshot;
    await result.snapshot.retire();
    throw new PolicyRefused(problems);
  }

  return {
    async with(files, use) {
      const compiling = turn.then(() => compile(files));
      turn = compiling.catch(() => undefined);
      const snapshot = await compiling;
      try {
        return await use(snapshot);
      } finally {
        snapshot.retire().catch((error: unknown) => logger.error({ err: error }, "a candidate could not be disposed"));
      }
    },
  };
}

function treeOf(live: LoadedSet | null): PolicyTree {
  return { files: live?.files ?? [], problems: [], digest: live?.folder.digest ?? "none" };
}

function withCandidate(label: string) {
  // People copy the path from a repository, where it begins with the folder.
  const leading = new RegExp(`^${RegExp.escape(label)}/`);
  return (tree: PolicyTree, { path, content }: CandidateFile): PolicyTree => {
    const inside = path.replace(/^\.?\/+/, "").replace(leading, "");
    return content === null ? withoutFile(tree, inside) : withFile(tree, inside, content, label);
  };
}

function isDatabase(path: string): boolean {
  return path.startsWith("db/");
}

function withDatabase(overlay: PolicyOverlay, { path, content }: CandidateFile): PolicyOverlay {
  const id = path.replace(/\.policy\.(yaml|yml|json)$/, "");
  const known = overlay.policies.find((policy) => policy.id === id);
  const others = overlay.policies.filter((policy) => policy.id !== id);
  if (content === null) return { ...overlay, policies: others };
  const blank = { id, version: 0, createdAt: 0, updatedAt: 0, actor: "" };
  const policy: DatabasePolicy = { ...(known ?? blank), content, status: "active", enabled: true };
  return { ...overlay, policies: [...others, policy] };
}

function toOverlayProblem({ code, file, line, column, message }: Problem): OverlayProblem {
  return { code, item: file, message, at: { file, line, column } };
}
