import type { Finding } from "./decision.ts";
import type { DecisionReason, StoredDecision } from "./decision-log.ts";
import { recordedModification } from "./modifiable.ts";
import type { DecisionRow } from "./ports.ts";

/** A finding as records keep it. */
export function recordedReason(finding: Finding): DecisionReason {
  return {
    policy: finding.policy,
    rule: finding.rule,
    kind: finding.kind,
    mode: finding.mode,
    effect: finding.effect,
    would: finding.would,
    code: finding.code,
    message: finding.message,
    ...(finding.override !== undefined && { override: finding.override }),
  };
}

/** What a finding changed, without values that can be parts of a prompt. */
export function recordedChanges(finding: Finding): StoredDecision["modifications"] {
  if (finding.effect !== "modify") return [];
  return (finding.modifications ?? []).map(recordedModification);
}

/** A record as it will be read back. */
export function toStored({ decision, facts, ...row }: DecisionRow): StoredDecision {
  const { effect, outcome, tally, findings } = decision;
  return {
    ...row,
    effect,
    outcome,
    tally,
    code: findings[0]?.code ?? "",
    reasons: findings.map(recordedReason),
    modifications: findings.flatMap(recordedChanges),
    facts: facts ?? null,
  };
}
