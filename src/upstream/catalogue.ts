import { LRUCache } from "lru-cache";
import { type Surface, surfaces } from "../core/phases.ts";
import type { Catalogue, ModelInfo, Route, Target } from "../core/ports.ts";
import { defaultBaseUrls, parseBaseUrl } from "./base-url.ts";
import { assumedMaxOutput, findModel, knownModelNames, modelsOf, tellsUsageUnasked } from "./models.ts";

/** A provider, with the names that users write. */
export interface ProviderConfig {
  readonly kind: Target["kind"];
  /** The vendor's own when absent. */
  readonly base_url?: string;
  readonly api_key?: string;
  /** Whether streams are asked for their usage. Absent: unless the model's vendor tells it unasked. */
  readonly include_usage?: boolean;
}

/** One place that serves a model. */
export interface TargetConfig {
  readonly provider: string;
  /** The model's name at the provider. */
  readonly model: string;
  /** Lower goes first. */
  readonly priority?: number;
  readonly weight?: number;
}

/** What the catalogue is made from, by the names that the configuration gives. */
export interface CatalogueOptions {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  readonly models: ReadonlyMap<string, { readonly targets: readonly TargetConfig[] }>;
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
  ...(["chat", "completions", "embeddings"] as const),
  ...(["azure-chat", "azure-completions", "azure-embeddings"] as const),
];

const served: Readonly<Record<Target["kind"], readonly Surface[]>> = {
  openai: [...openaiSurfaces, "responses"],
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
  const { providers, models } = options;
  const remembered = new LRUCache<string, { readonly route: Route | null }>({ max: maxRemembered });

  function find(name: string, surface: Surface): Route | null {
    if (name === echoName) return toRoute(echoName, echoProvider, echoName);
    const configured = models.get(name);
    if (configured !== undefined) {
      const target = configured.targets.find((one) => serves(providerOf(providers, one.provider), surface));
      return target === undefined
        ? null
        : toRoute(target.provider, providerOf(providers, target.provider)!, target.model);
    }
    if (providers.size === 0) return toRoute(echoName, echoProvider, name);
    const known = findModel(name);
    const provider = known === null ? undefined : providers.get(known.provider);
    if (known === null || provider === undefined || !ownsModels(provider) || !serves(provider, surface)) return null;
    // The client's own spelling goes to the provider: what differs in case is another name to the policies.
    const prefixed = known.upstreamModel !== known.id;
    return toRoute(known.provider, provider, prefixed ? known.upstreamModel : name);
  }

  return {
    resolve(name, surface) {
      if (name.length > maxNameLength) return find(name, surface);
      const key = `${surface}\n${name}`;
      let found = remembered.get(key);
      if (found === undefined) {
        found = { route: find(name, surface) };
        remembered.set(key, found);
      }
      return found.route;
    },

    list() {
      const listed = new Map<string, string>();
      for (const [name, { targets }] of models) if (targets[0] !== undefined) listed.set(name, targets[0].provider);
      for (const [name, provider] of providers) {
        if (!ownsModels(provider)) continue;
        for (const { id } of modelsOf(name)) if (!listed.has(id)) listed.set(id, name);
      }
      listed.set(echoName, echoName);
      return [...listed].map(([id, provider]) => ({ id, provider, enabled: true }));
    },
  };
}

/** The names of models that are known here: the configured ones, what their targets are called, and the vendors' own. */
export function modelNames({ models }: Pick<CatalogueOptions, "models">): readonly string[] {
  const targets = [...models.values()].flatMap((one) => one.targets.map(({ model }) => model));
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
    if (provider.base_url === undefined) continue;
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
    if (targets.length === 0) problems.push({ path: [...path, "targets"], message: "must name at least one target" });
    const taken = new Set<Surface>();
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
      const again = served[provider.kind].find((surface) => taken.has(surface));
      if (again !== undefined) {
        problems.push({
          path: at,
          message: `a second target for the surface ${again}: failover and weights are not supported by this version`,
        });
      }
      for (const surface of served[provider.kind]) taken.add(surface);
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

function toRoute(name: string, provider: ProviderConfig, model: string): Route {
  return { model: infoOf(name, provider, model), target: toTarget(name, provider, model) };
}

/** What is known of the model that answers; of one that nothing is known of, what is safe to assume. */
function infoOf(name: string, provider: ProviderConfig, model: string): ModelInfo {
  const known = findModel(`${name}/${model}`) ?? findModel(model);
  if (known !== null) return known;
  if (provider.kind === "echo") return { ...findModel(echoName)!, id: model };
  return { id: model, provider: name, encoding: "none", maxOutput: assumedMaxOutput, price: null };
}

function toTarget(name: string, provider: ProviderConfig, model: string): Target {
  const { kind, api_key: apiKey, base_url: baseUrl, include_usage: asks } = provider;
  const auth: Record<string, string> = {};
  if (apiKey !== undefined && kind === "openai") auth.authorization = `Bearer ${apiKey}`;
  if (apiKey !== undefined && kind === "anthropic") auth["x-api-key"] = apiKey;
  return {
    provider: name,
    kind,
    model,
    baseUrl: kind === "echo" ? "" : parseBaseUrl(kind, baseUrl ?? defaultBaseUrls[kind]),
    authHeaders: auth,
    takesUsageOption: kind !== "anthropic" && (asks ?? !tellsUsageUnasked(model)),
  };
}
