import { entry } from "../core/entry.ts";
import type { PolicyException } from "../core/exceptions.ts";
import type { FactName, Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import type { Surface } from "../core/phases.ts";
import type { CompiledPolicy, Scope } from "../core/policy.ts";
import { compileScope } from "../core/scope.ts";

/**
 * A policy from which these exceptions are made: what fires in their scope, before they expire, is recorded with the
 * exception's id and has no effect, and what they are from takes nothing from its limits. From the whole policy, its
 * errors have no effect either.
 */
export function withExceptions(policy: CompiledPolicy, exceptions: readonly PolicyException[]): CompiledPolicy {
  if (exceptions.length === 0) return policy;
  const made = exceptions.map(({ id, rule, scope, expiresAt }) => {
    const inScope = compileScope(scope);
    const applies = (facts: Facts) =>
      facts.now.getTime() < expiresAt &&
      inScope(identityOf(facts), facts.request.model, facts.request.surface as Surface);
    return { rule, active: { label: `exception:${id}`, action: "skip" } as const, applies };
  });
  const { override: other } = policy;
  return {
    ...policy,
    reads: [...new Set([...policy.reads, ...exceptions.flatMap(({ scope }) => factsOf(scope))])],
    override: (facts, rule) =>
      made.find((entry) => (entry.rule === "" || entry.rule === rule) && entry.applies(facts))?.active ??
      other?.(facts, rule),
  };
}

const factsOfKey: Readonly<Record<keyof Scope, readonly FactName[]>> = {
  orgs: ["org.id"],
  teams: ["team.id"],
  apps: ["app.id", "app.name"],
  env: ["app.env"],
  keys: ["key.id"],
  models: ["request.model"],
  surfaces: ["request.surface"],
  labels: ["app.labels", "org.labels"],
  except: [],
};

/** The facts that tell whether a request is in a scope, and the time. */
export function factsOf(scope: Scope): readonly FactName[] {
  const keys = [...Object.keys(scope), ...Object.keys(scope.except ?? {})] as (keyof Scope)[];
  return ["now", ...keys.flatMap((key) => factsOfKey[key])];
}

/** Who the facts say is asking: what scopes are tested with. */
export function identityOf({ org, team, app, key }: Facts): Identity {
  return {
    org: { id: org.id, labels: org.labels, timeZone: "UTC" },
    team: { id: team.id },
    app: { id: app.id, name: app.name, labels: app.labels },
    env: app.env,
    key: { id: key.id },
  };
}

/** Makes the exceptions from the policies that they name. */
export function applyExceptions(
  policies: readonly CompiledPolicy[],
  exceptions: readonly PolicyException[],
): CompiledPolicy[] {
  const byPolicy = new Map<string, PolicyException[]>();
  for (const exception of exceptions) entry(byPolicy, exception.policy, () => []).push(exception);
  return policies.map((policy) => withExceptions(policy, byPolicy.get(policy.id) ?? []));
}
