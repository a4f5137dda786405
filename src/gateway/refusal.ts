import { type Decision, type Finding, noPolicyCode, noPolicyMessage } from "../core/decision.ts";
import type { Phase } from "../core/phases.ts";
import type { Refusal, WireFormat } from "../core/wire.ts";
import { errorCatalogue, fillPlaceholders, SluiceError } from "../errors.ts";
import type { Call } from "./call.ts";

/** A refusal with the headers it needs. */
export interface HeadedRefusal extends Refusal {
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a client is told of a deny. The finding that explains it is the first one in canonical order. */
export function refuseByPolicy(call: Call, decision: Decision): HeadedRefusal {
  const finding: Finding | undefined = decision.findings[0];
  if (finding !== undefined) return refuseByFinding(call, finding, decision.phase);
  const sluice = {
    decision_id: call.decisionId(decision.phase),
    policy: "sluice",
    rule: "default",
    revision: call.snapshot.revision,
  };
  return { status: 403, code: noPolicyCode, message: noPolicyMessage, type: "policy_denied", sluice };
}

/** What a client is told of the finding that refuses its call, or ends its answer. */
export function refuseByFinding(call: Call, finding: Finding, phase: Phase): HeadedRefusal {
  const { policy, rule, status, code, message } = finding;
  const sluice = { decision_id: call.decisionId(phase), policy, rule, revision: call.snapshot.revision };
  // Money that is spent does not come back by trying again.
  const headers = status === 402 ? { "x-should-retry": "false", ...finding.headers } : finding.headers;
  return { status, code, message, type: "policy_denied", sluice, ...(headers && { headers }) };
}

/**
 * What a client is told of a failure. A foreseen one keeps its code and message; anything else is a bug of ours and
 * is told as an id only: its text is for the log.
 */
export function refuseByError(call: Call, error: unknown): HeadedRefusal {
  const sluice = { request_id: call.id };
  if (error instanceof SluiceError) {
    const { status, code, message, details } = error;
    const headers = code === "upstream_unavailable" && { headers: { "retry-after": String(details.seconds) } };
    return { status, code, message, sluice, ...headers };
  }
  const [status, message] = errorCatalogue.internal;
  return { status, code: "internal", message: fillPlaceholders(message, { id: call.id }), sluice };
}

/** Adds Sluice's own headers, which every gateway answer has. */
export function setSluiceHeaders(call: Call, headers: Headers): void {
  headers.set("sluice-request-id", call.id);
  headers.set("sluice-decision-id", call.decisionId("request"));
  headers.set("sluice-revision", call.snapshot.revision);
  headers.set("sluice-policies-evaluated", String(call.evaluated));
  if (call.warnings.length > 0) headers.set("sluice-warnings", call.warnings.join(","));
  if (call.route?.target.kind === "echo") headers.set("sluice-provider", "echo");
  if (call.asked !== undefined && call.asked.model !== call.view?.model) headers.set("sluice-model", call.view!.model);
  const tightest = call.limits?.tightest;
  if (tightest !== undefined) {
    headers.set("ratelimit-limit", String(tightest.limit));
    headers.set("ratelimit-remaining", String(Math.max(0, tightest.state.remaining)));
    headers.set("ratelimit-reset", String(tightest.state.resetSeconds));
  }
  const overhead = Math.max(0, call.elapsedMs - call.upstreamMs);
  headers.set("server-timing", `sluice;dur=${overhead.toFixed(3)}`);
}

/** A refusal as the surface's SDKs expect it: one JSON body, never a stream. */
export function refusalResponse(call: Call, format: WireFormat, refusal: HeadedRefusal) {
  const headers = new Headers({ "content-type": "application/json" });
  setSluiceHeaders(call, headers);
  for (const [name, value] of Object.entries(refusal.headers ?? {})) headers.set(name, value);
  return { body: format.writeRefusal(refusal), init: { status: refusal.status, headers } };
}
