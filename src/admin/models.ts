import { t } from "elysia";
import { modelSources } from "../core/models.ts";
import { surfaces } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import {
  createModelSchema,
  createSummary,
  describeModel,
  listModels,
  modelSchema,
  modelSummarySchema,
  putModelSchema,
  toDefinition,
} from "./model-view.ts";
import { actorOf } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import {
  found,
  idParams,
  idParamsLike,
  ifMatchHeaders,
  line,
  listOf,
  listQuery,
  oneOf,
  pageOf,
  readIfMatch,
  routes,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const reason = line(512, "Why, for whoever finds it switched off.");

const changeSchema = t.Object(
  { enabled: t.Boolean({ description: "False refuses calls of it at once." }), reason: t.Optional(reason) },
  { additionalProperties: false, examples: [{ enabled: false, reason: "answers in the wrong language since noon" }] },
);

const reasonSchema = t.Object(
  { reason: t.Optional(reason) },
  { additionalProperties: false, examples: [{ reason: "answers in the wrong language since noon" }] },
);

const listFilters = {
  provider: t.Optional(t.String({ description: "Only those whose first target is there." })),
  source: t.Optional(oneOf(modelSources, { description: "Only those that come from there." })),
  status: t.Optional(oneOf(["healthy", "failing", "disabled"], { description: "Only those that are so now." })),
};

const switchDescription =
  "At once, on every replica: under its own name, and under every other one that leads to it. A name with further targets goes to those.";
const madeParams = idParamsLike("support-chat");
const tags = ["Models"];

/** `/models`. What clients can name belongs to the whole deployment. */
export function modelRoutes(deps: AdminDeps) {
  const { models } = deps;
  const view = (id: string) => found(describeModel(deps, id), "model", id);
  const etagOf = (id: string) => toEtag(models.version(id));

  const switchTo = async (
    given: string,
    enabled: boolean,
    why: string | undefined,
    { request, headers, set }: Switching,
  ) => {
    const id = listedId(deps, given);
    found(describeModel(deps, id), "model", given);
    const ifMatch = headers["if-match"];
    const actor = actorOf(request);
    const change = { enabled, reason: why ?? "", actor };
    settled(await models.change(id, change, readIfMatch(ifMatch)), "model", id, ifMatch);
    deps.logger.warn({ model: id, ...change }, enabled ? "a model was switched on" : "a model was switched off");
    set.headers.etag = etagOf(id);
    return view(id);
  };

  return routes("/models")
    .get(
      "",
      ({ query }) => {
        const { provider, source, status } = query;
        const summarize = createSummary(deps);
        const named = listModels(deps).filter(
          (model) =>
            (provider === undefined || model.provider === provider) &&
            (source === undefined || models.source(model.id) === source) &&
            (status === undefined || summarize(model.id, model.provider).status === status),
        );
        const { data, next } = pageOf(named, ({ id }) => id, toPageRequest(query));
        return { data: data.map((model) => summarize(model.id, model.provider)), next };
      },
      {
        query: listQuery(listFilters),
        response: { 200: listOf(modelSummarySchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List models", operationId: "listModels" }),
      },
    )
    .post(
      "",
      async ({ body: { id, ...body }, request, set }) => {
        const actor = actorOf(request);
        await models.create(id, toDefinition(body), actor);
        deps.logger.info({ model: id, actor }, "a model was made");
        set.status = 201;
        set.headers.etag = etagOf(id);
        set.headers.location = `/admin/v1/models/${encodeURIComponent(id)}`;
        return view(id);
      },
      {
        body: createModelSchema,
        response: { 201: modelSchema, ...problems(409, 413) },
        detail: needing(
          "model:write",
          {
            tags,
            summary: "Create a model",
            description:
              "A name that leads to targets at configured providers. It can be asked for when this answers, on every replica at once. A price that nobody knows is given, or waived.",
            operationId: "createModel",
          },
          "deployment",
        ),
      },
    )
    .get(
      "/:id",
      ({ params: { id }, set }) => {
        const shown = found(describeModel(deps, listedId(deps, id)), "model", id);
        set.headers.etag = etagOf(shown.id);
        return shown;
      },
      {
        params: idParams,
        response: { 200: modelSchema, ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "Read a model",
          description: "Any name that the gateway would serve, also when the list leaves it out.",
          operationId: "readModel",
        }),
      },
    )
    .put(
      "/:id",
      async ({ params, body, headers, request, set }) => {
        const id = listedId(deps, params.id);
        const ifMatch = headers["if-match"];
        const actor = actorOf(request);
        settled(await models.replace(id, toDefinition(body), readIfMatch(ifMatch), actor), "model", id, ifMatch);
        deps.logger.info({ model: id, actor }, "a model was changed");
        set.headers.etag = etagOf(id);
        return view(id);
      },
      {
        params: madeParams,
        headers: ifMatchHeaders,
        body: putModelSchema,
        response: { 200: modelSchema, ...problems(404, 409, 412, 413) },
        detail: needing(
          "model:write",
          {
            tags,
            summary: "Replace where a model leads and what it costs",
            description: "Of one that was made here. Calls that are under way end as they began.",
            operationId: "putModel",
          },
          "deployment",
        ),
      },
    )
    .delete(
      "/:id",
      async ({ params, headers, request, set }) => {
        const id = listedId(deps, params.id);
        const ifMatch = headers["if-match"];
        const actor = actorOf(request);
        settled(await models.remove(id, readIfMatch(ifMatch), actor), "model", id, ifMatch);
        deps.logger.info({ model: id, actor }, "a model was deleted");
        set.status = 204;
      },
      {
        params: madeParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is deleted." }), ...problems(404, 409, 412) },
        detail: needing(
          "model:write",
          {
            tags,
            summary: "Delete a model",
            description: "One that was made here. A name that is a vendor's own leads there again.",
            operationId: "deleteModel",
          },
          "deployment",
        ),
      },
    )
    .patch("/:id", ({ params: { id }, body, ...context }) => switchTo(id, body.enabled, body.reason, context), {
      params: idParams,
      headers: ifMatchHeaders,
      body: changeSchema,
      response: { 200: modelSchema, ...problems(404, 412, 413) },
      detail: needing(
        "model:write",
        { tags, summary: "Switch a model off or on", description: switchDescription, operationId: "changeModel" },
        "deployment",
      ),
    })
    .post("/:id/enable", ({ params: { id }, body, ...context }) => switchTo(id, true, body?.reason, context), {
      params: idParams,
      headers: ifMatchHeaders,
      body: t.Optional(reasonSchema),
      response: { 200: modelSchema, ...problems(404, 412, 413) },
      detail: needing("model:write", { tags, summary: "Switch a model on", operationId: "enableModel" }, "deployment"),
    })
    .post("/:id/disable", ({ params: { id }, body, ...context }) => switchTo(id, false, body?.reason, context), {
      params: idParams,
      headers: ifMatchHeaders,
      body: t.Optional(reasonSchema),
      response: { 200: modelSchema, ...problems(404, 412, 413) },
      detail: needing(
        "model:write",
        { tags, summary: "Switch a model off", description: switchDescription, operationId: "disableModel" },
        "deployment",
      ),
    });
}

/** What a handler that switches is given beside the model. */
interface Switching {
  readonly request: Request;
  readonly headers: { readonly "if-match"?: string | undefined };
  readonly set: { readonly headers: Record<string, string | number> };
}

/**
 * The id that the list has for a name, which may be written in another case or with the vendor before it: what is
 * switched under one spelling is switched under all.
 */
function listedId(deps: AdminDeps, name: string): string {
  const { all } = deps.models;
  const listed = listModels(deps).map(({ id }) => id);
  if (listed.includes(name)) return name;
  const known = surfaces.map((surface) => all.resolve(name, surface)?.model.id).find((id) => id !== undefined);
  const same = (a: string) => listed.find((id) => id.toLowerCase() === a.toLowerCase());
  return same(name) ?? (known === undefined ? undefined : same(known)) ?? name;
}
