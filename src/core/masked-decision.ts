import type { Decision, Finding } from "./decision.ts";
import type { Facts } from "./facts.ts";

/**
 * A decision as it is recorded: where a message repeats what records hold as a hash (the user's name, the values of
 * headers), the hash stands in its place. The client is told the message as the policy wrote it.
 *
 * Whole words only: a user called `1` is not every 1 of a message.
 *
 * @param hash makes what stands for a masked text
 */
export function maskDecision(decision: Decision, facts: Facts, hash: (text: string) => string): Decision {
  const { findings } = decision;
  if (findings.length === 0) return decision;
  const texts = [facts.user.id, ...Object.values(facts.request.headers)].filter((text) => text !== "");
  const found = texts.filter((text) => findings.some(({ message }) => message.includes(text)));
  if (found.length === 0) return decision;
  // The longest first: one may be part of another.
  const masks = [...new Set(found)]
    .sort((a, b) => b.length - a.length)
    .map((text) => ({ text: new RegExp(`(?<![\\w-])${RegExp.escape(text)}(?![\\w-])`, "g"), hash: hash(text) }));
  const masked = (finding: Finding): Finding => {
    const message = masks.reduce((said, mask) => said.replace(mask.text, mask.hash), finding.message);
    return message === finding.message ? finding : { ...finding, message };
  };
  return { ...decision, findings: findings.map(masked) };
}
