import type { FactName, Facts } from "../core/facts.ts";
import type { ActualAmounts, LimitRequest } from "../core/limits.ts";
import type { RuleSet } from "../core/snapshot.ts";

/** An enforced limit that was reserved, and what its counter said then. */
export interface ReservedLimit {
  /** Of its policy. */
  readonly policy: string;
  readonly limit: LimitRequest;
  /** What was used or held, this request's reservation included. */
  readonly used: number;
}

const names: readonly FactName[] = [
  "limits.used",
  "limits.limit",
  "limits.remaining",
  "budget.spent_usd",
  "budget.limit_usd",
  "budget.fraction",
];

/** Whether a rule may ask how limits stand. */
export function readsLimits({ inPhase, reads }: Pick<RuleSet, "inPhase" | "reads">): boolean {
  // Nearly every call: no rule is asked after the limits are reserved.
  if (inPhase.usage.length + inPhase.response.length + inPhase.stream.length === 0) return false;
  return names.some((name) => reads.has(name));
}

/**
 * How limits stand, by the names of their policies; of several limits of one name the tightest.
 *
 * @param actual what the call used, once that is known; before it, what was reserved counts
 */
export function limitFacts(
  reserved: readonly ReservedLimit[],
  actual?: ActualAmounts,
): Pick<Facts, "limits" | "budget"> {
  const tightest = new Map<string, { readonly used: number; readonly max: number; readonly inMoney: boolean }>();
  for (const { policy, limit, used: held } of reserved) {
    const { unit, max, amount } = limit;
    const used = held - amount + (actual?.[unit] ?? amount);
    const inMoney = unit === "usd";
    // Budgets and limits have names of their own.
    const key = `${inMoney ? "$" : ""}${nameOf(policy)}`;
    const known = tightest.get(key);
    if (known === undefined || used / max > known.used / known.max) tightest.set(key, { used, max, inMoney });
  }
  const limits: Record<"used" | "limit" | "remaining", Record<string, number>> = { used: {}, limit: {}, remaining: {} };
  const budget: Record<"spent_usd" | "limit_usd" | "fraction", Record<string, number>> = {
    ...{ spent_usd: {}, limit_usd: {} },
    fraction: {},
  };
  for (const [key, { used, max, inMoney }] of tightest) {
    if (inMoney) {
      const name = key.slice(1);
      budget.spent_usd[name] = used / 1e6;
      budget.limit_usd[name] = max / 1e6;
      budget.fraction[name] = used / max;
    } else {
      limits.used[key] = used;
      limits.limit[key] = max;
      limits.remaining[key] = Math.max(0, max - used);
    }
  }
  return { limits, budget };
}

/** The last part of a policy's id, as expressions can write it: `team_budget` for `org/team-budget`. */
function nameOf(policy: string): string {
  return policy.slice(policy.lastIndexOf("/") + 1).replace(/\W/g, "_");
}
