import { t } from "elysia";
import { resourceOrders } from "../core/resources.ts";
import type { Team } from "../core/tenants.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf, reaches } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { confine, emptyPage, organisationFor } from "./reach.ts";
import {
  defined,
  found,
  idParams,
  ifMatchHeaders,
  labelsSchema,
  listOf,
  listQuery,
  nameText,
  readIfMatch,
  routes,
  type Shown,
  showPage,
  showTime,
  sortedBy,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const name = nameText("Unique inside its organisation.");

const teamSchema = t.Object(
  {
    id: t.String({ description: "Made from the name; never changes and is never used again." }),
    name: t.String(),
    organisation: t.String(),
    labels: labelsSchema,
    created_at: time("When it was made."),
    updated_at: time("When it was last changed."),
  },
  {
    examples: [
      {
        id: "growth",
        name: "Growth",
        organisation: "default",
        labels: { cost_centre: "4711" },
        created_at: "2026-01-01T00:00:00.000Z",
        updated_at: "2026-01-01T00:00:00.000Z",
      },
    ],
  },
);

const createSchema = t.Object(
  {
    name,
    organisation: t.Optional(t.String({ minLength: 1, maxLength: 128 })),
    labels: t.Optional(labelsSchema),
  },
  { additionalProperties: false, examples: [{ name: "Growth", labels: { cost_centre: "4711" } }] },
);

const changeSchema = t.Object(
  { name: t.Optional(name), labels: t.Optional(labelsSchema) },
  { additionalProperties: false, minProperties: 1, examples: [{ labels: { cost_centre: "4711" } }] },
);

const tags = ["Teams"];

/** `/teams`. */
export function teamRoutes(deps: AdminDeps) {
  const find = async (request: Request, id: string): Promise<Team> => {
    const team = await deps.teams.find(id);
    return found(team !== null && reaches(request, team.organisation) ? team : null, "team", id);
  };

  return routes("/teams")
    .get(
      "",
      async ({ query, request }) => {
        const organisation = confine(request, query.organisation);
        if (organisation === null) return emptyPage;
        const filter = defined({ organisation, name: query.name, order: query.sort });
        return showPage(await deps.teams.list(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({
          organisation: t.Optional(t.String({ description: "Only of this organisation, by its id." })),
          name: t.Optional(t.String({ description: "Only with exactly this name." })),
          sort: sortedBy(resourceOrders),
        }),
        response: { 200: listOf(teamSchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List teams", operationId: "listTeams" }),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const organisation = await organisationFor(deps, request, body.organisation);
        const input = { organisation, name: body.name.trim(), labels: body.labels ?? {} };
        const created = await deps.teams.create(input, actorOf(request));
        set.status = 201;
        set.headers.etag = toEtag(created.version);
        set.headers.location = `/admin/v1/teams/${encodeURIComponent(created.id)}`;
        return show(created);
      },
      {
        body: createSchema,
        response: { 201: teamSchema, ...problems(409, 413) },
        detail: needing("app:write", { tags, summary: "Create a team", operationId: "createTeam" }),
      },
    )
    .get(
      "/:id",
      async ({ params, set, request }) => {
        const team = await find(request, params.id);
        set.headers.etag = toEtag(team.version);
        return show(team);
      },
      {
        params: idParams,
        response: { 200: teamSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read a team", operationId: "readTeam" }),
      },
    )
    .patch(
      "/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        await find(request, id);
        const ifMatch = headers["if-match"];
        const change = defined({ name: body.name?.trim(), labels: body.labels });
        const changed = await deps.teams.update(id, change, readIfMatch(ifMatch), actorOf(request));
        const team = settled(changed, "team", id, ifMatch);
        set.headers.etag = toEtag(team.version);
        return show(team);
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: changeSchema,
        response: { 200: teamSchema, ...problems(404, 409, 412, 413) },
        detail: needing("app:write", {
          tags,
          summary: "Change a team",
          description: "Labels are replaced as a whole. Its id stays, which is what records and policies know it by.",
          operationId: "changeTeam",
        }),
      },
    )
    .delete(
      "/:id",
      async ({ params: { id }, headers, set, request }) => {
        await find(request, id);
        const ifMatch = headers["if-match"];
        settled(await deps.teams.remove(id, readIfMatch(ifMatch), actorOf(request)), "team", id, ifMatch);
        set.status = 204;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is deleted." }), ...problems(404, 409, 412) },
        detail: needing("app:write", {
          tags,
          summary: "Delete a team",
          description: "An empty one: while it has applications it stays. Its records stay readable.",
          operationId: "deleteTeam",
        }),
      },
    );
}

function show(team: Team): Shown<typeof teamSchema> {
  return {
    id: team.id,
    name: team.name,
    organisation: team.organisation,
    labels: { ...team.labels },
    created_at: showTime(team.createdAt),
    updated_at: showTime(team.updatedAt),
  };
}
