import { compileGlob } from "./glob.ts";
import type { Identity } from "./identity.ts";
import type { Surface } from "./phases.ts";
import type { CompiledPolicy } from "./policy.ts";
import { compileAudience, compileCaller, compileScope, type ScopeTest } from "./scope.ts";

type Indexed = Pick<CompiledPolicy, "scope" | "audience">;

/** What policies are found by, from what tells most of them apart to what tells least. */
const keys = ["only", "apps", "keys", "teams", "env", "orgs"] as const;
type Key = (typeof keys)[number];

/** For this many model names it is remembered which policies are for them; the names are the client's, so bounded. */
const maxModels = 256;

/**
 * Finds the policies of a request without looking at each: those of the caller by whom they name, once for each caller,
 * and those of the model by trying each pattern once, for all callers together.
 */
export class ScopeIndex {
  /** Each policy stands under the values of one of its lists, the one that tells most. */
  readonly #named: { readonly [K in Key]: Map<string, number[]> } = {
    only: new Map(),
    apps: new Map(),
    keys: new Map(),
    teams: new Map(),
    env: new Map(),
    orgs: new Map(),
  };
  /** Those that name nobody. */
  readonly #rest: number[] = [];
  readonly #isCaller: readonly ((identity: Identity) => boolean)[];
  /** Scopes of requests that are left out, by position. */
  readonly #leftOut = new Map<number, readonly ScopeTest[]>();
  readonly #surfaces: readonly (ReadonlySet<Surface> | undefined)[];
  /** Each pattern once, with the positions of the policies that have it. */
  readonly #patterns = new Map<string, { readonly test: (model: string) => boolean; readonly at: number[] }>();
  /** 1 for policies that are for any model. */
  readonly #anyModel: Uint8Array;
  /** By model: 1 for policies that are for it. */
  readonly #forModel = new Map<string, Uint8Array>();

  constructor(policies: readonly Indexed[]) {
    this.#anyModel = new Uint8Array(policies.length);
    this.#surfaces = policies.map(({ scope }) => scope.surfaces && new Set(scope.surfaces));
    this.#isCaller = policies.map((policy) => {
      const [inScope, inAudience] = [compileCaller(policy.scope), compileAudience(policy)];
      return policy.audience === undefined ? inScope : (identity) => inAudience(identity) && inScope(identity);
    });
    for (const [at, policy] of policies.entries()) this.#add(at, policy);
  }

  #add(at: number, { scope, audience }: Indexed): void {
    const lists = { ...scope, only: audience?.only };
    const key = keys.find((name) => lists[name] !== undefined);
    if (key === undefined) this.#rest.push(at);
    else for (const value of new Set(lists[key])) push(this.#named[key], value, at);
    if (scope.models === undefined) this.#anyModel[at] = 1;
    for (const pattern of scope.models ?? []) {
      const known = this.#patterns.get(pattern);
      if (known === undefined) this.#patterns.set(pattern, { test: compileGlob(pattern), at: [at] });
      else known.at.push(at);
    }
    const leftOut = [scope.except, audience?.outside].filter((other) => other !== undefined).map(compileScope);
    if (leftOut.length > 0) this.#leftOut.set(at, leftOut);
  }

  /** Positions, in their order, of the policies that may apply to a caller, whatever it calls. */
  candidates(identity: Identity): readonly number[] {
    const { app, key, team, env, org } = identity;
    const { only, apps, keys, teams, env: envs, orgs } = this.#named;
    const found = [only.get(app.id), apps.get(app.id), app.name === app.id ? undefined : apps.get(app.name)];
    found.push(keys.get(key.id), teams.get(team.id), envs.get(env), orgs.get(org.id), this.#rest);
    const positions = new Set<number>();
    for (const list of found) for (const at of list ?? []) if (this.#isCaller[at]!(identity)) positions.add(at);
    return [...positions].sort((a, b) => a - b);
  }

  /** Those of a caller's candidates that apply to what it calls. */
  among(candidates: readonly number[], identity: Identity, model: string, surface: Surface): readonly number[] {
    const forModel = this.#policiesFor(model);
    return candidates.filter(
      (at) =>
        forModel[at] === 1 &&
        this.#surfaces[at]?.has(surface) !== false &&
        !(this.#leftOut.get(at)?.some((test) => test(identity, model, surface)) ?? false),
    );
  }

  #policiesFor(model: string): Uint8Array {
    const known = this.#forModel.get(model);
    if (known !== undefined) return known;
    if (this.#forModel.size >= maxModels) this.#forModel.clear();
    const found = this.#anyModel.slice();
    for (const { test, at } of this.#patterns.values()) if (test(model)) for (const one of at) found[one] = 1;
    this.#forModel.set(model, found);
    return found;
  }
}

function push(map: Map<string, number[]>, value: string, at: number): void {
  const known = map.get(value);
  if (known === undefined) map.set(value, [at]);
  else known.push(at);
}
