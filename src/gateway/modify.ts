import {
  type Decision,
  decide,
  extend,
  type Finding,
  joinFindings,
  type Modification,
  withDefault,
} from "../core/decision.ts";
import { errorFinding } from "../core/engine.ts";
import { mergeModifications, modifyInvalidCode, modifyLoopCode, refusalInstead, routedModel } from "../core/modify.ts";
import type { Route } from "../core/ports.ts";
import type { RuleSet } from "../core/snapshot.ts";
import type { RequestView, WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { Call } from "./call.ts";
import type { GatewayDeps } from "./deps.ts";
import { addTokenFacts, type FactSources, requestFacts } from "./facts.ts";

/** Code of the error when a rule routes to a model that nobody serves. */
const routeUnservedCode = "route_unserved";

/** A request that is to be modified, and what it is judged with afterwards. */
export interface Modifying {
  readonly deps: GatewayDeps;
  readonly call: Call;
  readonly format: WireFormat;
  /** What its facts were made from. */
  readonly sources: FactSources;
}

/**
 * Makes the changes that a decision asks for, and judges what becomes of the request: it is read and validated again,
 * its facts are computed again, and the rules marked `recheck` are asked once more. The call goes on with it: limits,
 * routing and records see what the provider will get.
 *
 * A route is taken first: the request meets all rules that apply to the other model, and what both models' rules
 * change is merged. Answers the decision, which is a refusal when the changes contradict each other, make no valid
 * request, or do not come to an end.
 *
 * @throws SluiceError `invalid_request` when what has to be changed is not what it should be
 */
export async function modifyRequest(modifying: Modifying, decision: Decision): Promise<Decision> {
  const { conflict, modifications } = mergeModifications(decision.findings);
  if (conflict !== null) return extend(decision, [conflict]);
  const model = routedModel(modifications);
  if (model === undefined || model === modifying.call.view!.model) return change(modifying, decision, modifications);
  return reroute(modifying, decision, modifications, model);
}

async function reroute(
  modifying: Modifying,
  first: Decision,
  modifications: readonly Modification[],
  model: string,
): Promise<Decision> {
  const { deps, call, format } = modifying;
  const route = deps.catalogue.resolve(model, call.surface);
  if (route === null) {
    const decision = extend(first, [unserved(call, first, model)]);
    if (decision.effect === "deny") return decision;
    const others = modifications.filter(({ op }) => op !== "route");
    return change(modifying, decision, others);
  }
  const only = modifications.filter(({ op }) => op === "route");
  const view = format.readRequest(format.writeRequest(call.view!, { modifications: only }));
  await take(modifying, view, route, call.snapshot.rulesFor(call.identity!, model, call.surface));

  const second = call.judge("request");
  const joined = decide("request", joinFindings(first.findings, second.findings), second.tally);
  const decision = withDefault(joined, call.snapshot.defaultEffect);
  if (decision.effect === "deny") return decision;
  const again = mergeModifications(second.findings);
  if (again.conflict !== null) return extend(decision, [again.conflict]);
  const other = routedModel(again.modifications);
  if (other !== undefined && other !== model) return loop(decision, second.findings, "routed once more");
  const both = mergeModifications(decision.findings);
  if (both.conflict !== null) return extend(decision, [both.conflict]);
  return change(modifying, decision, both.modifications);
}

/** A model that nobody serves is an error of the policy that names it, and counts as its `onError`. */
function unserved(call: Call, { findings }: Decision, model: string): Finding {
  const asked = findings.find(
    ({ effect, modifications }) => effect === "modify" && routedModel(modifications ?? []) === model,
  )!;
  const policy = call.rules!.policies.find(({ id }) => id === asked.policy)!;
  const message = `the model '${model}' that requests are routed to is not served on the surface ${call.surface}`;
  return { ...errorFinding(policy, { message }), rule: asked.rule, code: routeUnservedCode };
}

async function change(
  modifying: Modifying,
  decision: Decision,
  modifications: readonly Modification[],
): Promise<Decision> {
  const { deps, call, format } = modifying;
  const before = call.view!;
  let bytes: Uint8Array;
  try {
    bytes = format.writeRequest(before, { modifications });
  } catch (error) {
    // What the client sent cannot be changed: that is told as any other mistake in its request.
    if (error instanceof SluiceError) throw error;
    deps.logger.error({ err: error, request: call.id }, "a request could not be modified");
    return invalid(decision, "the request could not be modified as the policies say");
  }
  if (bytes === before.raw) return decision;
  let view: RequestView;
  try {
    view = format.readRequest(bytes);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return invalid(decision, `what the policies make of the request is not valid: ${error.message}`);
  }
  await take(modifying, view, call.route!, call.rules!);
  return askAgain(modifying, decision);
}

/** The call goes on with this request: all that was found out about the other is found out again. */
async function take(
  { deps, call, sources }: Modifying,
  view: RequestView,
  route: Route,
  rules: RuleSet,
): Promise<void> {
  const facts = requestFacts({ ...sources, view, route }, rules.reads);
  // Whomever the provider is told of: who calls stays who calls.
  facts.user = call.facts!.user;
  call.take(view, route, rules, facts);
  const counting = addTokenFacts(facts, rules, view, route, deps.tokens);
  if (counting !== undefined) await counting;
}

/** Asks the rules that want to see what was made of the request. What they would change must be so already. */
function askAgain({ call, format }: Modifying, decision: Decision): Decision {
  const findings = call.recheck();
  if (findings.length === 0) return decision;
  const { conflict, modifications } = mergeModifications(findings);
  const all = extend(decision, conflict === null ? findings : [...findings, conflict]);
  if (all.effect === "deny" || modifications.length === 0) return all;
  return changes(format, call.view!, modifications) ? loop(all, findings, "modified once more") : all;
}

function changes(format: WireFormat, view: RequestView, modifications: readonly Modification[]): boolean {
  try {
    return format.writeRequest(view, { modifications }) !== view.raw;
  } catch {
    return true;
  }
}

/** The refusal stands under the first rule that wants the change. */
function loop(decision: Decision, findings: readonly Finding[], what: string): Decision {
  const asked = findings.find(({ effect }) => effect === "modify")!;
  const message = `the request was modified, and ${asked.policy} wants it ${what}; that is done once only`;
  return extend(decision, [refusalInstead(asked, modifyLoopCode, message)]);
}

/** A change that cannot be made is never left out: it may be what makes the request one that may be sent. */
function invalid(decision: Decision, message: string): Decision {
  const asked = decision.findings.find(({ effect }) => effect === "modify")!;
  return extend(decision, [{ ...refusalInstead(asked, modifyInvalidCode, message), kind: "error" }]);
}
