import { t } from "elysia";
import type { DatabasePolicy, PolicyOverlay } from "../core/overlay.ts";
import { policyStatuses } from "../core/overlay.ts";
import type { PolicyEdit, PolicyVersion } from "../core/policy-store.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { maxContent, settled } from "./policy-input.ts";
import { policyDetailSchema, readPolicyView } from "./policy-view.ts";
import { problems } from "./problems.ts";
import { itemChangeSchema, showItemChange } from "./revisions.ts";
import {
  defined,
  found,
  idParamsLike,
  ifMatchHeaders,
  listOf,
  listQuery,
  oneOf,
  readIfMatch,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const content = t.String({
  minLength: 1,
  maxLength: maxContent,
  description: "YAML or JSON, as a *.policy.yaml file.",
});
const status = oneOf(policyStatuses, {
  description: "draft: checked and not live; deprecated: live, and to be attached to nothing more.",
});
const enabled = t.Boolean({ description: "A disabled policy is not live." });

const exampleContent =
  "description: No previews.\nrules:\n  - when: glob(request.model, '*-preview')\n    then: deny\n";

const createSchema = t.Object(
  {
    id: t.String({
      pattern: "^db(/[a-z0-9][a-z0-9_-]*)+$",
      maxLength: 128,
      description: "db/<name>; the manifest may say where in it.",
    }),
    content,
    status: t.Optional(status),
    enabled: t.Optional(enabled),
  },
  { additionalProperties: false, examples: [{ id: "db/no-previews", content: exampleContent }] },
);

const putSchema = t.Object(
  { content, status: t.Optional(status), enabled: t.Optional(enabled) },
  { additionalProperties: false, examples: [{ content: exampleContent, status: "active" }] },
);

const patchSchema = t.Object(
  { content: t.Optional(content), status: t.Optional(status), enabled: t.Optional(enabled) },
  { additionalProperties: false, minProperties: 1, examples: [{ status: "deprecated" }] },
);

const versionSchema = t.Object(
  {
    policy: t.String(),
    version: t.Integer(),
    content: t.String(),
    status,
    enabled,
    action: t.String({ description: "What was done: create, update, enable, disable, rollback or delete." }),
    actor: t.String({ description: "Who did it." }),
    at: time("When."),
  },
  {
    examples: [
      {
        policy: "db/no-previews",
        version: 1,
        content: exampleContent,
        status: "active",
        enabled: true,
        action: "create",
        actor: "admin-key",
        at: "2026-01-31T12:00:00.000Z",
      },
    ],
  },
);

const diffSchema = t.Object(
  {
    policy: t.String(),
    from: t.Integer(),
    to: t.Integer(),
    change: t.Union([itemChangeSchema, t.Null()], {
      description: "Null when nothing that has a meaning is different.",
    }),
  },
  {
    examples: [
      {
        policy: "db/no-previews",
        from: 1,
        to: 2,
        change: null,
      },
    ],
  },
);

const versionNumber = t.Integer({ minimum: 1, description: "A number of /versions.", examples: [1] });
const rollbackSchema = t.Object(
  { version: versionNumber },
  { additionalProperties: false, examples: [{ version: 1 }] },
);
const idParams = idParamsLike("db/no-previews");
const tags = ["Policies"];

/** What writes to `/policies`, and the versions of those of the database. */
export function databasePolicyRoutes(deps: AdminDeps) {
  const stored = (id: string): DatabasePolicy => {
    const row = deps.policyControl.overlay().policies.find((policy) => policy.id === id);
    if (row !== undefined) return row;
    if (deps.policyControl.declared(id) === null) throw new SluiceError("not_found", { resource: "policy", id });
    const problem = `'${id}' is a policy of git; it is changed by a commit. Break-glass takes away its effect for a time.`;
    throw new SluiceError("conflict", { problem });
  };

  /** Changes a database policy; in force when it answers. */
  const edit = async (id: string, change: PolicyEdit, action: string, ifMatch: string | undefined, actor: string) => {
    const before = stored(id);
    const after = { ...before, ...change };
    const changed = await deps.policyControl.change({
      next: (overlay) => withPolicy(overlay, after),
      policy: after,
      store: () => deps.policyStore.changePolicy(id, change, readIfMatch(ifMatch), { actor, action }),
    });
    const { version } = settled(changed, "policy", id, ifMatch);
    deps.logger.info({ policy: id, version, action, actor }, "a database policy was changed");
    return { etag: toEtag(version), shown: view(id) };
  };
  const view = (id: string) => found(readPolicyView(deps, id), "policy", id);

  return routes("/policies")
    .post(
      "",
      async ({ body, set, request }) => {
        const { id, content, status = "active", enabled = true } = body;
        const actor = actorOf(request);
        if (deps.policyControl.overlay().policies.some((policy) => policy.id === id)) {
          throw new SluiceError("conflict", { problem: `There is a policy '${id}' already.` });
        }
        const input = { id, content, status, enabled };
        const made = await deps.policyControl.change({
          next: (overlay) => withPolicy(overlay, { ...input, actor, version: 0, createdAt: 0, updatedAt: 0 }),
          policy: input,
          store: () => deps.policyStore.createPolicy(input, actor),
        });
        deps.logger.info({ policy: id, status, enabled, actor }, "a database policy was made");
        set.status = 201;
        set.headers.etag = toEtag(made.version);
        set.headers.location = `/admin/v1/policies/${encodeURIComponent(id)}`;
        return view(id);
      },
      {
        body: createSchema,
        response: { 201: policyDetailSchema, ...problems(409, 413, 422) },
        detail: needing(
          "policy:write",
          {
            tags,
            summary: "Create a database policy",
            description:
              "With the schema and the checks of files. It is in force when this answers, unless it is a draft.",
            operationId: "createPolicy",
          },
          "deployment",
        ),
      },
    )
    .put(
      "/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        const { etag, shown } = await edit(id, defined(body), "update", headers["if-match"], actorOf(request));
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: putSchema,
        response: { 200: policyDetailSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing(
          "policy:write",
          {
            tags,
            summary: "Replace a database policy's content",
            operationId: "putPolicy",
          },
          "deployment",
        ),
      },
    )
    .patch(
      "/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        const { etag, shown } = await edit(id, defined(body), "update", headers["if-match"], actorOf(request));
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: patchSchema,
        response: { 200: policyDetailSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing(
          "policy:write",
          { tags, summary: "Change a database policy", operationId: "changePolicy" },
          "deployment",
        ),
      },
    )
    .delete(
      "/:id",
      async ({ params: { id }, headers, set, request }) => {
        stored(id);
        const ifMatch = headers["if-match"];
        const actor = actorOf(request);
        const changed = await deps.policyControl.change({
          next: (overlay) => withoutPolicy(overlay, id),
          store: () => deps.policyStore.removePolicy(id, readIfMatch(ifMatch), actor),
        });
        settled(changed, "policy", id, ifMatch);
        deps.logger.info({ policy: id, actor }, "a database policy was deleted");
        set.status = 204;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is deleted." }), ...problems(404, 409, 412, 422) },
        detail: needing(
          "policy:write",
          {
            tags,
            summary: "Delete a database policy",
            description: "With its attachments and tuning. Its versions stay. An open break-glass must be ended first.",
            operationId: "deletePolicy",
          },
          "deployment",
        ),
      },
    )
    .post(
      "/:id/enable",
      async ({ params: { id }, headers, set, request }) => {
        const { etag, shown } = await edit(id, { enabled: true }, "enable", headers["if-match"], actorOf(request));
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 200: policyDetailSchema, ...problems(404, 409, 412, 422) },
        detail: needing(
          "policy:write",
          { tags, summary: "Enable a database policy", operationId: "enablePolicy" },
          "deployment",
        ),
      },
    )
    .post(
      "/:id/disable",
      async ({ params: { id }, headers, set, request }) => {
        const { etag, shown } = await edit(id, { enabled: false }, "disable", headers["if-match"], actorOf(request));
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 200: policyDetailSchema, ...problems(404, 409, 412, 422) },
        detail: needing(
          "policy:write",
          {
            tags,
            summary: "Disable a database policy",
            description: "Policies of git cannot be disabled; a break-glass takes away their effect for a time.",
            operationId: "disablePolicy",
          },
          "deployment",
        ),
      },
    )
    .get(
      "/:id/versions",
      async ({ params: { id }, query }) => {
        const page = await deps.policyStore.versions(id, toPageRequest(query));
        if (page.data.length === 0 && query.cursor === undefined) {
          throw new SluiceError("not_found", { resource: "database policy", id });
        }
        return showPage(page, showVersion);
      },
      {
        params: idParams,
        query: listQuery({}),
        response: { 200: listOf(versionSchema), ...problems(404) },
        detail: needing(
          "policy:read",
          {
            tags,
            summary: "List how a database policy stood after each change, newest first",
            operationId: "listPolicyVersions",
          },
          "deployment",
        ),
      },
    )
    .post(
      "/:id/rollback",
      async ({ params: { id }, body, headers, set, request }) => {
        stored(id);
        const { content, status, enabled } = await versionOf(deps, id, body.version);
        const change = { content, status, enabled };
        const { etag, shown } = await edit(id, change, "rollback", headers["if-match"], actorOf(request));
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: rollbackSchema,
        response: { 200: policyDetailSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing(
          "policy:write",
          {
            tags,
            summary: "Make an earlier version of a database policy its newest",
            description: "It is checked as any other change.",
            operationId: "rollbackPolicy",
          },
          "deployment",
        ),
      },
    )
    .get(
      "/:id/diff",
      async ({ params: { id }, query: { from, to } }) => {
        stored(id);
        const [before, after] = [await versionOf(deps, id, from), await versionOf(deps, id, to)];
        const change = deps.policyControl.diff(id, before.content, after.content);
        return { policy: id, from, to, change: change === null ? null : showItemChange(change) };
      },
      {
        params: idParams,
        query: t.Object({ from: versionNumber, to: versionNumber }, { additionalProperties: false }),
        response: { 200: diffSchema, ...problems(404, 409) },
        detail: needing(
          "policy:read",
          {
            tags,
            summary: "Compare two versions of a database policy by what they mean",
            operationId: "diffPolicyVersions",
          },
          "deployment",
        ),
      },
    );
}

async function versionOf(deps: AdminDeps, id: string, version: number): Promise<PolicyVersion> {
  return found(await deps.policyStore.findVersion(id, version), "version", `${id} ${version}`);
}

function withPolicy(overlay: PolicyOverlay, policy: DatabasePolicy): PolicyOverlay {
  return { ...overlay, policies: [...overlay.policies.filter(({ id }) => id !== policy.id), policy] };
}

function withoutPolicy(overlay: PolicyOverlay, id: string): PolicyOverlay {
  return {
    ...overlay,
    policies: overlay.policies.filter((policy) => policy.id !== id),
    bindings: overlay.bindings.filter(({ policy }) => policy !== id),
    settings: overlay.settings.filter(({ policy }) => policy !== id),
  };
}

function showVersion(version: PolicyVersion): Shown<typeof versionSchema> {
  return { ...version, at: showTime(version.at) };
}
