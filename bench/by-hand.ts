import type { Facts } from "../src/core/facts.ts";
import type { Identity } from "../src/core/identity.ts";

/**
 * What the engine does, as somebody would write it in JavaScript for one application, without policies as files: what
 * the engine's time is held against, in the same run.
 */

/** A rule of a list of rules: its own function, because every rule says something else. */
export interface HandRule {
  readonly id: string;
  readonly message: string;
  readonly denies: (facts: Facts) => boolean;
}

/** So many rules as {@link HandRule}s; each function is made from a text of its own, as in a file that holds them. */
export function handRules(count: number): readonly HandRule[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    message: "no",
    denies: new Function(
      "facts",
      `return facts.request.bytes > ${1_000_000 + i} && facts.app.env === "prod";`,
    ) as HandRule["denies"],
  }));
}

/** Asks all rules and tells which of them deny. A rule that throws denies. */
export function judgeByHand(rules: readonly HandRule[], facts: Facts): { allowed: boolean; reasons: string[] } {
  const reasons: string[] = [];
  for (const rule of rules) {
    try {
      if (rule.denies(facts)) reasons.push(rule.message);
    } catch {
      reasons.push(rule.message);
    }
  }
  return { allowed: reasons.length === 0, reasons };
}

/** Looks up what was found for such a request before. */
export function lookUpByHand<T>(
  remembered: ReadonlyMap<string, T>,
  identity: Identity,
  model: string,
  surface: string,
): T | undefined {
  return remembered.get(`${identity.app.id}\n${surface}\n${model}`);
}
