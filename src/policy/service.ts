import type { Clock, Logger } from "../core/ports.ts";
import { LiveSnapshot, Snapshot } from "../core/snapshot.ts";
import { compileTree, type LoadedSource, type LoadOptions, type LoadResult } from "./load.ts";
import { formatProblem, type Problem } from "./problem.ts";
import { readPolicyTree } from "./tree.ts";
import { watchFolder } from "./watch.ts";

/** How the policy set is: `degraded` when the files have problems and an earlier set stays live, `invalid` when there is none. */
export interface PolicyStatus {
  readonly state: "ready" | "degraded" | "invalid";
  /** Of the live set; `none` while there is none. */
  readonly revision: string;
  /** When the live set was published, in milliseconds since the epoch; 0 while there is none. */
  readonly loadedAt: number;
  /** What is wrong with the files as they are; empty when they are live. */
  readonly problems: readonly Problem[];
}

/** One attempt to load a changed folder. */
export interface ReloadEvent {
  readonly result: "loaded" | "refused";
  readonly revision: string;
  readonly seconds: number;
  readonly problems: readonly Problem[];
}

/** What the service is made of. */
export interface PolicyServiceOptions extends LoadOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Told after each attempt, the first one included; not when nothing had changed. */
  readonly onReload?: (event: ReloadEvent) => void;
  /** Whether to follow changes of the folder; true when absent. */
  readonly watch?: boolean;
  /** See {@link watchFolder}. */
  readonly quietMs?: number;
  readonly pollMs?: number;
}

/** Keeps the live policy set in step with its folder. */
export interface PolicyService {
  /** Holds an empty set until a valid one was loaded. */
  readonly live: LiveSnapshot;
  status(): PolicyStatus;
  /** Where the live policies came from, by id. */
  sources(): ReadonlyMap<string, LoadedSource>;
  /** Looks at the folder now. Resolves with the status when what it holds is live or refused. */
  reload(): Promise<PolicyStatus>;
  /** Stops watching. The live set stays. */
  close(): Promise<void>;
}

/** Loads a policies folder and follows it. Resolves after the first attempt, whether it succeeded or not. */
export async function createPolicyService(options: PolicyServiceOptions): Promise<PolicyService> {
  const { dir, logger, clock = { now: () => Date.now() } } = options;
  const live = new LiveSnapshot(new Snapshot("none", []));
  let status: PolicyStatus = { state: "invalid", revision: "none", loadedAt: 0, problems: [] };
  let sources: ReadonlyMap<string, LoadedSource> = new Map();
  /** Digest of what was last tried, whatever came of it. */
  let tried = "";
  let turn: Promise<unknown> = Promise.resolve();

  async function attempt(): Promise<PolicyStatus> {
    const from = performance.now();
    const tree = await readPolicyTree(dir);
    if (tree.digest === tried) return status;
    tried = tree.digest;
    if (tree.digest === status.revision && tree.problems.length === 0) {
      // A broken edit was taken back: the live set is again what the files say.
      status = { ...status, state: "ready", problems: [] };
      return status;
    }
    const result = await compileTree(tree, options);
    if (result.ok) publish(result);
    else refuse(result.problems);
    const seconds = (performance.now() - from) / 1000;
    const { revision, problems } = status;
    options.onReload?.({ result: result.ok ? "loaded" : "refused", revision, seconds, problems });
    return status;
  }

  function publish(result: LoadResult & { readonly ok: true }): void {
    const previous = live.publish(result.snapshot);
    const { revision, policies } = result.snapshot;
    sources = result.sources;
    status = { state: "ready", revision, loadedAt: clock.now(), problems: [] };
    logger.info({ revision, policies: policies.length }, "policies are live");
    previous
      .retire()
      .catch((error: unknown) => logger.error({ err: error }, "a retired policy set could not be disposed"));
  }

  function refuse(problems: readonly Problem[]): void {
    const state = status.revision === "none" ? "invalid" : "degraded";
    status = { ...status, state, problems };
    for (const problem of problems) {
      const { code, file, line, column } = problem;
      logger.error({ code, file, line, column }, formatProblem(problem));
    }
    const kept = state === "degraded" ? `revision ${status.revision} stays live` : "no policies are live";
    logger.error({ problems: problems.length, revision: status.revision }, `the policies were refused; ${kept}`);
  }

  /** One attempt at a time, in the order asked. */
  function reload(): Promise<PolicyStatus> {
    const next = turn.then(attempt);
    turn = next.catch(() => undefined);
    return next;
  }

  await reload();
  const stop =
    options.watch === false
      ? () => Promise.resolve()
      : watchFolder(dir, { quietMs: options.quietMs ?? 30, pollMs: options.pollMs ?? 1_000 }, async () => {
          try {
            await reload();
          } catch (error) {
            logger.error({ err: error }, "the policies folder could not be read again");
          }
        });

  return {
    live,
    status: () => status,
    sources: () => sources,
    reload,
    async close() {
      await stop();
      await turn;
    },
  };
}
