import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Static, Type as t } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Clock } from "../core/ports.ts";
import type { GitLabel, Pin, Revision } from "../core/revisions.ts";
import { gitLabel } from "./git.ts";
import { fileProblem, type Problem } from "./problem.ts";
import { labelOf, type PolicyTree, readPolicyTree } from "./tree.ts";

/** How many revisions are kept unless it is said otherwise. */
const defaultKeep = 50;
/** At most so many more are there before the oldest are removed. */
const slack = 10;
/** Folders that were begun this long ago and are not finished were left by a process that ended. */
const staleMs = 60 * 60 * 1000;

const metaSchema = t.Object({
  digest: t.String({ pattern: "^sha256:[0-9a-f]{64}$" }),
  retained_at: t.String(),
  live_at: t.Union([t.String(), t.Null()]),
  policies: t.Integer({ minimum: 0 }),
  git: t.Union([
    t.Object({ commit: t.String(), author: t.String(), committed_at: t.String(), clean: t.Boolean() }),
    t.Null(),
  ]),
  actor: t.String(),
});
const pinSchema = t.Object({ revision: t.String(), actor: t.String(), reason: t.String(), at: t.String() });

/** What is told of a set that is to be kept. */
export interface Retention {
  readonly policies: number;
  /** Whether it is live now. */
  readonly live: boolean;
  /** An operator's id, or `files`. */
  readonly actor: string;
}

/** Where policy sets are kept. */
export interface RevisionStore {
  /** The last to go live first; those that never did come after, newest first. */
  list(): Promise<readonly Revision[]>;
  /** The files of a revision as a policies folder would hold them; with a problem when they are not those kept. */
  tree(id: string): Promise<PolicyTree>;
  /** Keeps a set that is in good order, or notes that one kept before went live again. */
  retain(tree: PolicyTree, what: Retention): Promise<void>;
  /** Asks git what the folder is, when it holds what this revision does and no commit is known that does. */
  relabel(id: string): Promise<void>;
  /** @throws when there is a pin that cannot be read */
  pin(): Promise<Pin | null>;
  setPin(pin: Pin | null): Promise<void>;
}

/** What a store of revisions is made of. */
export interface RevisionStoreOptions {
  /** The data directory. The revisions are in `revisions`, a folder for each, named by its digest. */
  readonly dataDir: string;
  /** The policies folder, which git is asked about and problems are named after. */
  readonly policiesDir: string;
  readonly clock: Clock;
  /** How many are kept, and up to a fifth more for a while; the oldest go first, never the pinned or the live one. */
  readonly keep?: number;
}

/**
 * Keeps policy sets as files: `revisions/<digest>/files/**` and `meta.json` beside it. Only the owner may read them.
 *
 * Every change is made beside and then moved into place, so that a reader sees a revision whole or not at all. Several
 * processes may use one store.
 */
export function createRevisionStore(options: RevisionStoreOptions): RevisionStore {
  const { policiesDir, clock, keep = defaultKeep } = options;
  const root = join(options.dataDir, "revisions");
  const folder = (id: string) => join(root, id.replace(/^sha256:/, ""));
  const pinFile = join(root, "pin.json");
  /** Time of the last entry: two of one millisecond must still have an order. */
  let last = 0;

  async function list(): Promise<readonly Revision[]> {
    const found = await Promise.all((await names()).map((name) => find(`sha256:${name}`)));
    return found.filter((revision) => revision !== null).sort(newestFirst);
  }

  async function names(): Promise<readonly string[]> {
    return (await readdir(root).catch(() => [])).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  const find = (id: string) => readRevision(join(folder(id), "meta.json"), id);

  /** The time of an entry: later than all that are there, so that two of one millisecond have an order. */
  async function tick(): Promise<number> {
    if (last === 0) last = Math.max(0, ...(await list()).map(ageOf));
    last = Math.max(clock.now(), last + 1);
    return last;
  }

  async function retain(tree: PolicyTree, { policies, live, actor }: Retention): Promise<void> {
    const at = await tick();
    const id = tree.digest;
    const earlier = await find(id);
    if (earlier === null) {
      await writeNew(tree, { id, retainedAt: at, liveAt: live ? at : null, policies, git: null, actor });
      await prune(id);
    } else if (live) await writeMeta(folder(id), { ...earlier, liveAt: at, policies, actor });
  }

  /** A folder of that name that is there by now holds the same. */
  async function writeNew(tree: PolicyTree, revision: Revision): Promise<void> {
    await mkdir(root, { recursive: true, mode: 0o700 });
    const draft = join(root, `.new-${randomUUID()}`);
    try {
      const folders = new Set(tree.files.map(({ path }) => dirname(join(draft, "files", path))));
      for (const path of [join(draft, "files"), ...folders]) await mkdir(path, { recursive: true, mode: 0o700 });
      for (const { path, text } of tree.files) await writeFile(join(draft, "files", path), text, { mode: 0o600 });
      await writeMeta(draft, revision);
      await rename(draft, folder(revision.id));
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  /** Down to what is kept, once there are some more: looking at all of them each time would be most of the work. */
  async function prune(added: string): Promise<void> {
    if ((await names()).length <= keep + Math.min(slack, Math.floor(keep / 5))) return;
    const known = await list();
    let pinned: string | undefined;
    try {
      pinned = (await pin())?.revision;
    } catch {
      // Which one is pinned is not known, so none may go; status tells of the pin.
      return;
    }
    const kept = new Set([added, pinned, known.find(({ liveAt }) => liveAt !== null)?.id]);
    const oldest = [...known].sort((a, b) => ageOf(a) - ageOf(b)).filter(({ id }) => !kept.has(id));
    for (const { id } of oldest.slice(0, known.length - keep)) await rm(folder(id), { recursive: true, force: true });
    await removeStale();
  }

  async function removeStale(): Promise<void> {
    for (const name of (await readdir(root)).filter((entry) => entry.startsWith(".new-"))) {
      const begun = await stat(join(root, name)).catch(() => null);
      if (begun !== null && Date.now() - begun.mtimeMs > staleMs) {
        await rm(join(root, name), { recursive: true, force: true });
      }
    }
  }

  async function pin(): Promise<Pin | null> {
    if (!existsSync(pinFile)) return null;
    const read = await readJson(pinFile, pinSchema);
    if (read === null) throw new Error("revisions/pin.json in the data directory does not hold a pin");
    return { ...read, at: Date.parse(read.at) };
  }

  return {
    list,
    async tree(id) {
      const label = labelOf(policiesDir);
      const tree = await readPolicyTree(join(folder(id), "files"), label);
      if (tree.digest === id) return tree;
      const there = existsSync(folder(id));
      const what = there
        ? `the files kept of the revision ${id} are not those that it is named after`
        : `the revision ${id} is not kept`;
      return { ...tree, problems: [fileProblem("C094", label, what), ...(there ? tree.problems : [])] };
    },
    retain,
    async relabel(id) {
      const revision = await find(id);
      if (revision === null || revision.git?.clean === true) return;
      const git = await gitLabel(policiesDir);
      if (git === null || JSON.stringify(git) === JSON.stringify(revision.git)) return;
      // Looked at afterwards: what git said is of no use when the folder has changed in the meantime.
      if ((await readPolicyTree(policiesDir)).digest !== id) return;
      const now = await find(id);
      if (now !== null) await writeMeta(folder(id), { ...now, git });
    },
    pin,
    async setPin(next) {
      await mkdir(root, { recursive: true, mode: 0o700 });
      if (next === null) await rm(pinFile, { force: true });
      else await replace(pinFile, { ...next, at: new Date(next.at).toISOString() } satisfies Static<typeof pinSchema>);
    },
  };
}

/** The problem of a pin that cannot be read. */
export function pinProblem(dir: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  return fileProblem("C094", labelOf(dir), `the pinned revision cannot be made live: ${reason}`);
}

function ageOf({ retainedAt, liveAt }: Revision): number {
  return Math.max(retainedAt, liveAt ?? 0);
}

function newestFirst(a: Revision, b: Revision): number {
  return (b.liveAt ?? 0) - (a.liveAt ?? 0) || b.retainedAt - a.retainedAt;
}

async function readRevision(file: string, id: string): Promise<Revision | null> {
  const meta = await readJson(file, metaSchema);
  if (meta === null || meta.digest !== id) return null;
  const git: GitLabel | null = meta.git && {
    commit: meta.git.commit,
    author: meta.git.author,
    committedAt: Date.parse(meta.git.committed_at),
    clean: meta.git.clean,
  };
  return {
    id,
    retainedAt: Date.parse(meta.retained_at),
    liveAt: meta.live_at === null ? null : Date.parse(meta.live_at),
    policies: meta.policies,
    git,
    actor: meta.actor,
  };
}

async function writeMeta(dir: string, { id, retainedAt, liveAt, policies, git, actor }: Revision): Promise<void> {
  const iso = (ms: number) => new Date(ms).toISOString();
  const meta: Static<typeof metaSchema> = {
    digest: id,
    retained_at: iso(retainedAt),
    live_at: liveAt === null ? null : iso(liveAt),
    policies,
    git: git && {
      commit: git.commit,
      author: git.author,
      committed_at: iso(git.committedAt),
      clean: git.clean,
    },
    actor,
  };
  await replace(join(dir, "meta.json"), meta);
}

/** Writes beside, then moves into place. */
async function replace(file: string, value: object): Promise<void> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
}

/** `null` for what is not there or holds something else. */
async function readJson<T extends typeof metaSchema | typeof pinSchema>(
  file: string,
  schema: T,
): Promise<Static<T> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return Value.Check(schema, value) ? value : null;
  } catch {
    return null;
  }
}
