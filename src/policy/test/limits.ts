import type { Finding } from "../../core/decision.ts";
import { errorFinding, toFinding } from "../../core/engine.ts";
import type { Facts } from "../../core/facts.ts";
import type { LimitRequest } from "../../core/limits.ts";
import type { CompiledPolicy } from "../../core/policy.ts";

/** How one limit stands before the request. */
export interface Standing {
  readonly used?: number;
  readonly resetSeconds?: number;
  /** The counter store is away. */
  readonly error?: string;
}

/** How limits stand, by their names, or by policy and name: `org/rate-limit requests/minute`. */
export type Standings = Readonly<Record<string, Standing>>;

/** What came of the limits of a request. */
export interface LimitsTaken {
  readonly limits: readonly LimitRequest[];
  readonly findings: readonly Finding[];
  /** The names under which a test may say how they stand. */
  readonly names: readonly string[];
}

/** Takes the limits that policies declare, as the gateway does: all of them are looked at, and each says its own refusal. */
export function takeLimits(policies: readonly CompiledPolicy[], facts: Facts, standings: Standings): LimitsTaken {
  const limits: LimitRequest[] = [];
  const findings: Finding[] = [];
  const known: string[] = [];
  for (const policy of policies) {
    let declared: readonly LimitRequest[] = [];
    try {
      declared = policy.limits?.(facts) ?? [];
    } catch {
      findings.push(errorFinding(policy));
    }
    for (const limit of declared) {
      limits.push(limit);
      const names = [`${policy.id} ${limit.name}`, limit.name];
      known.push(...names);
      const standing = names.map((name) => standings[name]).find((given) => given !== undefined) ?? {};
      const finding = take(policy, limit, standing);
      if (finding !== null) findings.push(finding);
    }
  }
  return { limits, findings, names: known };
}

function take(policy: CompiledPolicy, limit: LimitRequest, standing: Standing): Finding | null {
  if (standing.error !== undefined) {
    if (limit.onStoreDown === "allow") return null;
    if (limit.onStoreDown === "deny") {
      const refused = errorFinding({ ...policy, onError: "deny" }, { message: "a limit could not be checked" });
      return { ...refused, code: "store_unavailable", status: 503 };
    }
  }
  // Counting in this process begins with nothing used.
  const used = standing.error === undefined ? (standing.used ?? 0) : 0;
  if (used + limit.amount <= limit.max || policy.limitHit === undefined) return null;
  const resetSeconds = standing.resetSeconds ?? 60;
  const hit = policy.limitHit(limit, { used, resetSeconds });
  return toFinding(policy, { ...hit, headers: { "retry-after": String(resetSeconds), ...hit.headers } });
}
