import type { Decision, Finding } from "./decision.ts";
import { type FactName, type Facts, FactUnavailable } from "./facts.ts";

/**
 * A decision as it is recorded: where a message repeats what records hold as a hash (the user's name, the values of
 * headers, the facts that the policy set has masked), the hash stands in its place. The client is told the message as the policy wrote it.
 *
 * Whole words only: a user called `1` is not every 1 of a message.
 *
 * @param hash makes what stands for a masked text
 * @param mask facts to be masked, texts or lists of them
 */
export function maskDecision(
  decision: Decision,
  facts: Facts,
  hash: (text: string) => string,
  mask: Iterable<FactName> = [],
): Decision {
  const { findings } = decision;
  if (findings.length === 0) return decision;
  const own = [...mask].flatMap((name) => textsOf(facts, name));
  const texts = [facts.user.id, ...Object.values(facts.request.headers), ...own].filter((text) => text !== "");
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

function textsOf(facts: Facts, name: FactName): readonly string[] {
  const [root, field] = name.split(".") as [string, string];
  try {
    const value = (facts as unknown as Record<string, Record<string, string | readonly string[]>>)[root]![field]!;
    return typeof value === "string" ? [value] : value;
  } catch (error) {
    // It could not be found out, so nothing repeats it.
    if (error instanceof FactUnavailable) return [];
    throw error;
  }
}
