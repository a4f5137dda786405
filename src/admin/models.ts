import { t } from "elysia";
import { surfaces } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { settled } from "./policy-input.ts";
import { problems } from "./problems.ts";
import {
  found,
  idParams,
  ifMatchHeaders,
  line,
  listOf,
  listQuery,
  maybeTime,
  oneOf,
  pageOf,
  readIfMatch,
  routes,
  type Shown,
  showMaybeTime,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const price = (description: string) => t.Union([t.Number(), t.Null()], { description });

const summaryMembers = {
  id: t.String({ description: "The name that clients use." }),
  provider: t.String(),
  enabled: t.Boolean({ description: "Whether calls of it are let through; switched off it is not found." }),
};

const modelSummarySchema = t.Object(summaryMembers, {
  examples: [{ id: "gpt-4o", provider: "openai", enabled: true }],
});

/** What most prices leave out. */
const unlisted = { cache_write: null, cache_write_long: null, reasoning: null, tiers: [] };

const modelSchema = t.Object(
  {
    ...summaryMembers,
    reason: t.String({ description: "Why it was switched last; empty when nothing was said." }),
    actor: t.String({ description: "Who switched it last; empty when nobody did." }),
    switched_at: maybeTime("When; null when nobody did."),
    targets: t.Array(
      t.Object({
        surface: oneOf(surfaces),
        provider: t.String(),
        kind: t.String({ description: "The provider's wire format." }),
        model: t.String({ description: "The model's name at the provider." }),
      }),
      { description: "Where its requests go, by surface." },
    ),
    encoding: t.String({ description: "How its tokens are counted; none when they are estimated." }),
    max_output_tokens: t.Integer({ description: "0 when unknown." }),
    price: t.Union(
      [
        t.Object({
          input: t.Number(),
          output: t.Number(),
          cached_input: price("Of input read from the provider's cache."),
          cache_write: price("Of input written to the provider's cache."),
          cache_write_long: price(
            "Of input written to be kept for an hour; null where it costs as other writing does.",
          ),
          reasoning: price("Of reasoning; null where it costs as other output does."),
          tiers: t.Array(
            t.Object({
              above: t.Integer({ description: "Prompts of more tokens than this." }),
              input: t.Number(),
              output: t.Number(),
              cached_input: price("Of input read from the provider's cache."),
              cache_write: price("Of input written to the provider's cache."),
            }),
            { description: "What the whole call costs where its prompt is long." },
          ),
          date: t.String({
            description: "When the figures were collected; configured for those of the configuration.",
          }),
        }),
        t.Null(),
      ],
      { description: "US dollars per 1,000,000 tokens; null when unknown." },
    ),
  },
  {
    examples: [
      {
        id: "gpt-4o",
        provider: "openai",
        enabled: true,
        reason: "",
        actor: "",
        switched_at: null,
        targets: [{ surface: "chat", provider: "openai", kind: "openai", model: "gpt-4o" }],
        encoding: "o200k_base",
        max_output_tokens: 16384,
        price: { input: 2.5, output: 10, cached_input: 1.25, ...unlisted, date: "2026-01-01" },
      },
    ],
  },
);

const reason = line(512, "Why, for whoever finds it switched off.");

const changeSchema = t.Object(
  { enabled: t.Boolean({ description: "False refuses calls of it at once." }), reason: t.Optional(reason) },
  { additionalProperties: false, examples: [{ enabled: false, reason: "answers in the wrong language since noon" }] },
);

const reasonSchema = t.Object(
  { reason: t.Optional(reason) },
  { additionalProperties: false, examples: [{ reason: "answers in the wrong language since noon" }] },
);

const switchDescription =
  "At once, on every replica: under its own name, and under every other one that leads to it. A name with further targets goes to those.";

const tags = ["Models"];

/** `/models`. */
export function modelRoutes(deps: AdminDeps) {
  const switchTo = async (
    given: string,
    enabled: boolean,
    why: string | undefined,
    { request, headers, set }: Switching,
  ) => {
    const id = listedId(deps, given);
    found(describe(deps, id), "model", given);
    const ifMatch = headers["if-match"];
    const actor = actorOf(request);
    const change = { enabled, reason: why ?? "", actor };
    const { version } = settled(await deps.models.change(id, change, readIfMatch(ifMatch)), "model", id, ifMatch);
    deps.logger.warn({ model: id, ...change }, enabled ? "a model was switched on" : "a model was switched off");
    set.headers.etag = toEtag(version);
    return describe(deps, id)!;
  };

  return routes("/models")
    .get(
      "",
      ({ query }) => {
        const { data, next } = pageOf(deps.catalogue.list(), ({ id }) => id, toPageRequest(query));
        return {
          data: data.map(({ id, provider }) => ({ id, provider, enabled: !deps.models.isOff(id) })),
          next,
        };
      },
      {
        query: listQuery({}),
        response: { 200: listOf(modelSummarySchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List models", operationId: "listModels" }),
      },
    )
    .get(
      "/:id",
      ({ params: { id }, set }) => {
        const shown = found(describe(deps, listedId(deps, id)), "model", id);
        set.headers.etag = toEtag(deps.models.find(shown.id)?.version ?? 0);
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
    .patch("/:id", ({ params: { id }, body, ...context }) => switchTo(id, body.enabled, body.reason, context), {
      params: idParams,
      headers: ifMatchHeaders,
      body: changeSchema,
      response: { 200: modelSchema, ...problems(404, 412, 413) },
      detail: needing(
        "model:write",
        {
          tags,
          summary: "Switch a model off or on",
          description: switchDescription,
          operationId: "changeModel",
        },
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
        {
          tags,
          summary: "Switch a model off",
          description: switchDescription,
          operationId: "disableModel",
        },
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
function listedId({ catalogue }: AdminDeps, name: string): string {
  const listed = catalogue.list().map(({ id }) => id);
  if (listed.includes(name)) return name;
  const known = surfaces.map((surface) => catalogue.resolve(name, surface)?.model.id).find((id) => id !== undefined);
  const same = (a: string) => listed.find((id) => id.toLowerCase() === a.toLowerCase());
  return same(name) ?? (known === undefined ? undefined : same(known)) ?? name;
}

/** What the catalogue tells of a model, without addresses and credentials. */
function describe({ catalogue, models }: AdminDeps, id: string): Shown<typeof modelSchema> | null {
  const served = surfaces.flatMap((surface) => {
    const route = catalogue.resolve(id, surface);
    return route === null ? [] : [{ surface, ...route }];
  });
  const [first] = served;
  if (first === undefined) return null;
  const listed = catalogue.list().find((model) => model.id === id);
  const state = models.find(id);
  const { encoding, maxOutput, price: known } = first.model;
  return {
    id,
    provider: listed?.provider ?? first.target.provider,
    enabled: !models.isOff(id),
    reason: state?.reason ?? "",
    actor: state?.actor ?? "",
    switched_at: showMaybeTime(state?.updatedAt ?? null),
    targets: served.flatMap(({ surface, targets }) =>
      targets.map(({ provider, kind, model }) => ({ surface, provider, kind, model })),
    ),
    encoding,
    max_output_tokens: maxOutput,
    price: known && {
      input: known.input,
      output: known.output,
      cached_input: known.cachedInput,
      cache_write: known.cacheWrite,
      cache_write_long: known.cacheWriteLong ?? null,
      reasoning: known.reasoning ?? null,
      tiers: (known.tiers ?? []).map(({ above, input, output, cachedInput, cacheWrite }) => {
        return { above, input, output, cached_input: cachedInput, cache_write: cacheWrite };
      }),
      date: known.date,
    },
  };
}
