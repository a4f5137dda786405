import type { PageRequest } from "../core/resources.ts";
import type { Pin, Revision, Revisions, ShownRevision } from "../core/revisions.ts";
import { SluiceError } from "../errors.ts";
import { type DiffKnowledge, diffTrees } from "./diff.ts";
import type { RevisionStore } from "./revisions.ts";
import type { PolicyService } from "./service.ts";

/** The revisions of the running gateway, as the control plane looks at them. */
export function createRevisionDirectory(
  service: PolicyService,
  store: RevisionStore,
  knowledge: DiffKnowledge,
): Revisions {
  const shown = (revision: Revision): ShownRevision => {
    const { files, pin } = service.status();
    return { ...revision, live: revision.id === files, pinned: revision.id === pin?.revision };
  };
  async function resolve(id: string): Promise<Revision> {
    await service.kept();
    const { files, waiting } = service.status();
    return resolveRevision(id, await store.list(), { live: files, latest: waiting ?? files });
  }

  return {
    async list(page) {
      await service.kept();
      const { files, origin } = service.status();
      // It may have been committed since it was loaded.
      if (origin === "folder") await store.relabel(files);
      return pageOf((await store.list()).map(shown), page);
    },
    async find(id) {
      try {
        const revision = await resolve(id);
        const { files } = await store.tree(revision.id);
        const bytes = (text: string) => Buffer.byteLength(text);
        return { ...shown(revision), files: files.map(({ path, text }) => ({ path, bytes: bytes(text) })) };
      } catch (error) {
        if (error instanceof SluiceError && error.code === "not_found") return null;
        throw error;
      }
    },
    async diff(base, head) {
      const [from, to] = [await resolve(base), await resolve(head)];
      return diffTrees(await store.tree(from.id), await store.tree(to.id), knowledge);
    },
    async activate(id, by) {
      return service.activate(id === "latest" ? null : (await resolve(id)).id, by);
    },
  };
}

/** The revisions that names which are no digests stand for. */
export interface NamedRevisions {
  readonly live: string;
  readonly latest: string;
}

/**
 * The one revision that an id names: `live`, `latest`, `previous`, or the beginning of a digest.
 *
 * @param known the last to go live first
 * @throws SluiceError `not_found`, or `conflict` when several digests begin so
 */
export function resolveRevision(id: string, known: readonly Revision[], named: NamedRevisions): Revision {
  const one = (revision: Revision | undefined): Revision => {
    if (revision === undefined) throw new SluiceError("not_found", { resource: "revision", id });
    return revision;
  };
  if (id === "live" || id === "latest") return one(known.find((revision) => revision.id === named[id]));
  if (id === "previous") return one(known.find(({ id: other, liveAt }) => liveAt !== null && other !== named.live));
  const matches = matching(id, known);
  if (matches.length > 1) {
    const problem = `${matches.length} revisions begin with '${id}': ${matches.map((match) => match.id).join(", ")}.`;
    throw new SluiceError("conflict", { problem });
  }
  return one(matches[0]);
}

/** Fewest characters of a digest that may stand for it. */
const leastPrefix = 4;

function matching(prefix: string, known: readonly Revision[]): readonly Revision[] {
  const digits = prefix.toLowerCase().replace(/^sha256:/, "");
  if (!/^[0-9a-f]*$/.test(digits) || digits.length < leastPrefix) return [];
  return known.filter(({ id }) => id.startsWith(`sha256:${digits}`));
}

/** The live revision of a data directory that no process is asked about: what is pinned, else what was live last. */
export function lastLive(known: readonly Revision[], pin: Pin | null): string {
  return pin?.revision ?? known.find(({ liveAt }) => liveAt !== null)?.id ?? "none";
}

/** A page begins after the revision that the page before ended with. */
function pageOf(all: readonly ShownRevision[], { limit, after }: PageRequest) {
  if (after !== null && !/^[0-9a-f]{64}$/.test(after)) {
    throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
  }
  const start = after === null ? 0 : all.findIndex(({ id }) => id === `sha256:${after}`) + 1;
  const data = all.slice(start, start + limit);
  const last = data.at(-1);
  const more = start + data.length < all.length && last !== undefined;
  return { data, next: more ? last.id.replace("sha256:", "") : null };
}
