import { isDeepStrictEqual } from "node:util";
import { type Decision, extend, type Finding, type Modification } from "../core/decision.ts";
import { errorFinding } from "../core/engine.ts";
import { type Changing, changesOf, joinRechecked, joinRouted } from "../core/modified.ts";
import { modifyInvalidCode, refusalInstead, routedModel } from "../core/modify.ts";
import type { Route } from "../core/ports.ts";
import type { RuleSet } from "../core/snapshot.ts";
import type { RequestView, WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { Call } from "./call.ts";
import { addContentFacts, type DetectionListener, keepContentFacts } from "./content-facts.ts";
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
  readonly detections: DetectionListener;
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
export async function modifyRequest(modifying: Modifying, first: Decision): Promise<Decision> {
  const changing = changesOf(first);
  const model = routedModel(changing.modifications);
  const routed = model !== undefined && model !== modifying.call.view!.model;
  return change(modifying, routed ? await reroute(modifying, changing, model) : changing);
}

async function reroute(modifying: Modifying, changing: Changing, model: string): Promise<Changing> {
  const { deps, call, format, sources } = modifying;
  const { decision, modifications } = changing;
  const route = deps.catalogue.resolve(model, call.surface);
  if (route === null) {
    const others = modifications.filter(({ op }) => op !== "route");
    return { decision: extend(decision, [unserved(call, decision, model)]), modifications: others };
  }
  const only = modifications.filter(({ op }) => op === "route");
  const bytes = format.writeRequest(call.view!, { modifications: only });
  const view = format.readRequest(bytes, sources.request.url, model);
  await take(modifying, view, route, call.snapshot.rulesFor(call.identity!, model, call.surface));
  return joinRouted(decision, call.judge("request"), model, call.snapshot.defaultEffect);
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

async function change(modifying: Modifying, { decision, modifications }: Changing): Promise<Decision> {
  if (decision.effect === "deny" || modifications.length === 0) return decision;
  const { deps, call, format, sources } = modifying;
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
    view = format.readRequest(bytes, sources.request.url, before.model);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return invalid(decision, `what the policies make of the request is not valid: ${error.message}`);
  }
  await take(modifying, view, call.route!, call.rules!);
  // What is asked for once more must be so already.
  return joinRechecked(decision, call.recheck(decision), (again) => changes(format, view, again));
}

/** The call goes on with this request: all that was found out about the other is found out again. */
async function take(
  { deps, call, sources, detections }: Modifying,
  view: RequestView,
  route: Route,
  rules: RuleSet,
): Promise<void> {
  const facts = requestFacts({ ...sources, view, route }, rules.reads);
  // Whomever the provider is told of: who calls stays who calls.
  facts.user = call.facts!.user;
  const before = { facts: call.facts!, found: new Set(call.rules!.detectors), texts: textsOf(call, rules) };
  call.take(view, route, rules, facts);
  if (rules.detectors.length > 0) {
    const isKnown =
      rules.detectors.every((detector) => before.found.has(detector)) && isDeepStrictEqual(before.texts, call.texts());
    if (isKnown) keepContentFacts(facts, before.facts);
    else await addContentFacts(facts, rules, call, detections);
  }
  const counting = addTokenFacts(facts, rules, view, route, deps.tokens, deps.metrics.factFound);
  if (counting !== undefined) await counting;
}

/** The texts that facts are found out of; none where no rule asks for any. */
function textsOf(call: Call, { detectors }: RuleSet): readonly string[] {
  return detectors.length === 0 ? [] : call.texts();
}

function changes(format: WireFormat, view: RequestView, modifications: readonly Modification[]): boolean {
  // Not every surface has the model in its body.
  if ((routedModel(modifications) ?? view.model) !== view.model) return true;
  try {
    return format.writeRequest(view, { modifications }) !== view.raw;
  } catch {
    return true;
  }
}

/** A change that cannot be made is never left out: it may be what makes the request one that may be sent. */
function invalid(decision: Decision, message: string): Decision {
  const asked = decision.findings.find(({ effect }) => effect === "modify")!;
  return extend(decision, [{ ...refusalInstead(asked, modifyInvalidCode, message), kind: "error" }]);
}
