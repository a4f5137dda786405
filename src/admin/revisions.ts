import { t } from "elysia";
import type { FieldChange, ItemChange, Pin, PolicySetDiff, ShownRevision } from "../core/revisions.ts";
import type { AdminDeps } from "./deps.ts";
import { doNoted } from "./noted.ts";
import { actorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  found,
  idText,
  line,
  listOf,
  listQuery,
  maybeTime,
  oneOf,
  routes,
  type Shown,
  showMaybeTime,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const digest = "sha256:2f1c7b0d5a9e4c3f8b6a1d0e7f2c5b8a9d3e6f1a4b7c0d2e5f8a1b4c7d0e3f6a";

const revisionMembers = {
  id: t.String({ description: "Digest of its files: the same files have the same id." }),
  retained_at: time("When it was first seen in good order."),
  live_at: maybeTime("When it last went live; null when it never did, because another one was pinned."),
  live: t.Boolean({ description: "Whether its files are in force." }),
  pinned: t.Boolean({ description: "Whether it stays in force whatever the policies folder holds." }),
  policies: t.Integer(),
  actor: t.String({ description: "What made it live last: an operator, or files for the policies folder." }),
  commit: t.Union([t.String(), t.Null()], { description: "The git commit it came from; null outside of a checkout." }),
  author: t.Union([t.String(), t.Null()], { description: "The commit's author." }),
  committed_at: maybeTime("When that was committed."),
  clean: t.Union([t.Boolean(), t.Null()], { description: "Whether the files were exactly those of the commit." }),
};

const revisionExample = {
  id: digest,
  retained_at: "2026-01-31T12:00:00.000Z",
  live_at: "2026-01-31T12:00:00.000Z",
  live: true,
  pinned: false,
  policies: 12,
  actor: "files",
  commit: "9fceb02d0ae598e95dc970b74767f19372d61af8",
  author: "Ann <ann@example.org>",
  committed_at: "2026-01-31T11:58:00.000Z",
  clean: true,
};

const revisionSchema = t.Object(revisionMembers, { examples: [revisionExample] });

const revisionDetailSchema = t.Object(
  {
    ...revisionMembers,
    files: t.Array(t.Object({ path: t.String(), bytes: t.Integer() }), {
      description: "Its files, relative to the policies folder.",
    }),
  },
  { examples: [{ ...revisionExample, files: [{ path: "org/prod-token-cap.policy.yaml", bytes: 412 }] }] },
);

/** A pin as it is shown; `null` when the policies folder decides. */
export const pinSchema = t.Union(
  [
    t.Object({
      revision: t.String(),
      actor: t.String({ description: "Who pinned it." }),
      reason: t.String({ description: "Why; empty when nothing was said." }),
      at: time("When."),
    }),
    t.Null(),
  ],
  { description: "What stays in force whatever the policies folder holds; null when the folder decides." },
);

/** Shows a pin. */
export function showPin(pin: Pin | null): Shown<typeof pinSchema> {
  return pin === null ? null : { ...pin, at: showTime(pin.at) };
}

const tendency = oneOf(["tightens", "loosens", "neither", "unknown"], {
  description: "What it does to what may pass; unknown when that cannot be shown.",
});
const change = oneOf(["added", "removed", "changed"]);

/** One policy or other file that is not the same in two sets. */
export const itemChangeSchema = t.Object({
  kind: oneOf(["policy", "library", "exception", "data", "manifest", "module"]),
  id: t.String(),
  change,
  tendency,
  why: t.String(),
  file: t.String(),
  fields: t.Array(
    t.Object({
      field: t.String({ description: "Where in the file; rules are named by their ids." }),
      change,
      before: t.Unknown({ description: "Null when it was added." }),
      after: t.Unknown({ description: "Null when it was removed." }),
      tendency,
      why: t.String(),
      line: t.Integer(),
      column: t.Integer(),
    }),
    { description: "What is different in it; empty for what was added or removed, and for code." },
  ),
});

const diffSchema = t.Object(
  {
    base: t.String(),
    head: t.String(),
    items: t.Array(itemChangeSchema),
    summary: t.Object({
      added: t.Integer(),
      removed: t.Integer(),
      changed: t.Integer(),
      tightens: t.Integer(),
      loosens: t.Integer(),
      neither: t.Integer(),
      unknown: t.Integer(),
    }),
  },
  {
    examples: [
      {
        base: digest,
        head: digest.replace("2f1c", "81d0"),
        items: [
          {
            kind: "policy",
            id: "org/prod-token-cap",
            change: "changed",
            tendency: "tightens",
            why: "the rule 'over-hard-cap' fires for more requests",
            file: "policies/org/prod-token-cap.policy.yaml",
            fields: [
              {
                field: "params.hard_cap.default",
                change: "changed",
                before: 16000,
                after: 8000,
                tendency: "tightens",
                why: "the rule 'over-hard-cap' fires for more requests",
                line: 10,
                column: 28,
              },
            ],
          },
        ],
        summary: { added: 0, removed: 0, changed: 1, tightens: 1, loosens: 0, neither: 0, unknown: 0 },
      },
    ],
  },
);

const activatedSchema = t.Object(
  {
    revision: t.String({ description: "Of the live set, with what the control plane lays over its files." }),
    files: t.String({ description: "Id of the revision whose files are in force." }),
    state: oneOf(["ready", "degraded", "invalid"]),
    loaded_at: maybeTime("When the live set was published."),
    pin: pinSchema,
    waiting: t.Union([t.String(), t.Null()], {
      description: "Id of what the policies folder holds in good order and is not live because of the pin.",
    }),
  },
  {
    examples: [
      {
        revision: digest,
        files: digest,
        state: "ready",
        loaded_at: "2026-01-31T12:00:00.000Z",
        pin: { revision: digest, actor: "admin-key", reason: "the new cap is too low", at: "2026-01-31T12:00:00.000Z" },
        waiting: digest.replace("2f1c", "81d0"),
      },
    ],
  },
);

const activateSchema = t.Object(
  { reason: t.Optional(line(512, "Why, for whoever finds it pinned.")) },
  { additionalProperties: false, examples: [{ reason: "the new cap is too low" }] },
);

const idDescription =
  "An id may be shortened to what no other one begins with; live, previous and latest (what the policies folder holds) stand for one too.";
const oneParams = t.Object({ id: idText("The revision.") });
const pair = t.Object({ ...oneParams.properties, head: idText("The one that it is compared with.") });
const tags = ["Revisions"];

/** `/revisions`. */
export function revisionRoutes(deps: AdminDeps) {
  return routes("/revisions")
    .get("", async ({ query }) => showPage(await deps.revisions.list(toPageRequest(query)), showRevision), {
      query: listQuery({}),
      response: { 200: listOf(revisionSchema), ...problems() },
      detail: needing("policy:read", {
        tags,
        summary: "List the policy sets that are kept",
        description: "The last to go live comes first.",
        operationId: "listRevisions",
      }),
    })
    .get(
      "/:id",
      async ({ params: { id } }) => {
        const revision = found(await deps.revisions.find(id), "revision", id);
        return { ...showRevision(revision), files: revision.files.map((file) => ({ ...file })) };
      },
      {
        params: oneParams,
        response: { 200: revisionDetailSchema, ...problems(404, 409) },
        detail: needing(
          "policy:read",
          { tags, summary: "Read a revision", description: idDescription, operationId: "readRevision" },
          "deployment",
        ),
      },
    )
    .get("/:id/diff/:head", async ({ params: { id, head } }) => showDiff(await deps.revisions.diff(id, head)), {
      params: pair,
      response: { 200: diffSchema, ...problems(404, 409) },
      detail: needing(
        "policy:read",
        {
          tags,
          summary: "Compare two revisions by what they mean",
          description: `From {id} to {head}. ${idDescription}`,
          operationId: "diffRevisions",
        },
        "deployment",
      ),
    })
    .post(
      "/:id/activate",
      async ({ params: { id }, body, request }) => {
        const by = { actor: actorOf(request), reason: body?.reason ?? "" };
        // To the folder there is always a way back, also when nothing is kept of what it holds.
        const latest = id === "latest";
        const meant = await deps.revisions.find(id);
        const chosen = latest ? id : found(meant, "revision", id).id;
        const detail = { files: meant?.id ?? null, reason: by.reason, pinned: !latest };
        const act = { actor: by.actor, action: "activate", subject: `revision ${id}`, detail };
        const { revision, files, state, loadedAt, pin, waiting } = await doNoted(deps, act, () =>
          deps.revisions.activate(chosen, by),
        );
        return {
          revision,
          files,
          state,
          loaded_at: showMaybeTime(loadedAt === 0 ? null : loadedAt),
          pin: showPin(pin),
          waiting,
        };
      },
      {
        params: oneParams,
        body: t.Optional(activateSchema),
        response: { 200: activatedSchema, ...problems(404, 409, 413) },
        detail: needing(
          "policy:activate",
          {
            tags,
            summary: "Make a revision live and pin it",
            description: `At once; it stays live whatever the policies folder holds, over restarts as well. With the id latest the pin is taken off. ${idDescription}`,
            operationId: "activateRevision",
          },
          "deployment",
        ),
      },
    );
}

function showRevision(revision: ShownRevision): Shown<typeof revisionSchema> {
  const { id, retainedAt, liveAt, live, pinned, policies, actor, git } = revision;
  return {
    id,
    retained_at: showTime(retainedAt),
    live_at: showMaybeTime(liveAt),
    live,
    pinned,
    policies,
    actor,
    commit: git?.commit ?? null,
    author: git?.author ?? null,
    committed_at: showMaybeTime(git?.committedAt ?? null),
    clean: git?.clean ?? null,
  };
}

function showDiff({ base, head, items, summary }: PolicySetDiff): Shown<typeof diffSchema> {
  return { base, head, items: items.map(showItemChange), summary: { ...summary } };
}

/** Shows one difference. */
export function showItemChange(item: ItemChange): Shown<typeof itemChangeSchema> {
  const field = (one: FieldChange) => ({ ...one, before: one.before ?? null, after: one.after ?? null });
  return { ...item, fields: item.fields.map(field) };
}
