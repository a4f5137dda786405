import type { Decision, Modification } from "../../core/decision.ts";
import { recheck } from "../../core/engine.ts";
import type { Facts } from "../../core/facts.ts";
import { FactUnavailable } from "../../core/facts.ts";
import { compileGlobs } from "../../core/glob.ts";
import { type Changing, changesOf, joinRechecked, joinRouted } from "../../core/modified.ts";
import { mergeModifications, modifySetting, routedModel } from "../../core/modify.ts";
import type { CompiledPolicy, Content } from "../../core/policy.ts";

/** What became of a request that rules changed. */
export interface Modified {
  readonly decision: Decision;
  readonly modifications: readonly Modification[];
  /** As they are after the changes; the limits are taken by these. */
  readonly facts: Facts;
}

/** Judges a request anew, such as for the model it was routed to. */
export type Judge = (facts: Facts) => { readonly decision: Decision; readonly policies: readonly CompiledPolicy[] };

/**
 * Makes the changes that a decision asks for, as far as facts show them, and asks what is to be asked again: all rules
 * when the request goes to another model, then those marked `recheck`. The gateway does the same with the body.
 */
export function modifyCase(
  first: Decision,
  policies: readonly CompiledPolicy[],
  facts: Facts,
  content: Content,
  judge: Judge,
): Modified {
  // What a refused request would have been changed to is still told.
  if (first.effect === "deny") {
    return { decision: first, modifications: mergeModifications(first.findings).modifications, facts };
  }
  const changing = changesOf(first);
  const model = routedModel(changing.modifications);
  if (model === undefined || model === facts.request.model) return change(changing, policies, facts, content);

  const only = changing.modifications.filter(({ op }) => op === "route");
  const second = judge(modifiedFacts(facts, only));
  return change(joinRouted(first, second.decision, model, "allow"), second.policies, facts, content);
}

function change(
  { decision, modifications }: Changing,
  policies: readonly CompiledPolicy[],
  before: Facts,
  content: Content,
): Modified {
  if (decision.effect === "deny" || modifications.length === 0) return { decision, modifications, facts: before };
  const facts = modifiedFacts(before, modifications);
  const changes = (again: readonly Modification[]) => again.some((one) => isChange(one, modifications, facts));
  const judged = joinRechecked(decision, recheck(decision, policies, facts, undefined, content), changes);
  return { decision: judged, modifications, facts };
}

/** A change that was made, or that is so already, is none. */
function isChange(one: Modification, made: readonly Modification[], facts: Facts): boolean {
  if (made.some((other) => Bun.deepEquals(one, other))) return false;
  return !Bun.deepEquals(modifiedFacts(facts, [one]).request, facts.request) || !shown.has(one.path);
}

type RequestFacts = Facts["request"];
type Change = (facts: RequestFacts, changes: readonly Modification[]) => Partial<RequestFacts>;

/** The paths whose change shows in facts, and how. */
const shown = new Map<string, Change>([
  ["max_tokens", changeMaxTokens],
  ["model", (_, [route]) => ({ model: String(route?.value) })],
  ["n", ({ choices }, changes) => ({ choices: modifySetting("n", choices, changes) ?? 1 })],
  ["temperature", (facts, changes) => ({ temperature: modifySetting("temperature", facts.temperature, changes) ?? 1 })],
  ["tools", changeTools],
]);

/** Of one answer; the facts count all choices together. What the model's own maximum is, a case says itself. */
function changeMaxTokens(facts: RequestFacts, changes: readonly Modification[]): Partial<RequestFacts> {
  const { max_tokens_requested: requested, choices } = facts;
  const each = modifySetting("max_tokens", requested > 0 ? requested / choices : undefined, changes);
  if (each === undefined) return { max_tokens_requested: 0 };
  return { max_tokens_requested: each * choices, max_tokens: each * choices };
}

function changeTools({ tool_names }: RequestFacts, changes: readonly Modification[]): Partial<RequestFacts> {
  const left = tool_names.filter((name) =>
    changes.every(({ value }) => value !== undefined && !compileGlobs([value].flat() as string[])(name)),
  );
  return { tool_names: left, tool_count: left.length };
}

/** Facts after these changes. What depends on a fact that cannot be had stays as it is. */
function modifiedFacts(facts: Facts, modifications: readonly Modification[]): Facts {
  let { request } = facts;
  for (const [path, change] of shown) {
    const changes = modifications.filter((one) => one.path === path);
    if (changes.length > 0) request = withFacts(request, () => change(request, changes));
  }
  return request === facts.request ? facts : withFacts(facts, () => ({ request }));
}

/** A frozen copy that does not read what it copies: some of it may throw. */
function withFacts<T extends object>(facts: T, change: () => Partial<T>): T {
  try {
    const values = Object.getOwnPropertyDescriptors(change());
    return Object.freeze(Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(facts), ...values })) as T;
  } catch (error) {
    if (error instanceof FactUnavailable) return facts;
    throw error;
  }
}
