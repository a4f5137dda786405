import type { Scope } from "../core/policy.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { resolveReached } from "./reach.ts";

/** What is asked about things of organisations. */
export type Owners = Pick<AdminDeps, "applications" | "teams" | "keys">;

/** A scope as an operator may see it. */
export interface ConfinedScope {
  readonly scope: Scope;
  /** Whether that is all of it. */
  readonly whole: boolean;
}

/** The names of one request's operator: what a scope says of others is left out. */
export interface Confinement {
  /** The one organisation that is told of; `null` for all. */
  readonly own: string | null;
  /** Whether an application, by id or name, is one that the operator may know of. */
  knows(application: string): Promise<boolean>;
  /** `null` when no request of the operator's organisation can be in the scope. */
  confine(scope: Scope): Promise<ConfinedScope | null>;
}

const named = ["orgs", "teams", "apps", "keys"] as const;

/** Looks up each name once, however many scopes have it. */
export function createConfinement(deps: Owners, request: Request): Confinement {
  const { organisation: own } = operatorOf(request);
  const asked = new Map<string, Promise<boolean>>();
  const owned: Record<(typeof named)[number], (name: string) => Promise<boolean>> = {
    orgs: async (name) => name === own,
    teams: async (name) => (await deps.teams.find(name))?.organisation === own,
    // A name is own that is no other's id: nobody is to learn of a policy by calling something as what it is for.
    apps: async (name) => {
      const byId = await deps.applications.find(name);
      return byId === null ? (await resolveReached(deps, request, name)) !== null : byId.organisation === own;
    },
    keys: async (name) => {
      const key = await deps.keys.find(name);
      return key !== null && (await deps.applications.find(key.application))?.organisation === own;
    },
  };
  const isOwn = (kind: (typeof named)[number], name: string): Promise<boolean> => {
    const id = `${kind} ${name}`;
    const answer = asked.get(id) ?? owned[kind](name);
    asked.set(id, answer);
    return answer;
  };

  /** The scope with own names alone; `null` when one of its lists has none. */
  const confineLists = async (scope: Omit<Scope, "except">): Promise<ConfinedScope | null> => {
    const kept: Partial<Record<(typeof named)[number], readonly string[]>> = {};
    let whole = true;
    for (const kind of named) {
      const names = scope[kind];
      if (names === undefined) continue;
      const mine = await Promise.all(names.map(async (name) => ((await isOwn(kind, name)) ? [name] : [])));
      const list = mine.flat();
      if (list.length === 0) return null;
      if (list.length < names.length) whole = false;
      kept[kind] = list;
    }
    return { scope: { ...scope, ...kept }, whole };
  };

  return {
    own,
    knows: (application) => (own === null ? Promise.resolve(true) : isOwn("apps", application)),
    async confine(scope) {
      if (own === null) return { scope, whole: true };
      const { except, ...rest } = scope;
      const confined = await confineLists(rest);
      if (confined === null || except === undefined) return confined;
      // What cannot be of the own organisation takes nothing of it out.
      const out = await confineLists(except);
      if (out === null) return { ...confined, whole: false };
      return { scope: { ...confined.scope, except: out.scope }, whole: confined.whole && out.whole };
    },
  };
}
