import {
  type Decision,
  decide,
  extend,
  type Finding,
  joinFindings,
  type Modification,
  withDefault,
} from "./decision.ts";
import { mergeModifications, modifyLoopCode, refusalInstead, routedModel } from "./modify.ts";

/** A decision, and the changes that are still to be made by it: none when it is a refusal. */
export interface Changing {
  readonly decision: Decision;
  readonly modifications: readonly Modification[];
}

/** What a decision of phase request asks to change; a refusal when its rules contradict each other. */
export function changesOf(decision: Decision): Changing {
  if (decision.effect === "deny") return { decision, modifications: [] };
  const { conflict, modifications } = mergeModifications(decision.findings);
  return conflict === null ? { decision, modifications } : { decision: extend(decision, [conflict]), modifications };
}

/**
 * What becomes of a request that is routed: the rules of both models count, and what both change is merged. A route to
 * a third model is a refusal.
 *
 * @param first the decision by the rules of the model that was asked for
 * @param second the decision by all rules of the model it is routed to
 * @param undecided what a request gets that no rule of the latter decides
 */
export function joinRouted(first: Decision, second: Decision, model: string, undecided: "allow" | "deny"): Changing {
  const joined = decide("request", joinFindings(first.findings, second.findings), second.tally);
  const decision = withDefault(joined, undecided);
  const { conflict, modifications } = mergeModifications(second.findings);
  const other = routedModel(modifications);
  if (decision.effect !== "deny" && conflict === null && other !== undefined && other !== model) {
    return { decision: loop(decision, second.findings, "routed once more"), modifications: [] };
  }
  return changesOf(decision);
}

/**
 * What becomes of a modified request once its `recheck` rules were asked. A change that is so already is none; any
 * other is a refusal.
 *
 * @param changes whether modifications would change the request as it is now
 */
export function joinRechecked(
  decision: Decision,
  findings: readonly Finding[],
  changes: (modifications: readonly Modification[]) => boolean,
): Decision {
  if (findings.length === 0) return decision;
  const { conflict, modifications } = mergeModifications(findings);
  const all = extend(decision, conflict === null ? findings : [...findings, conflict]);
  if (all.effect === "deny" || modifications.length === 0 || !changes(modifications)) return all;
  return loop(all, findings, "modified once more");
}

/** The refusal stands under the first rule that wants the change. */
function loop(decision: Decision, findings: readonly Finding[], what: string): Decision {
  const asked = findings.find(({ effect }) => effect === "modify")!;
  const message = `the request was modified, and ${asked.policy} wants it ${what}; that is done once only`;
  return extend(decision, [refusalInstead(asked, modifyLoopCode, message)]);
}
