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

/** What is decided, and of how many rules: what goes into a record. */
interface HandDecision {
  readonly effect: "allow" | "deny";
  readonly findings: readonly { readonly rule: string; readonly message: string; readonly failed: boolean }[];
  readonly tally: { readonly decided: number; readonly errors: number };
}

/** Asks all rules, because every reason is wanted. A rule that throws denies. */
export function judgeByHand(rules: readonly HandRule[], facts: Facts): HandDecision {
  const findings: { rule: string; message: string; failed: boolean }[] = [];
  let decided = 0;
  let errors = 0;
  for (const rule of rules) {
    try {
      if (rule.denies(facts)) findings.push({ rule: rule.id, message: rule.message, failed: false });
      decided += 1;
    } catch {
      findings.push({ rule: rule.id, message: "a rule could not be evaluated", failed: true });
      errors += 1;
    }
  }
  return { effect: findings.length === 0 ? "allow" : "deny", findings, tally: { decided, errors } };
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
