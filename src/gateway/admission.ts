import { type Decision, extend, withDefault } from "../core/decision.ts";
import { createLocalTime } from "../core/local-time.ts";
import type { TraceDetails } from "../core/tracing.ts";
import type { WireFormat } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import type { Call } from "./call.ts";
import { addContentFacts, detectionListener } from "./content-facts.ts";
import type { GatewayDeps } from "./deps.ts";
import { addTokenFacts, type FactSources, requestFacts } from "./facts.ts";
import { holdToModel } from "./held-to.ts";
import { limitFacts } from "./limit-facts.ts";
import { type LimitOutcome, reserveLimits } from "./limits.ts";
import { modifyRequest } from "./modify.ts";
import { type HeadedRefusal, refuseByPolicy } from "./refusal.ts";

/** A call as it comes in. */
export interface Arrival extends Pick<FactSources, "request" | "headers" | "addressOf"> {
  /** The model that is asked for, where neither the body nor the request's path names it. */
  readonly model?: string | undefined;
}

/**
 * All that stands between a call's caller and its provider: which rules, decide, reserve. Answers a refusal, or `null` to
 * go on; a promise only when there is something to wait for. What was decided is in the call, and recorded.
 */
export type Admit = (
  call: Call,
  format: WireFormat,
  body: Uint8Array,
  arrival: Arrival,
) => HeadedRefusal | null | Promise<HeadedRefusal | null>;

/** Makes what judges requests: the same for those that are made and for those that are only asked about. */
export function createAdmission(deps: GatewayDeps): Admit {
  const localTime = createLocalTime();
  const detections = detectionListener(deps);
  const { factFound } = deps.metrics;

  return admit;

  function admit(
    call: Call,
    format: WireFormat,
    body: Uint8Array,
    { request, headers, addressOf, model }: Arrival,
  ): HeadedRefusal | null | Promise<HeadedRefusal | null> {
    call.requestBytes = body.byteLength;
    const view = format.readRequest(body, request.url, model);
    call.view = view;
    const unknown = deps.unknownFields(call.surface, view.body);
    if (unknown > 0) deps.metrics.unknown(call.surface, "fields", unknown);
    // Before the catalogue is asked: a key learns nothing of models that are not for it.
    const { heldTo, strict } = call.identity!;
    if (strict === true && !deps.recorder.accepting) {
      throw new SluiceError("records_unavailable", { application: call.identity!.app.id });
    }
    if (heldTo !== undefined) holdToModel(heldTo, view.model);
    const route = deps.catalogue.resolve(view.model, call.surface);
    if (route === null) throw new SluiceError("model_not_found", { model: view.model });
    call.route = route;

    const identity = call.identity!;
    const rules = call.snapshot.rulesFor(identity, view.model, call.surface);
    call.rules = rules;
    const from = performance.now();
    const { id: requestId, arrived: now } = call;
    const { policyHeaders } = deps;
    const sources = { requestId, now, identity, view, route, request, headers, policyHeaders, addressOf, localTime };
    const facts = requestFacts(sources, rules.reads);
    call.facts = facts;
    if (rules.detectors.length > 0) return decideDetected(call, format, sources, from);
    const counting = addTokenFacts(facts, rules, view, route, deps.tokens, factFound);
    return counting === undefined
      ? decideRequest(call, format, sources, from)
      : decideCounted(counting, call, format, sources, from);
  }

  async function decideDetected(call: Call, format: WireFormat, sources: FactSources, from: number) {
    const { facts, rules, view, route } = call;
    await addContentFacts(facts!, rules!, call, detections);
    // After them: whether a bound of the tokens decides is asked of rules that may read both.
    await addTokenFacts(facts!, rules!, view!, route!, deps.tokens, factFound);
    return decideRequest(call, format, sources, from);
  }

  // A function of its own, as those below: a closure would put what it holds on the heap for calls that need not wait.
  async function decideCounted(counting: Promise<void>, ...rest: Parameters<typeof decideRequest>) {
    await counting;
    return decideRequest(...rest);
  }

  function decideRequest(call: Call, format: WireFormat, sources: FactSources, from: number) {
    call.trace?.part("facts", from, { reads: call.rules!.reads.size, policies: call.rules!.policies.length });
    const decision = withDefault(call.judge("request"), call.snapshot.defaultEffect);
    if (decision.effect !== "modify") return reserve(call, decision, from);
    const modifyingFrom = call.trace === undefined ? 0 : performance.now();
    const modifying = modifyRequest({ deps, call, format, sources, detections }, decision);
    return reserveModified(modifying, call, from, modifyingFrom);
  }

  async function reserveModified(modifying: Promise<Decision>, call: Call, from: number, modifyingFrom: number) {
    const decision = await modifying;
    call.trace?.part("modify", modifyingFrom, { effect: decision.effect });
    return reserve(call, decision, from);
  }

  /** Limits are those of the request as it is sent: of its model, with its maximum. */
  function reserve(call: Call, decision: Decision, from: number): HeadedRefusal | null | Promise<HeadedRefusal | null> {
    const { limiting } = call.rules!;
    if (limiting.length === 0 || decision.effect === "deny") return conclude(call, decision, from);
    const reservingFrom = call.trace === undefined ? 0 : performance.now();
    const reserving = reserveLimits(deps, call.id, call.identity!, call.rules!, call.facts!);
    return reserving instanceof Promise
      ? concludeReserved(reserving, call, decision, from, reservingFrom)
      : conclude(call, decision, from, reserving, reservingFrom);
  }

  async function concludeReserved(
    reserving: Promise<LimitOutcome>,
    call: Call,
    decision: Decision,
    from: number,
    reservingFrom: number,
  ) {
    return conclude(call, decision, from, await reserving, reservingFrom);
  }

  function conclude(
    call: Call,
    decided: Decision,
    from: number,
    limits?: LimitOutcome,
    reservingFrom = 0,
  ): HeadedRefusal | null {
    call.limits = limits;
    if (limits !== undefined) {
      if (limits.reservedTokens > 0) deps.metrics.reserved(limits.reservedTokens);
      call.trace?.part("reserve", reservingFrom, reservedDetails(limits));
    }
    if (limits?.reserved !== undefined) Object.assign(call.facts!, limitFacts(limits.reserved));
    const decision = limits === undefined || limits.findings.length === 0 ? decided : extend(decided, limits.findings);
    call.decision = decision;
    call.record(decision, (performance.now() - from) * 1000);
    call.sentMs = call.elapsedMs;
    return decision.effect === "deny" ? refuseByPolicy(call, decision) : null;
  }
}

function reservedDetails({ held, findings, reservedTokens }: LimitOutcome): TraceDetails {
  return { granted: held.length > 0, refused: findings.length, reserved_tokens: reservedTokens };
}
