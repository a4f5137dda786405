import type { OverlayProblem, PolicyOverlay } from "../core/overlay.ts";
import type { Clock, Logger } from "../core/ports.ts";
import type { Pin } from "../core/revisions.ts";
import { LiveSnapshot, Snapshot } from "../core/snapshot.ts";
import { SluiceError } from "../errors.ts";
import { restoreLastGood } from "./last-good.ts";
import { compileTree, type LoadedSource, type LoadOptions, type LoadResult } from "./load.ts";
import type { LaidRevision, OverlayArchive } from "./overlay-archive.ts";
import { fileProblem, formatProblem, type Problem } from "./problem.ts";
import { pinProblem, type RevisionStore } from "./revisions.ts";
import { labelOf, type PolicyTree, readPolicyTree } from "./tree.ts";
import { watchFolder } from "./watch.ts";

/** A policy set that was loaded. */
export type LoadedSet = LoadResult & { readonly ok: true };

/** How the policy set is. */
export interface PolicyStatus {
  /** `degraded` when something is wrong, and what is live is not all that was written; `invalid` when nothing is live. */
  readonly state: "ready" | "degraded" | "invalid";
  /** Of the live set, with all that is laid over its files; `none` while there is none. */
  readonly revision: string;
  /** Digest of the files that the live set is made of, by which it is retained; `none` while there is none. */
  readonly files: string;
  /** Whether those files were in the policies folder or were retained from an earlier time. */
  readonly origin: "folder" | "retained" | "none";
  /** When the live set was published, in milliseconds since the epoch; 0 while there is none. */
  readonly loadedAt: number;
  /** What keeps the files as they are, or the pinned revision, from being live. */
  readonly problems: readonly Problem[];
  /** What is probably not meant in the live set; it keeps nothing from being live. */
  readonly warnings: readonly Problem[];
  /** Parts of what is laid over the files that do not fit them, and are not in force as they were meant. */
  readonly overlayProblems: readonly OverlayProblem[];
  /** What is to stay live whatever the folder holds; `null` when the folder decides. */
  readonly pin: Pin | null;
  /** Digest of what the folder holds in good order and is not live because of the pin; `null` when nothing waits. */
  readonly waiting: string | null;
}

/** One attempt to load a policy set. */
export interface ReloadEvent {
  /** `checked` is in good order and waits because another one is pinned; `restored` is a retained set, at the start. */
  readonly result: "loaded" | "refused" | "checked" | "restored" | "activated";
  /** Of the set that is live after it. */
  readonly revision: string;
  readonly seconds: number;
  readonly problems: readonly Problem[];
}

/** What the service is made of. */
export interface PolicyServiceOptions extends Omit<LoadOptions, "overlay"> {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** What the control plane lays over the files now; asked for at every load. */
  readonly overlay?: () => PolicyOverlay;
  /** Where published sets are kept. Without it nothing outlives the process, and nothing can be activated. */
  readonly revisions?: RevisionStore;
  /** Where what was laid over them is kept, so that decisions can be explained later. */
  readonly overlays?: OverlayArchive;
  /** Told after each attempt, the first one included; not when nothing had changed. */
  readonly onReload?: (event: ReloadEvent) => void;
  /** Told whenever the status may have changed. */
  readonly onStatus?: (status: PolicyStatus) => void;
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
  /** The live set as it was loaded; `null` while there is none. */
  loaded(): LoadedSet | null;
  /** Where the live policies came from, by id. */
  sources(): ReadonlyMap<string, LoadedSource>;
  /** Looks at the folder now. Resolves with the status when what it holds is live, refused or waiting. */
  reload(): Promise<PolicyStatus>;
  /** Compiles the set anew with what is laid over it now, whether or not a file has changed. */
  refresh(): Promise<PolicyStatus>;
  /**
   * Makes a retained revision live and pins it; `null` takes the pin off and goes back to the folder.
   *
   * @param id its whole digest
   * @throws SluiceError `revision_refused` when it does not compile; nothing has changed then
   */
  activate(id: string | null, by: { readonly actor: string; readonly reason: string }): Promise<PolicyStatus>;
  /**
   * Looks whether another process pinned a revision or took the pin off, and does as {@link activate} did there.
   * Rejects when the pin cannot be read; nothing has changed then.
   */
  followPin(): Promise<PolicyStatus>;
  /** Resolves when every set published so far is kept. */
  kept(): Promise<void>;
  /** Stops watching. The live set stays. */
  close(): Promise<void>;
}

/** Sets that may be waiting to be written while the next one is loaded. */
const maxUnkept = 8;

/** Loads a policies folder and follows it. Resolves after the first attempt, whether it succeeded or not. */
export async function createPolicyService(options: PolicyServiceOptions): Promise<PolicyService> {
  const { dir, logger, clock = { now: () => Date.now() }, revisions, overlays, overlay, ...loading } = options;
  const live = new LiveSnapshot(new Snapshot("none", []));
  let set: { readonly result: LoadedSet; readonly tree: PolicyTree; readonly at: number } | null = null;
  let origin: PolicyStatus["origin"] = "none";
  let pin: Pin | null = null;
  /** Digest of what the folder held when it was last looked at, whatever came of it. */
  let tried = "";
  /** What is wrong: with the folder, with the pinned revision, with what is laid over the live one. */
  let inFolder: readonly Problem[] = [];
  let inPin: readonly Problem[] = [];
  let inOverlay: readonly Problem[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let keeping: Promise<void> = Promise.resolve();
  let labelling: Promise<void> = Promise.resolve();
  let unkept = 0;

  const status = (): PolicyStatus => {
    const problems = [...inPin, ...inFolder, ...inOverlay];
    const overlayProblems = set?.result.overlayProblems ?? [];
    const revision = live.current.revision;
    const files = set?.tree.digest ?? "none";
    return {
      state: set === null ? "invalid" : problems.length + overlayProblems.length > 0 ? "degraded" : "ready",
      revision,
      files,
      origin,
      loadedAt: set?.at ?? 0,
      problems,
      warnings: set?.result.warnings ?? [],
      overlayProblems,
      pin,
      waiting: isPinned() && inFolder.length === 0 && tried !== files ? tried : null,
    };
  };
  /** A pin that cannot be honoured does not hold the files back: git is the authority. */
  const isPinned = () => pin !== null && inPin.length === 0;
  const compile = (tree: PolicyTree) =>
    compileTree(tree, {
      ...loading,
      dir,
      known: set?.result.folder,
      ...(overlay !== undefined && { overlay: overlay() }),
    });

  async function follow(anew: boolean): Promise<void> {
    try {
      await look(anew);
    } catch (error) {
      // Nobody foresaw it; but nobody may take what is live for what the folder says, and the next look tries again.
      tried = "";
      const message = `the policies could not be loaded: ${error instanceof Error ? error.message : String(error)}`;
      inFolder = [fileProblem("C038", labelOf(dir), message)];
      throw error;
    }
  }

  /** Looks at the folder. `anew`: what is laid over the files has changed, so what was compiled before says nothing. */
  async function look(anew: boolean): Promise<void> {
    const from = performance.now();
    const tree = await readPolicyTree(dir);
    if (!anew && tree.digest === tried) return;
    tried = tree.digest;
    if (!anew && tree.digest === set?.tree.digest && tree.problems.length === 0) {
      // A broken edit was taken back, or the pinned revision is what the folder holds: it is live already.
      if (inFolder.length > 0) logger.info({ revision: live.current.revision }, "the policies are in order again");
      inFolder = [];
      if (!isPinned()) origin = "folder";
      return;
    }
    const result = await compile(tree);
    inFolder = result.ok ? [] : result.problems;
    if (!result.ok) {
      if (anew) await recompile();
      refused(result.problems);
    } else if (isPinned()) {
      retire(result.snapshot);
      if (anew) await recompile();
      keep(tree, result, false, "files");
      if (!anew)
        logger.info(
          { revision: tree.digest, pinned: pin?.revision },
          "the policies are in order and wait: another revision is pinned",
        );
    } else {
      if (!publish(result, tree, "folder")) return;
      keep(tree, result, true, "files");
    }
    tell(result.ok ? (isPinned() ? "checked" : "loaded") : "refused", from);
  }

  /** Lays what is laid over files now over those of the live set. */
  async function recompile(): Promise<void> {
    if (set === null) return;
    const result = await compile(set.tree);
    inOverlay = result.ok ? [] : result.problems;
    if (result.ok) publish(result, set.tree, origin);
    else refused(result.problems);
  }

  /** Answers whether that changed what is live. */
  function publish(result: LoadedSet, tree: PolicyTree, from: PolicyStatus["origin"]): boolean {
    origin = from;
    inOverlay = [];
    const { revision, policies } = result.snapshot;
    if (set !== null && revision === live.current.revision) {
      // The same policies under the same overlay: what is live stays, with what it remembers.
      retire(result.snapshot);
      return false;
    }
    const previous = live.publish(result.snapshot);
    set = { result, tree, at: clock.now() };
    logger.info({ revision, policies: policies.length }, "policies are live");
    for (const warning of result.warnings) {
      const { code, file, line, column } = warning;
      logger.warn({ code, file, line, column }, formatProblem(warning));
    }
    for (const { code, item, message } of result.overlayProblems) logger.warn({ code, item }, `${item}: ${message}`);
    retire(previous);
    if (revision !== tree.digest) keepOverlay(revision, { files: tree.digest, overlay: result.overlay });
    return true;
  }

  function retire(snapshot: Snapshot): void {
    snapshot
      .retire()
      .catch((error: unknown) => logger.error({ err: error }, "a retired policy set could not be disposed"));
  }

  function refused(problems: readonly Problem[]): void {
    for (const problem of problems) {
      const { code, file, line, column } = problem;
      logger.error({ code, file, line, column }, formatProblem(problem));
    }
    const { revision } = live.current;
    const stays = set === null ? "none are live: requests get 503 until some load" : `revision ${revision} stays live`;
    logger.error({ problems: problems.length, revision }, `the policies were refused; ${stays}`);
  }

  function tell(result: ReloadEvent["result"], from: number): void {
    const { revision, problems } = status();
    options.onReload?.({ result, revision, seconds: (performance.now() - from) / 1000, problems });
  }

  /** Off the way of what is enforced: the disk may be slow, and git, which nothing waits for, slower. */
  function keep(tree: PolicyTree, { snapshot }: LoadedSet, isLive: boolean, actor: string): void {
    if (revisions === undefined) return;
    unkept += 1;
    const what = { policies: snapshot.policies.length, live: isLive, actor };
    const failed = (error: unknown) =>
      logger.error({ err: error, revision: tree.digest }, "a policy set could not be kept");
    keeping = keeping
      .then(() => revisions.retain(tree, what))
      .catch(failed)
      .finally(() => {
        unkept -= 1;
      });
    labelling = Promise.all([keeping, labelling])
      .then(() => (tried === tree.digest ? revisions.relabel(tree.digest) : undefined))
      .catch(failed);
  }

  function keepOverlay(revision: string, laid: LaidRevision): void {
    keeping = keeping
      .then(() => overlays?.keep(revision, laid))
      .catch((error: unknown) =>
        logger.error({ err: error, revision }, "what is laid over the policies could not be kept"),
      );
  }

  async function activate(id: string | null, { actor, reason }: { actor: string; reason: string }): Promise<void> {
    if (revisions === undefined) throw new Error("no revisions are kept");
    const from = performance.now();
    if (id === null) {
      await revisions.setPin(null);
      logger.info({ actor, reason, pinned: pin?.revision }, "the pin was taken off; the policies folder decides again");
      return unpin();
    }
    await keeping;
    const tree = await revisions.tree(id);
    const result = await compile(tree);
    if (!result.ok) {
      const problem = result.problems.map(formatProblem).join("\n");
      throw new SluiceError("revision_refused", { id, problem });
    }
    const next = { revision: id, actor, reason, at: clock.now() };
    try {
      await revisions.setPin(next);
    } catch (error) {
      retire(result.snapshot);
      throw error;
    }
    pin = next;
    inPin = [];
    publish(result, tree, "retained");
    keep(tree, result, true, actor);
    logger.info({ revision: id, actor, reason }, "a revision was activated and is pinned");
    tell("activated", from);
  }

  /** Lets the folder decide. */
  function unpin(): Promise<void> {
    pin = null;
    inPin = [];
    tried = "";
    return follow(false);
  }

  async function followPin(): Promise<void> {
    if (revisions === undefined) return;
    const next = await revisions.pin();
    if (Bun.deepEquals(next, pin)) return;
    const from = performance.now();
    if (next === null) {
      logger.info({ pinned: pin?.revision }, "another replica took the pin off; the policies folder decides again");
      return unpin();
    }
    await keeping;
    const tree = await revisions.tree(next.revision);
    const result = await compile(tree);
    pin = next;
    inPin = result.ok ? [] : result.problems;
    if (!result.ok) {
      refused(result.problems);
      tried = "";
      return follow(false);
    }
    publish(result, tree, "retained");
    keep(tree, result, true, next.actor);
    const { revision, actor, reason } = next;
    logger.info({ revision, actor, reason }, "a revision that another replica activated is live");
    tell("activated", from);
  }

  async function start(): Promise<void> {
    const from = performance.now();
    if (revisions !== undefined) {
      try {
        pin = await revisions.pin();
        const tree = pin === null ? null : await revisions.tree(pin.revision);
        const result = tree === null ? null : await compile(tree);
        if (result?.ok === true) publish(result, tree!, "retained");
        else if (result !== null) inPin = result.problems;
      } catch (error) {
        inPin = [pinProblem(dir, error)];
      }
      if (pin !== null && isPinned()) tell("activated", from);
      if (inPin.length > 0) refused(inPin);
    }
    await follow(false);
    if (set !== null || revisions === undefined) return;
    const found = await restoreLastGood(revisions, compile);
    if (found === null) return;
    publish(found.result, found.tree, "retained");
    logger.warn(
      { revision: found.tree.digest },
      "the policies folder is broken; the last good revision is live instead",
    );
    tell("restored", from);
  }

  /** One thing at a time, in the order asked. */
  function inTurn(act: () => Promise<void>): Promise<PolicyStatus> {
    const next = turn.then(async () => {
      if (unkept > maxUnkept) await keeping;
      try {
        await act();
        return status();
      } finally {
        options.onStatus?.(status());
      }
    });
    turn = next.catch(() => undefined);
    return next;
  }

  const reload = () => inTurn(() => follow(false));
  await inTurn(start);
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
    status,
    loaded: () => set?.result ?? null,
    sources: () => set?.result.sources ?? new Map(),
    reload,
    refresh: () => inTurn(() => follow(true)),
    activate: (id, by) => inTurn(() => activate(id, by)),
    followPin: () => inTurn(followPin),
    kept: async () => {
      await turn;
      await keeping;
    },
    async close() {
      await stop();
      await turn;
      await labelling;
    },
  };
}
