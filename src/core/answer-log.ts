import { type Decision, decide, type Finding } from "./decision.ts";
import { errorFinding, overridden, toFinding } from "./engine.ts";
import type { Facts } from "./facts.ts";
import type { Phase } from "./phases.ts";
import type { CompiledPolicy, RuleHit } from "./policy.ts";

/** Is told of a policy that threw. */
export type PolicyFailed = (policy: CompiledPolicy, error: unknown, phase: Phase) => void;

/**
 * What the policies found in one answer, until it is over: a rule that fires at every event is one finding. Whatever
 * they found, it amounts to one decision.
 */
export class AnswerLog {
  readonly facts: Facts;
  readonly #phase: Phase;
  readonly #failed: PolicyFailed;
  readonly #findings = new Map<string, Finding>();
  readonly #standings = new Map<CompiledPolicy, "decided" | "notApplicable" | "errors">();

  constructor(phase: Phase, facts: Facts, failed: PolicyFailed) {
    this.#phase = phase;
    this.facts = facts;
    this.#failed = failed;
  }

  /** Notes how a policy that was asked fares; what it decided once counts more than what did not concern it. */
  asked(policy: CompiledPolicy, standing: "decided" | "notApplicable"): void {
    const known = this.#standings.get(policy);
    if (known === undefined || (known === "notApplicable" && standing === "decided")) {
      this.#standings.set(policy, standing);
    }
  }

  /** Notes a hit. Answers what it amounts to under its policy's mode and what may override it. */
  hit(policy: CompiledPolicy, hit: RuleHit): Finding {
    const finding = toFinding(policy, overridden(policy, hit, this.facts));
    this.add(finding);
    return finding;
  }

  /** Notes that a policy failed. Answers what that amounts to. */
  error(policy: CompiledPolicy, error: unknown, message?: string): Finding {
    this.#standings.set(policy, "errors");
    const override = policy.override?.(this.facts)?.label;
    const finding = errorFinding(policy, { ...(message !== undefined && { message }), override });
    this.add(finding);
    this.#failed(policy, error, this.#phase);
    return finding;
  }

  add(finding: Finding): void {
    const key = `${finding.policy} ${finding.rule} ${finding.kind} ${finding.code} ${finding.effect}`;
    if (!this.#findings.has(key)) this.#findings.set(key, finding);
  }

  get findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }

  /** The one decision that everything found amounts to. */
  decision(): Decision {
    const tally = { decided: 0, notApplicable: 0, errors: 0 };
    let additions = 0;
    for (const [policy, standing] of this.#standings) {
      tally[standing] += 1;
      if (policy.added) additions += 1;
    }
    return decide(this.#phase, this.findings, additions === 0 ? tally : { ...tally, additions });
  }
}

/** Whether what a policy does with a hit takes effect now: its mode enforces it, and nothing overrides it. */
export function isEnforced(policy: CompiledPolicy, hit: RuleHit, facts: Facts): boolean {
  return policy.mode === "enforce" && overridden(policy, hit, facts).override === undefined;
}
