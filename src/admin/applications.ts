import { t } from "elysia";
import { resourceOrders } from "../core/resources.ts";
import type { Application } from "../core/tenants.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { confine, emptyPage, organisationFor, reachedApplication } from "./reach.ts";
import {
  defined,
  idParams,
  ifMatchHeaders,
  labelsSchema,
  line,
  listOf,
  listQuery,
  nameText,
  readIfMatch,
  routes,
  type Shown,
  showPage,
  showTime,
  sortedBy,
  staleError,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const name = nameText("Unique inside its organisation.");
const team = line(128, "Id or name of its team, which is made if it is new; empty for none.");

const applicationSchema = t.Object(
  {
    id: t.String({ description: "Made from the name; never changes and is never used again." }),
    name: t.String(),
    organisation: t.String(),
    team: t.String({ description: "Id of its team; empty without one." }),
    labels: labelsSchema,
    disabled: t.Boolean({ description: "Whether its keys are refused." }),
    created_at: time("When it was made."),
    updated_at: time("When it was last changed."),
  },
  {
    examples: [
      {
        id: "chat",
        name: "chat",
        organisation: "default",
        team: "growth",
        labels: { tier: "free" },
        disabled: false,
        created_at: "2026-01-01T00:00:00.000Z",
        updated_at: "2026-01-01T00:00:00.000Z",
      },
    ],
  },
);

const createSchema = t.Object(
  { name, organisation: t.Optional(t.String()), team: t.Optional(team), labels: t.Optional(labelsSchema) },
  { additionalProperties: false, examples: [{ name: "chat", team: "growth", labels: { tier: "free" } }] },
);

const changeSchema = t.Object(
  {
    name: t.Optional(name),
    team: t.Optional(team),
    labels: t.Optional(labelsSchema),
    disabled: t.Optional(t.Boolean({ description: "True refuses its keys at once." })),
  },
  { additionalProperties: false, minProperties: 1, examples: [{ disabled: true }] },
);

const tags = ["Applications"];

/** `/applications`. */
export function applicationRoutes(deps: AdminDeps) {
  const teamId = async (organisation: string, wanted: string, actor: string) =>
    wanted === "" ? "" : (await deps.teams.ensure(organisation, wanted, actor)).id;

  return routes("/applications")
    .get(
      "",
      async ({ query, request }) => {
        const organisation = confine(request, query.organisation);
        if (organisation === null) return emptyPage;
        const { team, name: wanted, disabled, sort: order } = query;
        const filter = defined({ organisation, team, name: wanted, disabled, order });
        return showPage(await deps.applications.list(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({
          organisation: t.Optional(t.String({ description: "Only of this organisation, by its id." })),
          team: t.Optional(t.String({ description: "Id of its team; empty for those without one." })),
          name: t.Optional(t.String({ description: "Only with exactly this name." })),
          disabled: t.Optional(t.BooleanString({ description: "Whether its keys are refused." })),
          sort: sortedBy(resourceOrders),
        }),
        response: { 200: listOf(applicationSchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List applications", operationId: "listApplications" }),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const actor = actorOf(request);
        const organisation = await organisationFor(deps, request, body.organisation);
        const created = await deps.applications.create(
          {
            organisation,
            team: await teamId(organisation, (body.team ?? "").trim(), actor),
            name: body.name.trim(),
            labels: body.labels ?? {},
          },
          actor,
        );
        set.status = 201;
        set.headers.etag = toEtag(created.version);
        set.headers.location = `/admin/v1/applications/${encodeURIComponent(created.id)}`;
        return show(created);
      },
      {
        body: createSchema,
        response: { 201: applicationSchema, ...problems(409, 413) },
        detail: needing("app:write", { tags, summary: "Create an application", operationId: "createApplication" }),
      },
    )
    .get(
      "/:id",
      async ({ params, set, request }) => {
        const application = await reachedApplication(deps, request, params.id);
        set.headers.etag = toEtag(application.version);
        return show(application);
      },
      {
        params: idParams,
        response: { 200: applicationSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read an application", operationId: "readApplication" }),
      },
    )
    .patch(
      "/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        const actor = actorOf(request);
        const ifMatch = headers["if-match"];
        const current = await reachedApplication(deps, request, id);
        const version = readIfMatch(ifMatch);
        // A team is made for a change that will be: the check is made again, safely, with the change itself.
        if (version !== null && version !== current.version) {
          throw staleError("application", id, ifMatch, current.version);
        }
        const change = defined({
          name: body.name?.trim(),
          team: body.team === undefined ? undefined : await teamId(current.organisation, body.team.trim(), actor),
          labels: body.labels,
          disabled: body.disabled,
        });
        const changed = settled(await deps.applications.update(id, change, version, actor), "application", id, ifMatch);
        deps.keyCache.invalidateApplication(id);
        set.headers.etag = toEtag(changed.version);
        return show(changed);
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: changeSchema,
        response: { 200: applicationSchema, ...problems(404, 409, 412, 413) },
        detail: needing("app:write", {
          tags,
          summary: "Change an application",
          description: "Disabling refuses its keys at once; labels are replaced as a whole.",
          operationId: "changeApplication",
        }),
      },
    )
    .delete(
      "/:id",
      async ({ params: { id }, headers, set, request }) => {
        await reachedApplication(deps, request, id);
        const ifMatch = headers["if-match"];
        const removed = await deps.applications.remove(id, readIfMatch(ifMatch), actorOf(request));
        settled(removed, "application", id, ifMatch);
        deps.keyCache.invalidateApplication(id);
        set.status = 204;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is deleted." }), ...problems(404, 412) },
        detail: needing("app:write", {
          tags,
          summary: "Delete an application",
          description: "Its keys are revoked at once. Its usage and decisions stay readable.",
          operationId: "deleteApplication",
        }),
      },
    );
}

function show(application: Application): Shown<typeof applicationSchema> {
  return {
    id: application.id,
    name: application.name,
    organisation: application.organisation,
    team: application.team,
    labels: { ...application.labels },
    disabled: application.disabled,
    created_at: showTime(application.createdAt),
    updated_at: showTime(application.updatedAt),
  };
}
