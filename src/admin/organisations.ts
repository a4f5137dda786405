import { t } from "elysia";
import type { Organisation } from "../core/control.ts";
import type { AdminDeps } from "./deps.ts";
import { problems } from "./problems.ts";
import {
  found,
  idParams,
  labelsSchema,
  listOf,
  listQuery,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const organisationSchema = t.Object(
  {
    id: t.String(),
    name: t.String(),
    time_zone: t.String({ description: "The zone in which its days and months begin." }),
    labels: labelsSchema,
    created_at: time("When it was made."),
    updated_at: time("When it was last changed."),
  },
  {
    examples: [
      {
        id: "default",
        name: "Default",
        time_zone: "UTC",
        labels: {},
        created_at: "2026-01-01T00:00:00.000Z",
        updated_at: "2026-01-01T00:00:00.000Z",
      },
    ],
  },
);

const tags = ["Organisations"];

/** `/organisations`. */
export function organisationRoutes(deps: AdminDeps) {
  return routes("/organisations")
    .get("", async ({ query }) => showPage(await deps.organisations.list(toPageRequest(query)), show), {
      query: listQuery({}),
      response: { 200: listOf(organisationSchema), ...problems() },
      detail: needing("policy:read", { tags, summary: "List organisations", operationId: "listOrganisations" }),
    })
    .get(
      "/:id",
      async ({ params, set }) => {
        const organisation = found(await deps.organisations.find(params.id), "organisation", params.id);
        set.headers.etag = toEtag(organisation.version);
        return show(organisation);
      },
      {
        params: idParams,
        response: { 200: organisationSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read an organisation", operationId: "readOrganisation" }),
      },
    );
}

function show(organisation: Organisation): Shown<typeof organisationSchema> {
  return {
    id: organisation.id,
    name: organisation.name,
    time_zone: organisation.timeZone,
    labels: { ...organisation.labels },
    created_at: showTime(organisation.createdAt),
    updated_at: showTime(organisation.updatedAt),
  };
}
