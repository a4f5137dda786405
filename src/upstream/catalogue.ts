import { LRUCache } from "lru-cache";
import { type Surface, surfaces } from "../core/phases.ts";
import type { Catalogue, ModelInfo, ModelPrice, Route, RoutedTarget, Target } from "../core/ports.ts";
import { defaultBaseUrls, parseBaseUrl } from "./base-url.ts";
import { thinksLong } from "./model-class.ts";
import { assumedMaxOutput, findModel, isListed, knownModelNames, modelsOf, tellsUsageUnasked } from "./models.ts";
import { orderTargets, type Ranked } from "./order.ts";
import type { UpstreamOverrides } from "./settings.ts";

/** A provider, with the names that users write. */
export interface ProviderConfig extends UpstreamOverrides {
  readonly kind: Target["kind"];
  /** The vendor's own when absent. */
  readonly base_url?: string;
  readonly api_key?: string;
  /** The `api-version` of kind azure. */
  readonly api_version?: string;
  /** Whether streams are asked for their usage. Absent: unless the model's vendor tells it unasked. */
  readonly include_usage?: boolean;
}

/** One place that serves a model. */
export interface TargetConfig {
  readonly provider: string;
  /** The model's name at the provider. */
  readonly model: string;
  /** Lower goes first; 1 when absent. */
  readonly priority?: number;
  /** Share of the calls among targets of the same priority; 100 when absent. */
  readonly weight?: number;
  /** Whether the model may think for minutes before its first word. Absent: as its name says. */
  readonly reasoning?: boolean;
}

/** A name that clients can use, or what there is to say of a vendor's own. */
export interface ModelConfig {
  /** What serves it; absent for a name that is a vendor's, and served as that. */
  readonly targets?: readonly TargetConfig[];
  /** What it costs; also what a target of this name costs, where its model has no price of its own. */
  readonly price?: ModelPrice;
  /** It is known and fine that it has no price. */
  readonly unpriced?: "ok";
  /** Where it was written, as people know it. */
  readonly where?: string;
}

/** What the catalogue is made from, by the names that the configuration gives. */
export interface CatalogueOptions {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: ReadonlyMap<string, ModelConfig>;
  /** 0 to 1: spreads calls over targets by their weights. */
  readonly random?: () => number;
}

/** A mistake in the configured routes and the keys that lead to it. */
export interface RoutingProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The provider that answers offline, and its model. Always there. */
export const echoName = "echo";

/** Azure's deployments take the bodies that OpenAI's own paths take: each serves the other's surfaces. */
const openaiSurfaces: readonly Surface[] = [
  ...(["chat", "completions", "responses", "embeddings"] as const),
  ...(["azure-chat", "azure-completions", "azure-embeddings"] as const),
];

const served: Readonly<Record<Target["kind"], readonly Surface[]>> = {
  openai: openaiSurfaces,
  azure: openaiSurfaces,
  anthropic: ["messages", "count_tokens"],
  gemini: ["gemini", "gemini-count-tokens", "gemini-embeddings"],
  cohere: ["cohere", "cohere-embeddings"],
  echo: surfaces,
};

/** Routes of names that clients made up are remembered too, so there is a bound to them and to their length. */
const maxRemembered = 2_048;
const maxNameLength = 256;

const echoProvider: ProviderConfig = { kind: "echo" };

/** A target that a name leads to, with its place among the others. */
interface Candidate extends Ranked {
  readonly target: RoutedTarget;
}

/** What a name leads to: one route for all calls, or targets to be put in order for each. */
type Found =
  | { readonly candidates: null; readonly route: Route | null }
  | { readonly candidates: readonly Candidate[]; readonly route: null };

/**
 * Makes the catalogue of the models that clients can name.
 *
 * A name is looked for among the configured models, then, as the vendors name them, among the models of the configured
 * providers. Without any provider every name goes to the simulated one.
 *
 * @throws Error with the first of {@link routingProblems}
 */
export function createCatalogue(options: CatalogueOptions): Catalogue {
  const [problem] = routingProblems(options);
  if (problem !== undefined) throw new Error(`${problem.path.join(".")}: ${problem.message}`);
  const { providers, models, random = Math.random } = options;
  const priceOf = configuredPrices(models);
  const remembered = new LRUCache<string, Found>({ max: maxRemembered });

  function find(name: string, surface: Surface): readonly Candidate[] {
    if (name === echoName)
      return [candidate(echoName, echoProvider, { provider: echoName, model: echoName }, echoName)];
    const configured = models.get(name);
    if (configured?.targets !== undefined) {
      return configured.targets
        .filter((one) => serves(providerOf(providers, one.provider), surface))
        .map((one) => {
          const provider = providerOf(providers, one.provider)!;
          return candidate(one.provider, provider, one, `${one.provider}/${one.model}`, priceOf(name, one));
        })
        .sort((one, other) => one.priority - other.priority);
    }
    if (providers.size === 0) {
      const target = { provider: echoName, model: name };
      return [candidate(echoName, echoProvider, target, echoName, priceOf(name, target))];
    }
    const found = ownerOf(name, surface);
    if (found === undefined) return [];
    const { provider, model } = found;
    // Clients make up names: what is not listed shares one name, of which there are then only so many.
    const id = isListed(model) ? `${provider}/${model.toLowerCase()}` : provider;
    return [candidate(provider, providers.get(provider)!, found, id, priceOf(name, found))];
  }

  /** The provider that serves a name which nobody configured, as its vendor does. */
  function ownerOf(name: string, surface: Surface): TargetConfig | undefined {
    // Deployments are called as their owner likes.
    if (surface.startsWith("azure-") && providers.get("azure")?.kind === "azure") {
      return { provider: "azure", model: name };
    }
    const known = findModel(name);
    const owner = known === null ? undefined : vendorNames(known.provider).find((one) => providers.has(one));
    if (known === null || owner === undefined) return undefined;
    const provider = providers.get(owner)!;
    if (!ownsModels(provider) || !serves(provider, surface)) return undefined;
    // The client's own spelling goes to the provider: what differs in case is another name to the policies.
    const prefixed = known.upstreamModel !== known.id;
    return { provider: owner, model: prefixed ? known.upstreamModel : name };
  }

  function remember(name: string, surface: Surface): Found {
    const candidates = find(name, surface);
    return candidates.length > 1 ? { candidates, route: null } : { candidates: null, route: toRoute(candidates) };
  }

  return {
    resolve(name, surface) {
      const key = `${surface}\n${name}`;
      let found = name.length > maxNameLength ? remember(name, surface) : remembered.get(key);
      if (found === undefined) {
        found = remember(name, surface);
        remembered.set(key, found);
      }
      return found.candidates === null ? found.route : toRoute(orderTargets(found.candidates, random));
    },

    list() {
      const listed = new Map<string, string>();
      for (const [name, { targets }] of models) if (targets?.[0] !== undefined) listed.set(name, targets[0].provider);
      for (const [name, provider] of providers) {
        if (!ownsModels(provider)) continue;
        for (const { id } of modelsOf(vendorOf(name))) if (!listed.has(id)) listed.set(id, name);
      }
      listed.set(echoName, echoName);
      return [...listed].map(([id, provider]) => ({ id, provider, enabled: true }));
    },
  };
}

/** The names of models that are known here: the configured ones, what their targets are called, and the vendors' own. */
export function modelNames({ models }: Pick<CatalogueOptions, "models">): readonly string[] {
  const targets = [...models.values()].flatMap((one) => one.targets?.map(({ model }) => model) ?? []);
  return [...new Set([...models.keys(), ...targets, echoName, ...knownModelNames()])];
}

/** Everything that is wrong with the configured routes. */
export function routingProblems({ providers, models }: CatalogueOptions): readonly RoutingProblem[] {
  const problems: RoutingProblem[] = [];
  for (const [name, provider] of providers) {
    const path = ["providers", name];
    if (name === echoName && provider.kind !== "echo") {
      problems.push({ path, message: "the provider 'echo' is the simulated one; give this provider another name" });
    }
    if (provider.base_url === undefined) {
      if (provider.kind === "azure") {
        const message = `is missing: it is the resource's endpoint, such as ${defaultBaseUrls.azure}`;
        problems.push({ path: [...path, "base_url"], message });
      }
      continue;
    }
    if (provider.kind === "echo") {
      problems.push({
        path: [...path, "base_url"],
        message: "a provider of kind echo answers by itself and has no address",
      });
      continue;
    }
    try {
      parseBaseUrl(provider.kind, provider.base_url);
    } catch (error) {
      problems.push({ path: [...path, "base_url"], message: (error as RangeError).message });
    }
  }
  for (const [name, { targets }] of models) {
    const path = ["models", name];
    if (name === echoName)
      problems.push({ path, message: "the model 'echo' is the simulated one; give this model another name" });
    if (targets === undefined) continue;
    if (targets.length === 0) problems.push({ path: [...path, "targets"], message: "must name at least one target" });
    const named = new Set<string>();
    for (const [i, target] of targets.entries()) {
      const at = [...path, "targets", i];
      const provider = providerOf(providers, target.provider);
      if (provider === undefined) {
        const known = [...providers.keys(), echoName].join(", ");
        problems.push({
          path: [...at, "provider"],
          message: `there is no provider '${target.provider}'; configured: ${known}`,
        });
        continue;
      }
      const id = `${target.provider}/${target.model}`;
      if (named.has(id)) problems.push({ path: at, message: `is ${id} again; one target has one priority and weight` });
      named.add(id);
    }
  }
  return problems;
}

function providerOf(providers: CatalogueOptions["providers"], name: string): ProviderConfig | undefined {
  return providers.get(name) ?? (name === echoName ? echoProvider : undefined);
}

/** A provider that was given a key, or an address that needs none, serves its own models by their own names. */
function ownsModels(provider: ProviderConfig): boolean {
  return provider.kind !== "echo" && (provider.api_key !== undefined || provider.base_url !== undefined);
}

function serves(provider: ProviderConfig | undefined, surface: Surface): boolean {
  return provider !== undefined && served[provider.kind].includes(surface);
}

/** Providers by the name of the vendor whose models they serve: Google's may be called after its API. */
function vendorNames(vendor: string): readonly string[] {
  return vendor === "google" ? ["google", "gemini"] : [vendor];
}

function vendorOf(provider: string): string {
  return provider === "gemini" ? "google" : provider;
}

function toRoute(ordered: readonly Candidate[]): Route | null {
  const [first] = ordered;
  if (first === undefined) return null;
  const { target } = first;
  return { model: target.info, target, targets: ordered.map((one) => one.target) };
}

function candidate(
  name: string,
  provider: ProviderConfig,
  config: TargetConfig,
  id: string,
  price?: ModelPrice,
): Candidate {
  const { model, priority = 1, weight = 100, reasoning = thinksLong(model) } = config;
  const known = infoOf(name, provider, model);
  const info = price === undefined ? known : { ...known, price };
  return { target: { ...toTarget(name, provider, model), id, info, thinksLong: reasoning }, priority, weight };
}

/** The price that the configuration gives a target: that of the name that clients use, else of the model's own. */
function configuredPrices(
  models: CatalogueOptions["models"],
): (name: string, target: TargetConfig) => ModelPrice | undefined {
  const byName = new Map([...models].map(([name, { price }]) => [name.toLowerCase(), price]));
  return (name, { model }) => byName.get(name.toLowerCase()) ?? byName.get(model.toLowerCase());
}

/** A model that clients can name and whose price nobody knows. */
export interface UnpricedModel {
  readonly model: string;
  /** Where it is configured, as people know it; absent for a vendor's own name. */
  readonly where?: string;
}

/** The models that the configuration serves without knowing their price, and without saying that this is fine. */
export function unpricedModels({ providers, models }: CatalogueOptions): readonly UnpricedModel[] {
  const priceOf = configuredPrices(models);
  const isKnown = (name: string, target: TargetConfig) => {
    const provider = providerOf(providers, target.provider);
    if (provider === undefined || priceOf(name, target) !== undefined) return true;
    return infoOf(target.provider, provider, target.model).price !== null;
  };
  const waived = new Set(
    [...models].flatMap(([name, { unpriced }]) => (unpriced === "ok" ? [name.toLowerCase()] : [])),
  );
  const configured = [...models].flatMap(([model, { targets = [], where }]) =>
    targets.every((target) => isKnown(model, target)) ? [] : [{ model, ...(where !== undefined && { where }) }],
  );
  const owned = [...providers].flatMap(([name, provider]) =>
    ownsModels(provider) ? modelsOf(vendorOf(name)).map(({ id: model }) => ({ provider: name, model })) : [],
  );
  const vendors = owned.filter((one) => !models.get(one.model)?.targets && !isKnown(one.model, one));
  const all = [...configured, ...vendors.map(({ model }): UnpricedModel => ({ model }))];
  return all.filter(({ model }) => !waived.has(model.toLowerCase()));
}

/** What is known of the model that answers; of one that nothing is known of, what is safe to assume. */
function infoOf(name: string, provider: ProviderConfig, model: string): ModelInfo {
  const known = findModel(`${vendorOf(name)}/${model}`) ?? findModel(model);
  if (known !== null) return known;
  if (provider.kind === "echo") return { ...findModel(echoName)!, id: model };
  return { id: model, provider: name, encoding: "none", maxOutput: assumedMaxOutput, price: null };
}

function toTarget(name: string, provider: ProviderConfig, model: string): Target {
  const { kind, api_key: apiKey, base_url: baseUrl, include_usage: asks, api_version: apiVersion } = provider;
  return {
    provider: name,
    kind,
    model,
    baseUrl: kind === "echo" ? "" : parseBaseUrl(kind, baseUrl ?? defaultBaseUrls[kind]),
    authHeaders: apiKey === undefined ? {} : credentials[kind](apiKey),
    takesUsageOption: askable.has(kind) && (asks ?? !tellsUsageUnasked(model)),
    ...(apiVersion !== undefined && { apiVersion }),
  };
}

/** Kinds whose streams can be asked for their usage. */
const askable: ReadonlySet<Target["kind"]> = new Set(["openai", "azure", "echo"]);

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Where each kind wants its key. */
const credentials: Readonly<Record<Target["kind"], (key: string) => Readonly<Record<string, string>>>> = {
  openai: bearer,
  azure: (key) => ({ "api-key": key }),
  anthropic: (key) => ({ "x-api-key": key }),
  gemini: (key) => ({ "x-goog-api-key": key }),
  cohere: bearer,
  echo: () => ({}),
};
