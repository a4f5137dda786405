import { t } from "elysia";
import { resourceOrders } from "../core/resources.ts";
import type { Organisation } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf, reaches } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { confine, emptyPage } from "./reach.ts";
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

const name = nameText("Unique.");
const timeZone = t.String({
  minLength: 1,
  maxLength: 64,
  description: "IANA name of the zone in which its days and months begin, such as Europe/Berlin.",
});

const organisationSchema = t.Object(
  {
    id: t.String({ description: "Made from the name; never changes and is never used again." }),
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

const createSchema = t.Object(
  { name, time_zone: t.Optional(timeZone), labels: t.Optional(labelsSchema) },
  { additionalProperties: false, examples: [{ name: "Acme", time_zone: "Europe/Berlin", labels: { plan: "gold" } }] },
);

const changeSchema = t.Object(
  { name: t.Optional(name), time_zone: t.Optional(timeZone), labels: t.Optional(labelsSchema) },
  { additionalProperties: false, minProperties: 1, examples: [{ labels: { plan: "gold" } }] },
);

const tags = ["Organisations"];

/** `/organisations`. */
export function organisationRoutes(deps: AdminDeps) {
  const find = async (request: Request, id: string): Promise<Organisation> =>
    found(reaches(request, id) ? await deps.organisations.find(id) : null, "organisation", id);

  return routes("/organisations")
    .get(
      "",
      async ({ query, request }) => {
        const id = confine(request, undefined);
        if (id === null) return emptyPage;
        const filter = defined({ id, name: query.name, order: query.sort });
        return showPage(await deps.organisations.list(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({
          name: t.Optional(t.String({ description: "Only with exactly this name." })),
          sort: sortedBy(resourceOrders),
        }),
        response: { 200: listOf(organisationSchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List organisations", operationId: "listOrganisations" }),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const input = {
          name: body.name.trim(),
          timeZone: readTimeZone(body.time_zone ?? "UTC"),
          labels: body.labels ?? {},
        };
        const created = await deps.organisations.create(input, actorOf(request));
        set.status = 201;
        set.headers.etag = toEtag(created.version);
        set.headers.location = `/admin/v1/organisations/${encodeURIComponent(created.id)}`;
        return show(created);
      },
      {
        body: createSchema,
        response: { 201: organisationSchema, ...problems(409, 413) },
        detail: needing(
          "system:write",
          { tags, summary: "Create an organisation", operationId: "createOrganisation" },
          "deployment",
        ),
      },
    )
    .get(
      "/:id",
      async ({ params, set, request }) => {
        const organisation = await find(request, params.id);
        set.headers.etag = toEtag(organisation.version);
        return show(organisation);
      },
      {
        params: idParams,
        response: { 200: organisationSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read an organisation", operationId: "readOrganisation" }),
      },
    )
    .patch(
      "/:id",
      async ({ params: { id }, body, headers, set, request }) => {
        await find(request, id);
        const ifMatch = headers["if-match"];
        const change = defined({
          name: body.name?.trim(),
          timeZone: body.time_zone === undefined ? undefined : readTimeZone(body.time_zone),
          labels: body.labels,
        });
        const changed = await deps.organisations.update(id, change, readIfMatch(ifMatch), actorOf(request));
        const organisation = settled(changed, "organisation", id, ifMatch);
        deps.keyCache.invalidateOrganisation(id);
        set.headers.etag = toEtag(organisation.version);
        return show(organisation);
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: changeSchema,
        response: { 200: organisationSchema, ...problems(404, 409, 412, 413) },
        detail: needing("system:write", {
          tags,
          summary: "Change an organisation",
          description:
            "Labels are replaced as a whole. With another time zone, windows of limits that are counted by the calendar begin anew in it.",
          operationId: "changeOrganisation",
        }),
      },
    )
    .delete(
      "/:id",
      async ({ params: { id }, headers, set, request }) => {
        const ifMatch = headers["if-match"];
        await find(request, id);
        settled(
          await deps.organisations.remove(id, readIfMatch(ifMatch), actorOf(request)),
          "organisation",
          id,
          ifMatch,
        );
        set.status = 204;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is deleted." }), ...problems(404, 409, 412) },
        detail: needing(
          "system:write",
          {
            tags,
            summary: "Delete an organisation",
            description: "An empty one: while it has applications or teams it stays. Its records stay readable.",
            operationId: "deleteOrganisation",
          },
          "deployment",
        ),
      },
    );
}

/**
 * A time zone by its IANA name.
 *
 * @throws SluiceError `invalid_input` for what is none, and for offsets: they know nothing of summer time
 */
function readTimeZone(text: string): string {
  if (/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(text)) {
    try {
      return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
    } catch {
      // No zone of that name.
    }
  }
  const problem = `'time_zone' is no time zone: got '${text}', want an IANA name such as UTC or Europe/Berlin.`;
  throw new SluiceError("invalid_input", { problem });
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
