import { type Decision, decide, extend, type Modification } from "../../core/decision.ts";
import { evaluate } from "../../core/engine.ts";
import { type FactName, type Facts, readFact } from "../../core/facts.ts";
import type { Identity } from "../../core/identity.ts";
import type { LimitRequest } from "../../core/limits.ts";
import type { Surface } from "../../core/phases.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { compileScope } from "../../core/scope.ts";
import type { Piece } from "../../core/stream.ts";
import { guardPieces, joinDecisions } from "../../core/stream-whole.ts";
import type { TestCase } from "./cases.ts";
import { type LimitsTaken, takeLimits } from "./limits.ts";
import { modifyCase } from "./modify.ts";

/** What came of one case. */
export interface Outcome {
  readonly decision: Decision;
  readonly modifications: readonly Modification[];
  readonly limits: readonly LimitRequest[];
  /** Limits that the case itself mocks and no policy declares. */
  readonly unknownLimits: readonly string[];
  /** Policies that were not asked, because their scope leaves the request out. */
  readonly outOfScope: readonly CompiledPolicy[];
  /** What policies threw. */
  readonly errors: readonly { readonly policy: string; readonly error: unknown }[];
}

/**
 * Judges a case by policies, with the engine of the server: scopes, then the phase, then what is to be modified, then
 * limits. A policy whose scope leaves the request out is not asked.
 */
export function runCase(policies: readonly CompiledPolicy[], one: TestCase): Outcome {
  const errors: { policy: string; error: unknown }[] = [];
  const content = { texts: () => one.texts };
  const note = ({ id }: CompiledPolicy, error: unknown) => void errors.push({ policy: id, error });
  const judge = (facts: Facts) => {
    const inScope = inScopeOf(policies, facts, one.timeZone);
    const asked = evaluate(inScope, one.phase, facts, note, content);
    return { decision: withGuards(asked, inScope, one, facts, note), policies: inScope };
  };
  const first = judge(one.facts);
  const { facts, modifications, ...modified } = modifyCase(first.decision, first.policies, one.facts, content, judge);

  let { decision } = modified;
  let unknownLimits = one.ownLimits;
  let limits: readonly LimitRequest[] = [];
  if (one.phase === "request" && decision.effect !== "deny") {
    const taken = takeLimits(inScopeOf(policies, facts, one.timeZone), facts, one.limits, one.timeZone);
    decision = withLimits(decision, taken);
    limits = taken.limits;
    unknownLimits = unknownLimits.filter((name) => !taken.names.includes(name));
  }
  const outOfScope = policies.filter((policy) => !first.policies.includes(policy));
  return { decision, modifications, limits, unknownLimits, outOfScope, errors };
}

/**
 * With what policies look for in answers: in the case's texts, and in the call of a tool that its event is.
 */
function withGuards(
  decision: Decision,
  policies: readonly CompiledPolicy[],
  { phase, texts }: TestCase,
  facts: Facts,
  note: (policy: CompiledPolicy, error: unknown) => void,
): Decision {
  const answering = policies.filter(({ answer }) => answer !== undefined);
  if (answering.length === 0 || (phase !== "stream" && phase !== "response")) return decision;
  const pieces: Piece[] = texts.map((text, choice) => ({ choice, kind: "text", tool: "", text }));
  const name = phase === "stream" ? (read(facts, "event.tool_name", "") as string) : "";
  if (name !== "") {
    const call = { choice: 0, tool: "0" };
    pieces.push({ ...call, kind: "tool_name", text: name });
    pieces.push({ ...call, kind: "tool_arguments", text: read(facts, "event.text", "") as string });
  } else if (phase === "stream" && texts.length === 0) {
    pieces.push({ choice: 0, kind: "text", tool: "", text: read(facts, "event.text", "") as string });
  }
  return joinDecisions(decision, guardPieces(answering, phase, facts, pieces, note).decision);
}

/** A policy that only declares limits has decided as well. */
function withLimits(decision: Decision, { limits, findings }: LimitsTaken): Decision {
  if (findings.length > 0) return extend(decision, findings);
  if (limits.length === 0 || decision.tally.decided > 0) return decision;
  return decide(decision.phase, decision.findings, { ...decision.tally, decided: 1 });
}

/** The policies that apply to a request with these facts. */
export function inScopeOf(
  policies: readonly CompiledPolicy[],
  facts: Facts,
  timeZone: string,
): readonly CompiledPolicy[] {
  const text = (name: FactName) => read(facts, name, "") as string;
  const labels = (name: FactName) => read(facts, name, {}) as Readonly<Record<string, string>>;
  const identity: Identity = {
    org: { id: text("org.id"), labels: labels("org.labels"), timeZone },
    team: { id: text("team.id") },
    app: { id: text("app.id"), name: text("app.name"), labels: labels("app.labels") },
    env: text("app.env"),
    key: { id: text("key.id") },
  };
  const [model, surface] = [text("request.model"), text("request.surface") as Surface];
  return policies.filter(({ scope }) => compileScope(scope)(identity, model, surface));
}

/** Scopes are told by what the gateway knows of the key: a fact that cannot be had is one of the rules' alone. */
function read(facts: Facts, name: FactName, otherwise: unknown): unknown {
  try {
    return readFact(facts, name);
  } catch {
    return otherwise;
  }
}
