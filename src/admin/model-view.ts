import { t } from "elysia";
import { type ModelDefinition, modelSources } from "../core/models.ts";
import { surfaces } from "../core/phases.ts";
import type { ModelPrice, RoutedTarget, TargetStatus } from "../core/ports.ts";
import type { AdminDeps } from "./deps.ts";
import { line, maybeTime, oneOf, type Shown, showMaybeTime } from "./schemas.ts";

const statuses = ["healthy", "failing", "disabled"] as const;
type Status = (typeof statuses)[number];

const usd = (description: string) => t.Number({ minimum: 0, maximum: 1_000_000, description });
const maybeUsd = (description: string) => t.Union([usd(""), t.Null()], { description });

const ofTier = {
  input: usd("Of the prompt."),
  output: usd("Of the completion."),
  cached_input: maybeUsd("Of input read from the provider's cache; null where it costs as other input does."),
  cache_write: maybeUsd("Of input written to the provider's cache; null where it costs as other input does."),
};

const priceSchema = t.Object(
  {
    ...ofTier,
    cache_write_long: maybeUsd("Of input written to be kept for an hour; null where it costs as other writing does."),
    reasoning: maybeUsd("Of reasoning; null where it costs as other output does."),
    tiers: t.Array(t.Object({ above: t.Integer({ description: "Prompts of more tokens than this." }), ...ofTier }), {
      description: "What the whole call costs where its prompt is long.",
    }),
    date: t.String({ description: "When the figures were collected; configured for those that do not say." }),
  },
  { description: "US dollars per 1,000,000 tokens." },
);

const newPriceSchema = t.Object(
  {
    input: ofTier.input,
    output: ofTier.output,
    cached_input: t.Optional(ofTier.cached_input),
    cache_write: t.Optional(ofTier.cache_write),
    cache_write_long: t.Optional(maybeUsd("Of input written to be kept for an hour; when absent as other writing.")),
    reasoning: t.Optional(maybeUsd("Of reasoning; when absent as other output.")),
    date: t.Optional(t.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}$", description: "When the figures were collected." })),
  },
  { additionalProperties: false },
);

const targetMembers = {
  provider: t.String({ minLength: 1, maxLength: 128, description: "Name of a configured provider." }),
  model: line(256, "The model's name there; with kind azure its deployment."),
};
const priority = t.Integer({ minimum: 1, maximum: 1000, description: "Lower goes first; 1 when absent." });
const weight = t.Integer({
  minimum: 1,
  maximum: 10_000,
  description: "Share of the calls among targets of the same priority; 100 when absent.",
});
const reasoning = t.Union([t.Boolean(), t.Null()], {
  description: "Whether it may think for minutes before its first word; null: as its name says.",
});
const price = t.Union([newPriceSchema, t.Null()], {
  description: "US dollars per 1,000,000 tokens; when absent what is known of the model that answers.",
});
const waived = t.Boolean({ description: "It is known and fine that it has no price." });

const definitionMembers = {
  targets: t.Array(
    t.Object(
      {
        ...targetMembers,
        priority: t.Optional(priority),
        weight: t.Optional(weight),
        reasoning: t.Optional(reasoning),
      },
      { additionalProperties: false },
    ),
    { minItems: 1, maxItems: 32, description: "Where its requests go." },
  ),
  price: t.Optional(price),
  price_waived: t.Optional(waived),
};

const exampleTargets = [
  { provider: "azure-eu", model: "gpt-4o", priority: 1, weight: 100 },
  { provider: "openai", model: "gpt-4o", priority: 2 },
];

/** What `POST /models` takes. */
export const createModelSchema = t.Object(
  {
    id: t.String({
      pattern: "^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$",
      description: "The name that clients use. A vendor's own leads here then, such as to a deployment at Azure.",
    }),
    ...definitionMembers,
  },
  {
    additionalProperties: false,
    examples: [{ id: "support-chat", targets: exampleTargets, price: { input: 2.5, output: 10 } }],
  },
);

/** What `PUT /models/{id}` takes. */
export const putModelSchema = t.Object(definitionMembers, {
  additionalProperties: false,
  examples: [{ targets: exampleTargets, price: { input: 2.75, output: 11, cached_input: 1.4, date: "2026-01-31" } }],
});

/** A model as the list shows it. */
export const modelMembers = {
  id: t.String({ description: "The name that clients use." }),
  provider: t.String({ description: "Of its first target." }),
  source: oneOf(modelSources, {
    description: "Who says where it leads. Only a model of the database can be changed; every one can be switched.",
  }),
  status: oneOf(statuses, {
    description: "failing: no target is left that is switched on and whose breaker is closed; disabled: switched off.",
  }),
  enabled: t.Boolean({ description: "Whether calls of it are let through; switched off it is not found." }),
};

const known = { id: "gpt-4o", provider: "openai", source: "vendor", status: "healthy", enabled: true } as const;
/** A model of the list as examples show it. */
export const modelSummarySchema = t.Object(modelMembers, { examples: [known] });

/** What most prices leave out. */
const unlisted = { cache_write: null, cache_write_long: null, reasoning: null, tiers: [] };

/** A model with all that is known of it. */
export const modelSchema = t.Object(
  {
    ...modelMembers,
    reason: t.String({ description: "Why it was switched last; empty when nothing was said." }),
    actor: t.String({ description: "Who switched it last; empty when nobody did." }),
    switched_at: maybeTime("When; null when nobody did."),
    definition: t.Union(
      [
        t.Object({
          targets: t.Array(t.Object({ ...targetMembers, priority, weight, reasoning })),
          price: t.Union([priceSchema, t.Null()]),
          price_waived: waived,
        }),
        t.Null(),
      ],
      { description: "What the configuration or the database says of it; null for a vendor's own name." },
    ),
    targets: t.Array(
      t.Object({
        surface: oneOf(surfaces),
        provider: t.String(),
        kind: t.String({ description: "The provider's wire format." }),
        model: t.String({ description: "The model's name at the provider." }),
        status: oneOf(statuses, { description: "failing: its breaker is not closed." }),
      }),
      { description: "Where its requests go now, by surface." },
    ),
    encoding: t.String({ description: "How its tokens are counted; none when they are estimated." }),
    max_output_tokens: t.Integer({ description: "0 when unknown." }),
    price: t.Union([priceSchema, t.Null()], {
      description: "Of its first target, in US dollars per 1,000,000 tokens; null when unknown.",
    }),
  },
  {
    examples: [
      {
        ...known,
        reason: "",
        actor: "",
        switched_at: null,
        definition: null,
        targets: [{ surface: "chat", provider: "openai", kind: "openai", model: "gpt-4o", status: "healthy" }],
        encoding: "o200k_base",
        max_output_tokens: 16384,
        price: { input: 2.5, output: 10, cached_input: 1.25, ...unlisted, date: "2026-01-01" },
      },
    ],
  },
);

type Routed = { readonly surface: (typeof surfaces)[number]; readonly targets: readonly RoutedTarget[] };

/** Where a name leads on each surface that serves it. */
function routesOf({ models }: AdminDeps, id: string): readonly Routed[] {
  return surfaces.flatMap((surface) => {
    const route = models.all.resolve(id, surface);
    if (route === null) return [];
    // Targets of the same priority come in any order.
    return [{ surface, targets: [...route.targets].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)) }];
  });
}

/** How targets are, by their breakers and by what is switched off. */
function targetHealth({ models, targets }: AdminDeps): (target: RoutedTarget) => Status {
  const states = new Map(targets().map(({ id, state }): [string, TargetStatus["state"]] => [id, state]));
  return ({ id, info }) => {
    if (models.isSwitchedOff(info.id)) return "disabled";
    return (states.get(id) ?? "closed") === "closed" ? "healthy" : "failing";
  };
}

function statusOf({ models }: AdminDeps, id: string, routed: readonly Routed[], health: (one: RoutedTarget) => Status) {
  if (routed.length > 0 && models.isOff(id)) return "disabled" as const;
  const served = routed.some(({ targets }) => targets.some((one) => health(one) === "healthy"));
  return served ? ("healthy" as const) : ("failing" as const);
}

/** Makes a function that sums up models as they are now. */
export function createSummary(deps: AdminDeps): (id: string, provider: string) => Shown<typeof modelSummarySchema> {
  const health = targetHealth(deps);
  return (id, provider) => {
    const status = statusOf(deps, id, routesOf(deps, id), health);
    return { id, provider, source: deps.models.source(id), status, enabled: status !== "disabled" };
  };
}

/** The names of the catalogue with their providers, and those that were made here and lead nowhere. */
export function listModels({ models }: AdminDeps): readonly { readonly id: string; readonly provider: string }[] {
  const listed = models.all.list().map(({ id, provider }) => ({ id, provider }));
  const ids = new Set(listed.map(({ id }) => id));
  const lost = models.made().filter((id) => !ids.has(id));
  return [...listed, ...lost.map((id) => ({ id, provider: models.definition(id)?.targets[0]?.provider ?? "" }))];
}

/** What is known of a model, without addresses and credentials; `null` where there is none of the name. */
export function describeModel(deps: AdminDeps, id: string): Shown<typeof modelSchema> | null {
  const { models } = deps;
  const routed = routesOf(deps, id);
  const [first] = surfaces.flatMap((surface) => models.all.resolve(id, surface) ?? []);
  const definition = models.definition(id);
  if (first === undefined && definition === null) return null;
  const state = models.find(id);
  const health = targetHealth(deps);
  const provider =
    models.all.list().find((model) => model.id === id)?.provider ??
    first?.target.provider ??
    definition?.targets[0]?.provider ??
    "";
  const status = statusOf(deps, id, routed, health);
  return {
    id,
    provider,
    source: models.source(id),
    status,
    enabled: status !== "disabled",
    reason: state?.reason ?? "",
    actor: state?.actor ?? "",
    switched_at: showMaybeTime(state === null || state.actor === "" ? null : state.updatedAt),
    definition: definition === null ? null : showDefinition(definition),
    targets: routed.flatMap(({ surface, targets }) =>
      targets.map((target) => {
        const { provider, kind, model } = target;
        return { surface, provider, kind, model, status: status === "disabled" ? status : health(target) };
      }),
    ),
    encoding: first?.model.encoding ?? "none",
    max_output_tokens: first?.model.maxOutput ?? 0,
    price: showPrice(first?.model.price ?? null),
  };
}

function showDefinition({ targets, price, priceWaived }: ModelDefinition) {
  return { targets: targets.map((target) => ({ ...target })), price: showPrice(price), price_waived: priceWaived };
}

function showPrice(known: ModelPrice | null): Shown<typeof priceSchema> | null {
  return (
    known && {
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
    }
  );
}

/** The date of a price that does not say one: records tell that somebody set it. */
const undatedPrice = "configured";

/** What a body says of a model. */
export function toDefinition(body: Shown<typeof putModelSchema>): ModelDefinition {
  const { targets, price, price_waived: priceWaived = false } = body;
  const { cached_input: cachedInput = null, cache_write: cacheWrite = null } = price ?? {};
  const { cache_write_long: cacheWriteLong, reasoning, date = undatedPrice } = price ?? {};
  return {
    targets: targets.map(({ provider, model, priority = 1, weight = 100, reasoning = null }) => {
      return { provider, model, priority, weight, reasoning };
    }),
    price:
      price === undefined || price === null
        ? null
        : {
            input: price.input,
            output: price.output,
            cachedInput,
            cacheWrite,
            ...(typeof cacheWriteLong === "number" && { cacheWriteLong }),
            ...(typeof reasoning === "number" && { reasoning }),
            date,
          },
    priceWaived,
  };
}
