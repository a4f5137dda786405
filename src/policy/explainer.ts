import { LRUCache } from "lru-cache";
import type { StoredDecision } from "../core/decision-log.ts";
import type { DecisionExplanation, Explanations } from "../core/explain.ts";
import { emptyOverlay } from "../core/overlay.ts";
import type { Logger } from "../core/ports.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { explainDecision, explainLive } from "./explain-decision.ts";
import { compileTree, type LoadOptions } from "./load.ts";
import type { OverlayArchive } from "./overlay-archive.ts";
import type { RevisionStore } from "./revisions.ts";
import type { PolicyService } from "./service.ts";

/** What decisions are explained with. */
export interface ExplainerOptions {
  readonly service: Pick<PolicyService, "live" | "kept">;
  readonly revisions: Pick<RevisionStore, "tree" | "list">;
  readonly overlays: Pick<OverlayArchive, "find">;
  /** How the folder is loaded, without what is laid over it. */
  readonly loading: Omit<LoadOptions, "overlay">;
  readonly logger: Logger;
}

/** A policy set of another time, or why there is none. */
type Past = { readonly ok: true; readonly snapshot: Snapshot } | { readonly ok: false; readonly missing: string };

/** Policy sets of other times that stay compiled: people look at several decisions of one. */
const maxCompiled = 4;

/** Explains decisions, each with the policies that made it. */
export function createExplainer(options: ExplainerOptions): Explanations & { close(): Promise<void> } {
  const { service, revisions, overlays, loading, logger } = options;
  const compiled = new LRUCache<string, Promise<Past>>({ max: maxCompiled, dispose: (past) => void retire(past) });

  async function retire(past: Promise<Past>): Promise<void> {
    try {
      const made = await past;
      if (made.ok) await made.snapshot.retire();
    } catch (error) {
      logger.error({ err: error }, "a policy set that explained decisions could not be disposed");
    }
  }

  function past(revision: string): Promise<Past> {
    const known = compiled.get(revision);
    if (known !== undefined) return known;
    const made = compile(revision);
    compiled.set(revision, made);
    // What is not kept may be kept by then; what failed may have been the disk.
    made.then(
      ({ ok }) => !ok && compiled.delete(revision),
      () => compiled.delete(revision),
    );
    return made;
  }

  async function compile(revision: string): Promise<Past> {
    await service.kept();
    const laid = (await overlays.find(revision)) ?? { files: revision, overlay: emptyOverlay };
    if (!(await revisions.list()).some(({ id }) => id === laid.files)) {
      return {
        ok: false,
        missing: `the revision ${revision} is not kept any more, so only the recorded reasons are told`,
      };
    }
    const tree = await revisions.tree(laid.files);
    const result = await compileTree(tree, { ...loading, allowEmpty: true, overlay: laid.overlay });
    if (!result.ok) {
      const [problem] = result.problems;
      const why = `${problem!.code} ${problem!.message}`;
      return { ok: false, missing: `the revision ${revision} cannot be compiled any more: ${why}` };
    }
    return { ok: true, snapshot: result.snapshot };
  }

  async function explain(record: StoredDecision, by?: Snapshot): Promise<DecisionExplanation> {
    if (by !== undefined) return explainDecision(record, by);
    const live = service.live.current;
    if (live.revision === record.revision) return explainDecision(record, live);
    // Without facts there is nothing to ask the policies.
    if (record.facts === null) return explainDecision(record, live);
    const found = await past(record.revision);
    return explainDecision(record, found.ok ? found.snapshot : found);
  }

  return {
    explain,
    explainLive,
    async close() {
      await Promise.all([...compiled.values()].map(retire));
      compiled.clear();
    },
  };
}
