import { entry } from "../core/entry.ts";
import type { PolicyException } from "../core/exceptions.ts";
import type { FactName, Facts } from "../core/facts.ts";
import type { Identity } from "../core/identity.ts";
import type { Surface } from "../core/phases.ts";
import { type Ask, type CompiledPolicy, notApplicable, type RuleHit, type Scope } from "../core/policy.ts";
import { compileScope } from "../core/snapshot.ts";

/**
 * A policy from which these exceptions are made: what fires in their scope, before they expire, is recorded with the
 * exception's id and has no effect. An exception from the whole policy also takes nothing from its limits.
 *
 * An error of the policy stays one: an exception is from what the policy says, and it said nothing.
 */
export function withExceptions(policy: CompiledPolicy, exceptions: readonly PolicyException[]): CompiledPolicy {
  if (exceptions.length === 0) return policy;
  const made = exceptions.map(({ id, rule, scope, expiresAt }) => {
    const inScope = compileScope(scope);
    const applies = (facts: Facts) =>
      facts.now.getTime() < expiresAt &&
      inScope(identityOf(facts), facts.request.model, facts.request.surface as Surface);
    return { rule, override: `exception:${id}`, applies };
  });
  const whole = made.filter(({ rule }) => rule === "");

  const excepted = (hit: RuleHit, facts: Facts): RuleHit => {
    if (hit.override !== undefined) return hit;
    const found = made.find(({ rule, applies }) => (rule === "" || rule === hit.rule) && applies(facts));
    return found === undefined ? hit : { ...hit, override: found.override };
  };
  const wrap =
    (ask: Ask): Ask =>
    (facts, content) => {
      const verdict = ask(facts, content);
      if (verdict === null || verdict === notApplicable) return verdict;
      return verdict.map((hit) => excepted(hit, facts));
    };

  const { evaluate, recheck, limits } = policy;
  return {
    ...policy,
    evaluate: Object.fromEntries(Object.entries(evaluate).map(([phase, ask]) => [phase, wrap(ask)])),
    reads: [...new Set([...policy.reads, ...exceptions.flatMap(({ scope }) => factsOf(scope))])],
    ...(recheck && { recheck: wrap(recheck) }),
    ...(limits && {
      limits: (facts: Facts) => (whole.some(({ applies }) => applies(facts)) ? [] : limits(facts)),
    }),
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
