import type { Effect } from "../core/decision.ts";
import { noPolicyCode } from "../core/decision.ts";
import type { DecisionReason } from "../core/decision-log.ts";
import type { ExplainedPolicy, RuleExplanation } from "../core/explain.ts";
import type { FactName } from "../core/facts.ts";
import type { CompiledPolicy } from "../core/policy.ts";

/** What the closing sentence is made of. */
export interface ClosingInputs {
  readonly effect: Effect;
  readonly reasons: readonly DecisionReason[];
  readonly tally: { readonly decided: number; readonly notApplicable: number; readonly errors: number };
  /** What each policy came to, the last look at it; `null` when only the reasons are known. */
  readonly policies: readonly ExplainedPolicy[] | null;
  /** The policies in scope, for what else a change would touch. */
  readonly inScope: readonly CompiledPolicy[];
}

/** Reasons with their explanations, as far as there are any. */
interface Told {
  readonly reason: DecisionReason;
  readonly rule: RuleExplanation | undefined;
  readonly policy: ExplainedPolicy | undefined;
}

/** One sentence: what the decision was, by whom, and what would have passed. */
export function closingSentence(inputs: ClosingInputs): string {
  const { effect, reasons } = inputs;
  const told = reasons.map((reason): Told => {
    const policy = inputs.policies?.find(({ policy: id }) => id === reason.policy);
    return {
      reason,
      policy,
      rule: policy?.rules.find(({ rule, outcome }) => rule === reason.rule && outcome === "fired"),
    };
  });
  const deciding = told.filter(({ reason }) => reason.effect === effect);
  switch (effect) {
    case "deny":
      return deciding.length === 0 ? byDefault : `Refused by ${names(deciding)}; ${wouldPass(deciding, inputs)}.`;
    case "modify":
      return `Passed, modified by ${names(deciding)}; ${wouldStay(deciding, "it would have gone on as it came")}.`;
    case "warn":
      return `Passed, with a warning of ${names(deciding)}; ${wouldStay(deciding, "there would have been none")}.`;
    case "allow":
      return passed(told, inputs);
  }
}

const byDefault =
  "Refused because no policy decided it and the policy set denies by default; it would have passed if a policy that is in git had decided it and not refused.";

function passed(told: readonly Told[], { tally, policies }: ClosingInputs): string {
  const held = told.filter(({ reason }) => reason.would === "deny");
  if (held.length > 0) {
    const why = held.map(({ reason }) => `${nameOf(reason)} (${heldBy(reason)})`).join(", ");
    return `Passed, though ${why} would have refused it; ${wouldStay(held, "it would have passed without that")}.`;
  }
  const decided = tally.decided === 1 ? "1 policy" : `${tally.decided} policies`;
  if (tally.decided === 0) return "Passed, because no policy applied to it.";
  const none = told.length > 0 || policies === null ? "nothing refused it" : "none of their rules fired";
  return `Passed: ${decided} decided, and ${none}.`;
}

function heldBy({ override, mode }: DecisionReason): string {
  return override ?? `mode ${mode}`;
}

/** What would have passed, when all that refused is known to be quiet then. */
function wouldPass(denying: readonly Told[], inputs: ClosingInputs): string {
  const withPasses = denying.filter(({ rule }) => rule?.passes !== undefined);
  const rest = denying.filter((one) => !withPasses.includes(one));
  const same = rest.length === 0 && new Set(withPasses.map(({ rule }) => rule!.passes)).size === 1;
  const conditions = same
    ? [withPasses[0]!.rule!.passes!]
    : withPasses.map(({ rule, reason }) => `${rule!.passes} for ${nameOf(reason)}`);
  if (rest.length === 0) return `it would have passed with ${conditions.join(", and ")}${unless(withPasses, inputs)}`;
  const unclear = rest.map((one) => whyUnclear(one)).join(", and ");
  if (conditions.length === 0) return unclear;
  return `${unclear}, and it would have taken ${conditions.join(", and ")}`;
}

/** What would have kept rules quiet; what that means for the whole. */
function wouldStay(told: readonly Told[], meaning: string): string {
  const unclear = told.find(({ rule }) => rule?.passes === undefined);
  if (unclear !== undefined) return whyUnclear(unclear);
  return `${meaning} with ${told.map(({ rule }) => rule!.passes).join(", and ")}`;
}

function whyUnclear({ reason, rule, policy }: Told): string {
  const name = nameOf(reason);
  if (reason.code === noPolicyCode)
    return "it would have passed if a policy that is in git had decided it and not refused";
  if (reason.kind === "error") return `${name} could not be evaluated, which counts as ${reason.would}`;
  if (policy === undefined) return `what would have kept ${name} quiet was not recorded`;
  if (rule !== undefined && rule.when === undefined && policy.uses === "rules") {
    return `${name} fires for every request that its policy applies to`;
  }
  return `what would have kept ${name} quiet cannot be told from its answer`;
}

/**
 * What else may fire when the facts are other ones. A rule that fires less for smaller values stays quiet when they get
 * smaller; of another one that reads them nothing is certain.
 */
function unless(passing: readonly Told[], { policies, inScope }: ClosingInputs): string {
  const changes = passing.flatMap(({ rule }) => rule!.changes ?? []);
  const touched = (reads: readonly FactName[], rises: readonly FactName[]) =>
    changes
      .filter(({ fact, direction }) => reads.includes(fact) && !(direction === "lower" && rises.includes(fact)))
      .map(({ fact }) => fact);
  const others: string[] = [];
  const facts = new Set<FactName>();
  const note = (name: string, read: readonly FactName[]) => {
    if (read.length === 0) return;
    others.push(name);
    for (const fact of read) facts.add(fact);
  };
  for (const explained of policies ?? []) {
    if (explained.mode !== "enforce") continue;
    const policy = inScope.find(({ id }) => id === explained.policy);
    if (policy === undefined || !mayDeny(policy)) continue;
    const { rules, outcome } = explained;
    if (outcome === "decided" && rules.every(({ reads, when }) => reads !== undefined || when === undefined)) {
      const quiet = rules.filter((rule) => rule.outcome === "quiet" && rule.effect === "deny");
      for (const rule of quiet) note(`${policy.id} (${rule.rule})`, touched(rule.reads ?? [], rule.rises ?? []));
    } else if (!passing.some(({ reason }) => reason.policy === policy.id)) {
      note(policy.id, touched(policy.reads, policy.monotone ?? []));
    }
  }
  if (others.length === 0) return "";
  const shown =
    others.length > 3 ? `${others.slice(0, 3).join(", ")} and ${others.length - 3} more` : others.join(", ");
  return `, unless ${shown} had fired then, which also read${others.length === 1 ? "s" : ""} ${[...facts].join(", ")}`;
}

function mayDeny({ rules, uses }: CompiledPolicy): boolean {
  return uses !== "rules" || (rules ?? []).some(({ effect }) => effect === "deny");
}

function names(told: readonly Told[]): string {
  return told.map(({ reason }) => nameOf(reason)).join(", ");
}

function nameOf({ policy, rule }: Pick<DecisionReason, "policy" | "rule">): string {
  return rule === "" ? policy : `${policy} (${rule})`;
}
