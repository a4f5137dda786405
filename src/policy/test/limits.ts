import type { Finding } from "../../core/decision.ts";
import { errorFinding, toFinding } from "../../core/engine.ts";
import type { Facts } from "../../core/facts.ts";
import type { LimitRequest, LimitStanding } from "../../core/limits.ts";
import { createLocalTime } from "../../core/local-time.ts";
import type { CompiledPolicy } from "../../core/policy.ts";

const localTime = createLocalTime();

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

/**
 * Takes the limits that policies declare, as the gateway does: all of them are looked at, and each says its own refusal.
 *
 * @param timeZone of the organisation: windows begin anew by its calendar
 */
export function takeLimits(
  policies: readonly CompiledPolicy[],
  facts: Facts,
  standings: Standings,
  timeZone: string,
): LimitsTaken {
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
      const finding = take(policy, limit, standing, (seconds) => dayAfter(facts, seconds, timeZone));
      if (finding !== null) findings.push(finding);
    }
  }
  return { limits, findings, names: known };
}

function take(
  policy: CompiledPolicy,
  limit: LimitRequest,
  standing: Standing,
  dayIn: (seconds: number) => string | undefined,
): Finding | null {
  if (standing.error !== undefined) {
    if (limit.onStoreDown === "allow") return null;
    if (limit.onStoreDown === "deny") {
      const refused = errorFinding({ ...policy, onError: "deny" }, { message: "a limit could not be checked" });
      return { ...refused, code: "store_unavailable", status: 503 };
    }
  }
  // Counting in this process begins with nothing used.
  const used = standing.error === undefined ? (standing.used ?? 0) : 0;
  const resetSeconds = standing.resetSeconds ?? 60;
  const resetDate = dayIn(resetSeconds);
  const told: LimitStanding = { used, resetSeconds, ...(resetDate !== undefined && { resetDate }) };
  if (limit.soft || used + limit.amount <= limit.max) {
    const hit = policy.limitGranted?.(limit, told) ?? null;
    return hit === null ? null : toFinding(policy, hit);
  }
  if (policy.limitHit === undefined) return null;
  const hit = policy.limitHit(limit, told);
  const headers = hit.status === 402 ? hit.headers : { "retry-after": String(resetSeconds), ...hit.headers };
  return toFinding(policy, { ...hit, ...(headers && { headers }) });
}

/** The date in so many seconds; `undefined` where the case leaves the time out. */
function dayAfter(facts: Facts, seconds: number, timeZone: string): string | undefined {
  try {
    return localTime(facts.now.getTime() + seconds * 1000, timeZone).date;
  } catch {
    return undefined;
  }
}
