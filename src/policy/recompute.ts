import { type Decision, extend, type Finding, noPolicyCode, withDefault } from "../core/decision.ts";
import type { DecisionReason, StoredDecision } from "../core/decision-log.ts";
import { errorFinding, evaluate, recheck, toFinding } from "../core/engine.ts";
import type { ExplainedPolicy, ExplainedStep, HiddenFacts } from "../core/explain.ts";
import type { Facts } from "../core/facts.ts";
import { changesOf, joinRechecked, joinRouted } from "../core/modified.ts";
import { modifyInvalidCode, modifyLoopCode } from "../core/modify.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { type RecordedFacts, restoreFacts, type ToldLimit } from "../core/recorded-facts.ts";
import type { RuleSet, Snapshot } from "../core/snapshot.ts";
import { identityOf } from "./exceptions.ts";
import { explainPolicy, withEarlierPhases } from "./explain-policy.ts";

/** A record that has facts. */
export type RecordWithFacts = StoredDecision & { readonly facts: RecordedFacts };

/** A time at which the rules were asked, with what they were asked. */
export interface AskedStep extends ExplainedStep {
  readonly facts: Facts;
  readonly rules: RuleSet;
}

/** Codes of what the gateway finds when it makes the changes or asks a counter: it cannot be found out from facts. */
export const gatewayCodes: ReadonlySet<string> = new Set([modifyInvalidCode, "route_unserved", "store_unavailable"]);

/** Facts of a record that stand for others, or are not there. */
export function hiddenFactsOf({ masked = [], omitted = [] }: RecordedFacts): HiddenFacts {
  return new Map([
    ...masked.map((fact) => [fact, "masked"] as const),
    ...omitted.map((fact) => [fact, "not recorded"] as const),
  ]);
}

/** Asks the rules of a set again, at each time at which they were asked. */
export function askAgain(record: RecordWithFacts, snapshot: Snapshot): readonly AskedStep[] {
  const { phase, surface } = record;
  const hidden = hiddenFactsOf(record.facts);
  let before = "";
  return restoreFacts(record, record.facts).map((facts, i) => {
    const { model } = facts.request;
    const rules = snapshot.rulesFor(identityOf(facts), model, surface);
    const step = i === 0 ? "asked" : model === before ? "modified" : "routed";
    before = model;
    const asked = step === "modified" ? rules.policies.filter((policy) => policy.recheck) : rules.inPhase[phase];
    const context = { hidden, recheck: step === "modified" };
    return { step, model, facts, rules, policies: asked.map((policy) => explainPolicy(policy, phase, facts, context)) };
  });
}

/** The policies that did not answer for certain: what they found is taken from the record. */
export function unknownPolicies(steps: readonly AskedStep[]): ReadonlySet<string> {
  const isUnknown = ({ outcome, rules }: ExplainedPolicy) =>
    outcome === "unknown" || rules.some((rule) => rule.outcome === "unknown" && outcome !== "error");
  return new Set(steps.flatMap(({ policies }) => policies.filter(isUnknown).map(({ policy }) => policy)));
}

/**
 * The decision that the rules come to when they are asked again, with the engine that made the record.
 *
 * @param unknown policies whose findings are the recorded ones
 */
export function decideAgain(
  record: RecordWithFacts,
  snapshot: Snapshot,
  steps: readonly AskedStep[],
  unknown: ReadonlySet<string>,
): Decision {
  const { phase, reasons } = record;
  const isKnown = ({ id }: CompiledPolicy) => !unknown.has(id);
  const isDefault = ({ code }: Pick<DecisionReason, "code">) => code === noPolicyCode;
  const judge = ({ facts, rules }: AskedStep) => {
    const known = rules.inPhase[phase].filter(isKnown).map((policy) => remembering(policy, facts));
    return evaluate(known, phase, facts);
  };
  // Whether nothing was decided depends on those that did not answer.
  const undecided = unknown.size > 0 ? "allow" : snapshot.defaultEffect;

  const first = steps[0]!;
  let decision = phase === "request" ? withDefault(judge(first), undecided) : judge(first);
  let last = first;
  for (const step of steps.slice(1)) {
    last = step;
    if (step.step === "routed") {
      decision = joinRouted(decision, judge(step), step.model, undecided).decision;
    } else {
      decision = changesOf(decision).decision;
      const loops = reasons.some(({ code }) => code === modifyLoopCode);
      decision = joinRechecked(
        decision,
        recheck(decision, step.rules.policies.filter(isKnown), step.facts),
        () => loops,
      );
    }
  }
  if (steps.length === 1 && decision.effect === "modify") decision = changesOf(decision).decision;
  if (phase === "request" && decision.effect !== "deny") {
    decision = joined(decision, limitFindings(record.facts.limits ?? [], last));
  }
  const given = reasons.filter(
    (reason) => unknown.has(reason.policy) || gatewayCodes.has(reason.code) || (unknown.size > 0 && isDefault(reason)),
  );
  decision = joined(decision, given.map(toFindingAgain));
  if (unknown.size === 0) return decision;
  const isByDefault = record.effect === "deny" && reasons.length === 0;
  return { ...decision, tally: record.tally, ...(isByDefault && { effect: "deny", outcome: "not_applicable" }) };
}

/** A decision by default has no findings, and none are no reason to decide anew. */
function joined(decision: Decision, findings: readonly Finding[]): Decision {
  return findings.length === 0 ? decision : extend(decision, findings);
}

/** A policy that has a state for each request is shown what it saw of it before. */
function remembering(policy: CompiledPolicy, facts: Facts): CompiledPolicy {
  if (policy.uses !== "typescript") return policy;
  const evaluated = Object.entries(policy.evaluate).map(([phase, ask]) => {
    const again: typeof ask = (_, content) =>
      ask(withEarlierPhases(policy, phase as keyof typeof policy.evaluate, facts, content!), content);
    return [phase, again];
  });
  return { ...policy, evaluate: Object.fromEntries(evaluated) as CompiledPolicy["evaluate"] };
}

/** What limits had to say, by what their counters said then. */
function limitFindings(told: readonly ToldLimit[], { facts, rules }: AskedStep): readonly Finding[] {
  return rules.limiting.flatMap((policy): readonly Finding[] => {
    try {
      const limits = policy.limits!(facts);
      return told
        .filter((standing) => standing.policy === policy.id)
        .flatMap((standing) => {
          const limit = limits.find(({ name }) => name === standing.limit);
          const ask = standing.granted ? policy.limitGranted : policy.limitHit;
          const hit = limit && ask?.(limit, standing);
          if (hit === undefined || hit === null) return [];
          const override = policy.override?.(facts, hit.rule)?.label;
          return toFinding(policy, { ...hit, ...(override !== undefined && { override }) });
        });
    } catch {
      return [errorFinding(policy, { override: policy.override?.(facts)?.label })];
    }
  });
}

/** A recorded reason as a finding; its status and priority are not kept, and decide nothing here. */
function toFindingAgain(reason: DecisionReason): Finding {
  return { ...reason, status: 403, priority: 0 };
}

/** Where a decision is not what was recorded, a sentence each; none when it is. */
export function differencesFrom(
  record: RecordWithFacts,
  decision: Decision,
  unknown: ReadonlySet<string>,
): readonly string[] {
  const found: string[] = [];
  const differ = (what: string, was: unknown, is: unknown) => {
    if (was !== is)
      found.push(`${what} is ${JSON.stringify(was)} in the record and ${JSON.stringify(is)} when asked again`);
  };
  const nameOf = ({ policy, rule, kind, code }: Pick<DecisionReason, "policy" | "rule" | "kind" | "code">) =>
    `the ${kind} ${code} of ${policy}${rule === "" ? "" : ` (${rule})`}`;
  differ("the decision", record.effect, decision.effect);
  differ("the outcome", record.outcome, decision.outcome);

  const again = new Map(decision.findings.map((finding) => [nameOf(finding), finding]));
  const before = new Map(record.reasons.map((reason) => [nameOf(reason), reason]));
  for (const [name, reason] of before) {
    const finding = again.get(name);
    if (finding === undefined) {
      found.push(`${name} is in the record and does not come again`);
      continue;
    }
    for (const key of ["mode", "effect", "would", "override"] as const)
      differ(`${key} of ${name}`, reason[key], finding[key]);
    // Masked facts stand as hashes in what it says now.
    if (record.facts.masked === undefined) differ(`message of ${name}`, reason.message, finding.message);
  }
  for (const name of again.keys()) {
    if (!before.has(name)) found.push(`${name} is not in the record and comes when asked again`);
  }
  if (unknown.size === 0) {
    for (const key of ["decided", "notApplicable", "errors"] as const) {
      differ(`how many policies ${tallyWords[key]}`, record.tally[key], decision.tally[key]);
    }
  }
  return found;
}

const tallyWords = { decided: "decided", notApplicable: "were not applicable", errors: "failed" } as const;
