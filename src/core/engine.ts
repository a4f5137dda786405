import { type Decision, decide, type Effect, type Finding } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { modificationProblem } from "./modifiable.ts";
import type { Phase } from "./phases.ts";
import { type Ask, type CompiledPolicy, type Content, noContent, notApplicable, type RuleHit } from "./policy.ts";

const nothing: readonly Finding[] = Object.freeze([]);

/** Code of a finding whose policy threw. */
export const policyErrorCode = "policy_error";

/**
 * Asks every policy of `policies` that takes part in `phase`, and answers with the one decision they amount to.
 *
 * Pure: no clock, no I/O. Every policy is asked even after a deny, so that all reasons are recorded. A policy that
 * throws contributes an `error` finding with its `onError` effect and never stops the others.
 *
 * @param onError is told of each throw, for logs and metrics; the thrown value never reaches a client.
 */
export function evaluate(
  policies: readonly CompiledPolicy[],
  phase: Phase,
  facts: Facts,
  onError?: (policy: CompiledPolicy, error: unknown, phase: Phase) => void,
  content: Content = noContent,
): Decision {
  let findings: Finding[] | undefined;
  let decided = 0;
  let skipped = 0;
  let errors = 0;
  let additions = 0;

  for (const policy of policies) {
    const ask = policy.evaluate[phase];
    if (ask === undefined) continue;
    try {
      const verdict = ask(facts, content);
      if (verdict === notApplicable) {
        skipped += 1;
        continue;
      }
      if (verdict !== null) {
        const made = findingsOf(policy, phase, verdict, facts);
        findings ??= [];
        for (const finding of made) findings.push(finding);
      }
      decided += 1;
    } catch (error) {
      errors += 1;
      findings ??= [];
      findings.push(errorFinding(policy, { override: policy.override?.(facts)?.label }));
      onError?.(policy, error, phase);
    }
    if (policy.added) additions += 1;
  }

  const tally = { decided, notApplicable: skipped, errors };
  return decide(phase, findings ?? nothing, additions === 0 ? tally : { ...tally, additions });
}

/**
 * Asks the rules that are marked `recheck`, of a request that was modified. Answers what fired or failed: the policies
 * they belong to stand in the decision's tally already.
 *
 * Where the control plane had a part in modifying it, git's policies are asked whether they refuse what became of it,
 * marked or not: no request gets past them by way of what was added beside them.
 *
 * @param decision by which it was modified
 */
export function recheck(
  decision: Pick<Decision, "findings">,
  policies: readonly CompiledPolicy[],
  facts: Facts,
  onError?: (policy: CompiledPolicy, error: unknown, phase: Phase) => void,
  content: Content = noContent,
): readonly Finding[] {
  const findings: Finding[] = [];
  const changedBeside = decision.findings.some(({ effect, added }) => effect === "modify" && added);
  const ask = (policy: CompiledPolicy, asked: Ask | undefined) => {
    const verdict = asked?.(facts, content) ?? null;
    return verdict === null || verdict === notApplicable ? [] : findingsOf(policy, "request", verdict, facts);
  };
  for (const policy of policies) {
    try {
      findings.push(...ask(policy, policy.recheck));
      if (!changedBeside || policy.added) continue;
      findings.push(...ask(policy, policy.evaluate.request).filter(({ effect }) => effect === "deny"));
    } catch (error) {
      findings.push(errorFinding(policy, { override: policy.override?.(facts)?.label }));
      onError?.(policy, error, "request");
    }
  }
  return findings;
}

/**
 * All hits of a policy as findings, or none.
 *
 * @throws Error when one of them asks for a change that cannot be made: an error of its policy
 */
function findingsOf(policy: CompiledPolicy, phase: Phase, hits: readonly RuleHit[], facts: Facts): Finding[] {
  for (const { effect, modifications } of hits) {
    if (effect !== "modify") continue;
    if (phase !== "request") throw new Error(`nothing can be modified in phase ${phase}`);
    for (const modification of modifications ?? []) {
      const problem = modificationProblem(modification);
      if (problem !== null) throw new Error(problem);
    }
  }
  return hits.map((hit) => toFinding(policy, overridden(policy, hit, facts)));
}

/** The hit, with what keeps it from its effect now if anything does. An exception of git's goes first. */
export function overridden({ override }: Pick<CompiledPolicy, "override">, hit: RuleHit, facts: Facts): RuleHit {
  if (override === undefined || hit.override !== undefined) return hit;
  const active = override(facts, hit.rule);
  return active === undefined ? hit : { ...hit, override: active.label };
}

/** What a hit amounts to under its policy's mode. */
export function toFinding(policy: Pick<CompiledPolicy, "id" | "mode" | "priority" | "added">, hit: RuleHit): Finding {
  return {
    policy: policy.id,
    rule: hit.rule,
    kind: "hit",
    mode: policy.mode,
    effect: hit.override === undefined ? underMode(policy.mode, hit.effect) : "allow",
    would: hit.effect,
    code: hit.code,
    message: hit.message,
    status: hit.status,
    priority: policy.priority,
    ...(policy.added && { added: true }),
    ...(hit.modifications && { modifications: hit.modifications }),
    ...(hit.headers && { headers: hit.headers }),
    ...(hit.override !== undefined && { override: hit.override }),
  };
}

/**
 * What a policy that could not be evaluated amounts to: its `onError`, under its mode.
 *
 * @param override what keeps it from its effect now
 */
export function errorFinding(
  policy: Pick<CompiledPolicy, "id" | "mode" | "onError" | "priority">,
  {
    message = "a policy could not be evaluated",
    override,
  }: { readonly message?: string; readonly override?: string | undefined } = {},
): Finding {
  return {
    policy: policy.id,
    rule: "",
    kind: "error",
    mode: policy.mode,
    effect: override === undefined ? underMode(policy.mode, policy.onError) : "allow",
    would: policy.onError,
    code: policyErrorCode,
    message,
    status: 403,
    priority: policy.priority,
    ...(override !== undefined && { override }),
  };
}

function underMode(mode: CompiledPolicy["mode"], effect: Effect): Effect {
  if (mode === "enforce" || effect === "allow") return effect;
  return mode === "warn" ? "warn" : "allow";
}
