import type { Identity } from "./identity.ts";
import type { CompiledPolicy } from "./policy.ts";

type Indexed = Pick<CompiledPolicy, "scope" | "audience">;

/** What policies are found by, from what tells most of them apart to what tells least. */
const keys = ["only", "apps", "keys", "teams", "env", "orgs"] as const;
type Key = (typeof keys)[number];

/** Whom policies name, so that a caller's are found without looking at those of all others. */
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

  constructor(policies: readonly Indexed[]) {
    for (const [at, { scope, audience }] of policies.entries()) {
      const lists = { ...scope, only: audience?.only };
      const key = keys.find((name) => lists[name] !== undefined);
      if (key === undefined) this.#rest.push(at);
      else for (const value of new Set(lists[key])) push(this.#named[key], value, at);
    }
  }

  /** Positions, in their order, of all policies that may apply to a caller; some of them may not. */
  candidates({ app, key, team, env, org }: Identity): readonly number[] {
    const { only, apps, keys, teams, env: envs, orgs } = this.#named;
    const found = [only.get(app.id), apps.get(app.id), app.name === app.id ? undefined : apps.get(app.name)];
    found.push(keys.get(key.id), teams.get(team.id), envs.get(env), orgs.get(org.id), this.#rest);
    return [...new Set(found.flatMap((positions) => positions ?? []))].sort((a, b) => a - b);
  }
}

function push(map: Map<string, number[]>, value: string, at: number): void {
  const known = map.get(value);
  if (known === undefined) map.set(value, [at]);
  else known.push(at);
}
