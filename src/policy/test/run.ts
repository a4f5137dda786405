import { type Decision, decide, extend, type Modification } from "../../core/decision.ts";
import { evaluate } from "../../core/engine.ts";
import { type FactName, type Facts, readFact } from "../../core/facts.ts";
import type { Identity } from "../../core/identity.ts";
import type { LimitRequest } from "../../core/limits.ts";
import type { Surface } from "../../core/phases.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { compileScope } from "../../core/scope.ts";
import type { TestCase } from "./cases.ts";
import { type LimitsTaken, takeLimits } from "./limits.ts";
import { modifyCase } from "./modify.ts";

/** What came of one case. */
export interface Outcome {
  readonly decision: Decision;
  readonly modifications: readonly Modification[];
  readonly limits: readonly LimitRequest[];
  /** Limits that the case itself mocks and no policy declares. */
  readonly unknownLimits: readonly string[];
  /** Policies that were not asked, because their scope leaves the request out. */
  readonly outOfScope: readonly CompiledPolicy[];
  /** What policies threw. */
  readonly errors: readonly { readonly policy: string; readonly error: unknown }[];
}

/**
 * Judges a case by policies, with the engine of the server: scopes, then the phase, then what is to be modified, then
 * limits. A policy whose scope leaves the request out is not asked.
 */
export function runCase(policies: readonly CompiledPolicy[], one: TestCase): Outcome {
  const errors: { policy: string; error: unknown }[] = [];
  const content = { texts: () => one.texts };
  const note = ({ id }: CompiledPolicy, error: unknown) => void errors.push({ policy: id, error });
  const judge = (facts: Facts) => {
    const inScope = inScopeOf(policies, facts, one.timeZone);
    return { decision: evaluate(inScope, one.phase, facts, note, content), policies: inScope };
  };
  const first = judge(one.facts);
  const { facts, modifications, ...modified } = modifyCase(first.decision, first.policies, one.facts, content, judge);

  let { decision } = modified;
  let unknownLimits = one.ownLimits;
  let limits: readonly LimitRequest[] = [];
  if (one.phase === "request" && decision.effect !== "deny") {
    const taken = takeLimits(inScopeOf(policies, facts, one.timeZone), facts, one.limits, one.timeZone);
    decision = withLimits(decision, taken);
    limits = taken.limits;
    unknownLimits = unknownLimits.filter((name) => !taken.names.includes(name));
  }
  const outOfScope = policies.filter((policy) => !first.policies.includes(policy));
  return { decision, modifications, limits, unknownLimits, outOfScope, errors };
}

/** A policy that only declares limits has decided as well. */
function withLimits(decision: Decision, { limits, findings }: LimitsTaken): Decision {
  if (findings.length > 0) return extend(decision, findings);
  if (limits.length === 0 || decision.tally.decided > 0) return decision;
  return decide(decision.phase, decision.findings, { ...decision.tally, decided: 1 });
}

/** The policies that apply to a request with these facts. */
export function inScopeOf(
  policies: readonly CompiledPolicy[],
  facts: Facts,
  timeZone: string,
): readonly CompiledPolicy[] {
  const text = (name: FactName) => read(facts, name, "") as string;
  const labels = (name: FactName) => read(facts, name, {}) as Readonly<Record<string, string>>;
  const identity: Identity = {
    org: { id: text("org.id"), labels: labels("org.labels"), timeZone },
    team: { id: text("team.id") },
    app: { id: text("app.id"), name: text("app.name"), labels: labels("app.labels") },
    env: text("app.env"),
    key: { id: text("key.id") },
  };
  const [model, surface] = [text("request.model"), text("request.surface") as Surface];
  return policies.filter(({ scope }) => compileScope(scope)(identity, model, surface));
}

/** Scopes are told by what the gateway knows of the key: a fact that cannot be had is one of the rules' alone. */
function read(facts: Facts, name: FactName, otherwise: unknown): unknown {
  try {
    return readFact(facts, name);
  } catch {
    return otherwise;
  }
}
