import { emptyOverlay, type OverlayProblem, type ParamValue, type PolicyOverlay } from "../core/overlay.ts";
import { type DeclaredPolicy, type OverlayChange, type PolicyControl, PolicyRefused } from "../core/policy-control.ts";
import type { PolicyStore } from "../core/policy-store.ts";
import type { Clock, Logger } from "../core/ports.ts";
import { SluiceError } from "../errors.ts";
import { diffTrees } from "./diff.ts";
import { isLocked } from "./manifest.ts";
import { checkDatabasePolicy, databaseFile, layOver } from "./overlay.ts";
import type { LoadedSet, PolicyService } from "./service.ts";

/** What the keeper of the overlay is made of. */
export interface OverlayKeeperOptions {
  readonly store: PolicyStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each break-glass and maintenance that expired. */
  readonly onExpired?: (kind: "break_glass" | "maintenance") => void;
  /** Told of the overlay whenever it was read. */
  readonly onOverlay?: (overlay: PolicyOverlay) => void;
}

/** Keeps the overlay that is in force. */
export interface OverlayKeeper extends PolicyControl {
  /** From here on, changes are checked against and published by this service. */
  follow(service: Pick<PolicyService, "loaded" | "refresh">): void;
  /** Takes what has expired out of force and notes it. Called by itself when the time of one has come. */
  sweep(): Promise<void>;
  /** Reads what another process stored, and puts it into force. Rejects when it cannot be read; all stays then. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** Longest time that a timer can wait for. */
const maxTimerMs = 2 ** 31 - 1;

/** Reads what is laid over git. Resolves when it is there to be asked for. */
export async function createOverlayKeeper(options: OverlayKeeperOptions): Promise<OverlayKeeper> {
  const { store, clock, logger } = options;
  let current: PolicyOverlay = emptyOverlay;
  /** What the live set was made with. */
  let inForce: PolicyOverlay = emptyOverlay;
  let service: Pick<PolicyService, "loaded" | "refresh"> | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  /** One thing at a time, in the order asked. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = turn.then(act);
    turn = next.catch(() => undefined);
    return next;
  }

  async function read(): Promise<void> {
    current = await store.overlay(clock.now());
    options.onOverlay?.(current);
    const ends = [...current.breakGlass, ...(current.maintenance === null ? [] : [current.maintenance])];
    clearTimeout(timer);
    timer = undefined;
    if (ends.length === 0 || closed) return;
    const left = Math.min(...ends.map(({ expiresAt }) => expiresAt)) - clock.now();
    timer = setTimeout(() => void sweep(), Math.min(Math.max(left, 0) + 1, maxTimerMs));
    timer.unref();
  }

  async function publish(): Promise<void> {
    await read();
    await refresh();
  }

  async function refresh(): Promise<void> {
    const laid = current;
    await service?.refresh();
    inForce = laid;
    for (const { code, item, message } of problems()) logger.warn({ code, item }, `${item}: ${message}`);
  }

  function sweep(): Promise<void> {
    return inTurn(async () => {
      try {
        const expired = await store.expire(clock.now());
        for (const one of expired) {
          const kind = "policy" in one ? "break_glass" : "maintenance";
          const about = "policy" in one ? { policy: one.policy, rule: one.rule } : {};
          logger.warn(
            { id: one.id, ...about, actor: one.actor },
            `${kind === "break_glass" ? "a break-glass" : "maintenance"} expired`,
          );
          options.onExpired?.(kind);
        }
        // What has expired has no effect any more; this is so that it is not shown either.
        await (expired.length > 0 ? publish() : read());
      } catch (error) {
        logger.error({ err: error }, "what has expired could not be noted");
      }
    });
  }

  function problems(): readonly OverlayProblem[] {
    return service?.loaded()?.overlayProblems ?? [];
  }

  function loaded(): LoadedSet {
    const base = service?.loaded() ?? null;
    if (base !== null) return base;
    const problem = "No policy set is live that the change could be checked against; put the policy files in order.";
    throw new SluiceError("conflict", { problem });
  }

  async function check({ next, policy }: Omit<OverlayChange<unknown>, "store">): Promise<void> {
    const base = loaded();
    const content = policy === undefined ? [] : await checkDatabasePolicy(base, policy);
    if (content.length > 0) throw new PolicyRefused(content);
    const laid = await layOver(base, next(current));
    for (const made of laid.made) made.dispose?.();
    const known = new Set(base.overlayProblems.map(asText));
    const added = laid.problems.filter((problem) => !known.has(asText(problem)));
    if (added.length > 0) throw new PolicyRefused(added);
  }

  await read();
  inForce = current;

  return {
    overlay: () => current,
    problems,
    exceptions: () => service?.loaded()?.exceptions ?? [],
    declared(policyId) {
      const base = service?.loaded() ?? null;
      const database = current.policies.some(({ id }) => id === policyId);
      const file = base?.compiled.find(({ id }) => id === policyId);
      if (base === null || (file === undefined && !database)) return null;
      const content = file?.content ?? base.overlayFiles.find(({ id }) => id === policyId)?.content;
      const params = Object.entries(content?.params ?? {}).map(
        ([name, { type, min, max, tunable = false, ...spec }]) => {
          const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
          return [name, { type, default: spec.default as ParamValue, ...bounds, tunable }] as const;
        },
      );
      const declared: DeclaredPolicy = {
        id: policyId,
        origin: file === undefined ? "database" : "git",
        locked: isLocked(base.manifest, policyId),
        params: Object.fromEntries(params),
      };
      return declared;
    },
    validate: async (policy) => checkDatabasePolicy(loaded(), policy),
    diff(id, before, after) {
      const { files, tools } = loaded();
      const tree = (content: string) => ({
        files: [...files, databaseFile({ id, content })],
        problems: [],
        digest: "",
      });
      const knowledge = { onErrorOf: (type: string) => tools.registry.get(type)?.onError };
      return diffTrees(tree(before), tree(after), knowledge).items[0] ?? null;
    },
    change: ({ store: write, ...change }) =>
      inTurn(async () => {
        await read();
        await check(change);
        const result = await write();
        await publish();
        return result;
      }),
    changeAtOnce: (write) =>
      inTurn(async () => {
        const result = await write();
        await publish();
        return result;
      }),
    follow(next) {
      service = next;
    },
    sweep,
    reload: () =>
      inTurn(async () => {
        await read();
        // Refreshing compiles, and what others store may change nothing that is laid over git.
        if (!Bun.deepEquals(inForce, current)) await refresh();
      }),
    async close() {
      closed = true;
      clearTimeout(timer);
      await turn;
    },
  };
}

function asText({ code, item, message }: OverlayProblem): string {
  return `${code}\n${item}\n${message}`;
}
