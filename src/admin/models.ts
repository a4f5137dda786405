import { t } from "elysia";
import { surfaces } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import { problems } from "./problems.ts";
import { found, idParams, listOf, listQuery, oneOf, pageOf, routes, type Shown, toPageRequest } from "./schemas.ts";

const price = (description: string) => t.Union([t.Number(), t.Null()], { description });

const summaryMembers = {
  id: t.String({ description: "The name that clients use." }),
  provider: t.String(),
  enabled: t.Boolean(),
};

const modelSummarySchema = t.Object(summaryMembers, {
  examples: [{ id: "gpt-4o", provider: "openai", enabled: true }],
});

const modelSchema = t.Object(
  {
    ...summaryMembers,
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
          date: t.String({ description: "When the figures were collected." }),
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
        targets: [{ surface: "chat", provider: "openai", kind: "openai", model: "gpt-4o" }],
        encoding: "o200k_base",
        max_output_tokens: 16384,
        price: { input: 2.5, output: 10, cached_input: 1.25, cache_write: null, date: "2026-01-01" },
      },
    ],
  },
);

const tags = ["Models"];

/** `/models`. */
export function modelRoutes(deps: AdminDeps) {
  return (
    routes("/models")
      .get(
        "",
        ({ query }) => {
          const { data, next } = pageOf(deps.catalogue.list(), ({ id }) => id, toPageRequest(query));
          return { data: data.map(({ id, provider, enabled }) => ({ id, provider, enabled })), next };
        },
        {
          query: listQuery({}),
          response: { 200: listOf(modelSummarySchema), ...problems() },
          detail: { tags, summary: "List models", operationId: "listModels" },
        },
      )
      .get("/:id", ({ params: { id } }) => found(describe(deps, id), "model", id), {
        params: idParams,
        response: { 200: modelSchema, ...problems(404) },
        detail: {
          tags,
          summary: "Read a model",
          description: "Any name that the gateway would serve, also when the list leaves it out.",
          operationId: "readModel",
        },
      })
      // Model names hold slashes, which few clients escape.
      .get("/*", ({ params }) => found(describe(deps, params["*"]), "model", params["*"]), { detail: { hide: true } })
  );
}

/** What the catalogue tells of a model, without addresses and credentials. */
function describe({ catalogue }: AdminDeps, id: string): Shown<typeof modelSchema> | null {
  const served = surfaces.flatMap((surface) => {
    const route = catalogue.resolve(id, surface);
    return route === null ? [] : [{ surface, ...route }];
  });
  const [first] = served;
  if (first === undefined) return null;
  const listed = catalogue.list().find((model) => model.id === id);
  const { encoding, maxOutput, price: known } = first.model;
  return {
    id,
    provider: listed?.provider ?? first.target.provider,
    enabled: listed?.enabled ?? true,
    targets: served.map(({ surface, target: { provider, kind, model } }) => ({ surface, provider, kind, model })),
    encoding,
    max_output_tokens: maxOutput,
    price: known && {
      input: known.input,
      output: known.output,
      cached_input: known.cachedInput,
      cache_write: known.cacheWrite,
      date: known.date,
    },
  };
}
