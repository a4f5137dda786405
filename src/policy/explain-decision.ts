import { withDefault } from "../core/decision.ts";
import type { DecisionReason, StoredDecision } from "../core/decision-log.ts";
import { evaluate } from "../core/engine.ts";
import type {
  DecisionExplanation,
  ExplainedPolicy,
  ExplainedStep,
  LiveExplanation,
  LiveLook,
  RuleExplanation,
} from "../core/explain.ts";
import type { LimitRequest } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { ToldLimit } from "../core/recorded-facts.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { closingSentence } from "./closing.ts";
import { explainPolicy } from "./explain-policy.ts";
import {
  type AskedStep,
  askAgain,
  decideAgain,
  differencesFrom,
  gatewayCodes,
  hiddenFactsOf,
  type RecordWithFacts,
  unknownPolicies,
} from "./recompute.ts";

const notKept =
  "what the rules read was not kept: it is for decisions in which something fired, and for the share of others that record_facts_percent says";

/**
 * Explains a recorded decision. With the policies that made it every rule in scope is asked again, with the recorded
 * facts; what that comes to must be what was recorded, and where it is not the explanation says so. Without them, or
 * without facts, the recorded reasons are all that there is to tell.
 *
 * @param snapshot the revision that the record names; otherwise why it is not to be had
 */
export function explainDecision(
  record: StoredDecision,
  snapshot: Snapshot | { readonly missing: string },
): DecisionExplanation {
  const notes: string[] = [];
  if (!("policies" in snapshot)) notes.push(snapshot.missing);
  if (record.facts === null) notes.push(notKept);
  if (!("policies" in snapshot) || record.facts === null) return fromReasons(record, notes);

  const known: RecordWithFacts = { ...record, facts: record.facts };
  let asked: readonly AskedStep[];
  try {
    asked = askAgain(known, snapshot);
  } catch (error) {
    notes.push(`the rules could not be asked again: ${error instanceof Error ? error.message : String(error)}`);
    return fromReasons(record, notes);
  }
  const unknown = unknownPolicies(asked);
  const decision = decideAgain(known, snapshot, asked, unknown);
  const steps = asked.map((step, i) => told(step, known, i === asked.length - 1));
  const policies = [
    ...new Map(steps.flatMap((step) => step.policies).map((policy) => [policy.policy, policy])).values(),
  ];
  const inScope = asked.at(-1)!.rules.policies;
  return {
    ...headOf(record),
    basis: "facts",
    notes: [...notes, ...notesOn(known, unknown)],
    steps,
    differences: differencesFrom(known, decision, unknown),
    closing: closingSentence({ ...record, policies, inScope }),
  };
}

/** Explains what the live rules say of a request, as far as that can be known without making it. */
export function explainLive({ snapshot, rules, facts, content }: LiveLook): LiveExplanation {
  const asked = rules.inPhase.request;
  const decision = withDefault(evaluate(asked, "request", { ...facts }, undefined, content), snapshot.defaultEffect);
  const { phase, effect, outcome, tally, findings } = decision;
  const policies = asked.map((policy) => explainPolicy(policy, phase, facts, { content }));
  const notes: string[] = [];
  if (rules.limiting.length > 0) {
    notes.push(`limits were not looked at: those of ${rules.limiting.map(({ id }) => id).join(", ")}`);
  }
  if (effect === "modify") notes.push("the request was not modified here, and not judged again");
  const code = findings[0]?.code ?? "";
  return {
    ...{ phase, effect, outcome, code, tally, notes },
    revision: snapshot.revision,
    basis: "facts",
    steps: [{ step: "asked", model: facts.request.model, policies }],
    closing: closingSentence({ effect, tally, reasons: findings, policies, inScope: rules.policies }),
  };
}

function headOf({ decisionId, phase, revision, effect, outcome, code, tally }: StoredDecision) {
  return { decisionId, phase, revision, effect, outcome, code, tally };
}

function fromReasons(record: StoredDecision, notes: readonly string[]): DecisionExplanation {
  const closing = closingSentence({ ...record, policies: null, inScope: [] });
  return { ...headOf(record), basis: "reasons", notes, steps: [], differences: [], closing };
}

function notesOn({ facts, reasons }: RecordWithFacts, unknown: ReadonlySet<string>): readonly string[] {
  const { masked = [], omitted = [], bounds = [] } = facts;
  const notes: string[] = [];
  if (masked.length > 0) notes.push(`masked in the record: ${masked.join(", ")}`);
  if (omitted.length > 0) notes.push(`too large for the record: ${omitted.join(", ")}`);
  if (bounds.length > 0) notes.push(`${bounds.join(", ")}: an upper bound, which was enough to decide`);
  if (unknown.size > 0) {
    notes.push(`as recorded, because it depends on what was not: ${[...unknown].sort().join(", ")}`);
  }
  const given = reasons.filter(({ code }) => gatewayCodes.has(code));
  if (given.length > 0) notes.push(`found by the gateway, not by a rule: ${given.map(({ code }) => code).join(", ")}`);
  return notes;
}

/** A step as it is told: what the rules do not know of is taken from the record. */
function told(step: AskedStep, record: RecordWithFacts, isLast: boolean): ExplainedStep {
  const policies = step.policies.map((policy) => withRecord(policy, record));
  if (isLast && record.phase === "request") {
    for (const policy of step.rules.limiting) addLimits(policies, policy, step, record);
  }
  policies.sort((a, b) => (a.policy < b.policy ? -1 : a.policy > b.policy ? 1 : 0));
  return { step: step.step, model: step.model, policies };
}

/** A policy with what the record says of it where it did not answer for certain. */
function withRecord(policy: ExplainedPolicy, record: RecordWithFacts): ExplainedPolicy {
  // Of several steps the record does not say at which of them a rule fired.
  const isOnly = record.facts.looks.length === 1;
  const own = record.reasons.filter((reason) => reason.policy === policy.policy);
  const failed = own.some(({ kind }) => kind === "error");
  const told = policy.rules.map((rule): RuleExplanation => {
    const reason = own.find(({ kind, rule: id }) => kind === "hit" && id === rule.rule);
    if (rule.outcome === "unknown" && policy.outcome !== "error" && !failed) {
      const { passes: _, changes: __, ...quiet } = rule;
      if (reason === undefined) return { ...quiet, outcome: "quiet" };
      return isOnly ? { ...rule, outcome: "fired", ...recordedPart(reason) } : rule;
    }
    const isSilent = rule.outcome === "fired" && rule.message === undefined;
    return isSilent && reason !== undefined ? { ...rule, ...recordedPart(reason) } : rule;
  });
  if (policy.outcome !== "unknown" || !isOnly) return { ...policy, rules: told };
  const found = own
    .filter(({ kind, rule }) => kind === "hit" && !told.some((known) => known.rule === rule))
    .map((reason): RuleExplanation => {
      return { rule: reason.rule, effect: reason.would, outcome: "fired", ...recordedPart(reason) };
    });
  const outcome = failed ? "error" : own.length > 0 ? "decided" : "unknown";
  return { ...policy, outcome, rules: [...found, ...told] };
}

function recordedPart({ message, override }: DecisionReason): Pick<RuleExplanation, "message" | "override"> {
  return { message, ...(override !== undefined && { override }) };
}

/** Adds what became of a policy's limits. */
function addLimits(
  policies: ExplainedPolicy[],
  policy: CompiledPolicy,
  step: AskedStep,
  record: RecordWithFacts,
): void {
  const told = (record.facts.limits ?? []).filter((standing) => standing.policy === policy.id);
  const refused = told.filter(({ granted }) => granted === undefined);
  const own = record.reasons.filter((reason) => reason.policy === policy.id);
  const limits = limitsOf(policy, step);
  const rules = told.flatMap((standing): readonly RuleExplanation[] => {
    const limit = limits?.find(({ name }) => name === standing.limit);
    const hit = limit && (standing.granted ? policy.limitGranted : policy.limitHit)?.(limit, standing);
    if (hit === undefined || hit === null) return [];
    const { override } = own.find(({ rule }) => rule === hit.rule) ?? {};
    const { rule, effect, message } = hit;
    const passes = standing.granted ? {} : { passes: roomFor(limit!, standing) };
    const shown = { rule, effect, outcome: "fired" as const, message, ...passes };
    return [{ ...shown, ...(override !== undefined && { override }) }];
  });
  const note = noteOnLimits(policy, step, record, limits, refused);
  const at = policies.findIndex((explained) => explained.policy === policy.id);
  const base = policies[at] ?? explainGatesOf(policy, step, record);
  const firing = new Set(rules.map(({ rule }) => rule));
  const notes = [base.note, note].filter((text) => text !== undefined && text !== "");
  const explained: ExplainedPolicy = {
    ...base,
    rules: [...rules, ...base.rules.filter(({ rule }) => !firing.has(rule))],
    ...(notes.length > 0 && { note: notes.join("; ") }),
  };
  if (at < 0) policies.push(explained);
  else policies[at] = explained;
}

/** A policy that has nothing but limits: whether its gates let it take them. */
function explainGatesOf(policy: CompiledPolicy, { facts }: AskedStep, record: RecordWithFacts): ExplainedPolicy {
  const explained = explainPolicy(policy, "request", facts, { hidden: hiddenFactsOf(record.facts) });
  const isOpen = explained.gates.every(({ value }) => value === "true");
  return { ...explained, ...(isOpen && { outcome: "decided" }), rules: [] };
}

function limitsOf(policy: CompiledPolicy, { facts }: AskedStep): readonly LimitRequest[] | null {
  try {
    return policy.limits!(facts);
  } catch {
    return null;
  }
}

function noteOnLimits(
  policy: CompiledPolicy,
  step: AskedStep,
  { reasons }: RecordWithFacts,
  limits: readonly LimitRequest[] | null,
  refused: readonly ToldLimit[],
): string {
  if (limits === null) return "its limits could not be found out";
  if (limits.length === 0) return "it takes nothing from limits for this request";
  if (refused.length > 0) return "";
  const own = reasons.find((reason) => reason.policy === policy.id && gatewayCodes.has(reason.code));
  if (own !== undefined) return "its limits could not be checked, because their store did not answer";
  if (reasons.some(({ effect }) => effect === "deny"))
    return "its limits took nothing, because the request was refused";
  return policy.override?.(step.facts)?.action === "skip" ? "its limits were left out" : "its limits had room";
}

/** What a limit would have had to have. Windows end, and what is free then others may take first. */
function roomFor({ max, amount, unit, name }: LimitRequest, { used, resetSeconds }: ToldLimit): string {
  const shown = (value: number) =>
    unit === "usd"
      ? `${(value / 1e6).toFixed(2)} USD`
      : `${value} ${unit.replace("_", " ").replace(/s$/, value === 1 ? "" : "s")}`;
  if (amount > max) return `at most ${shown(max)} taken by one request (it takes ${shown(amount)})`;
  const when = unit === "concurrency" ? "when another request ends" : `${resetSeconds} s later at the earliest`;
  return `room for ${shown(amount)} in ${name} (${used} of ${max} used), ${when}`;
}
