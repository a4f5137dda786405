import type { Finding } from "../core/decision.ts";
import { errorFinding, toFinding } from "../core/engine.ts";
import type { Facts } from "../core/facts.ts";
import type { CounterState, LimitRequest, LimitScope, Reservation } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { GatewayDeps } from "./deps.ts";

/** What became of a request's limits. */
export interface LimitOutcome {
  readonly findings: readonly Finding[];
  /** The tightest enforced limit, for the `ratelimit-*` headers; absent when the request has none. */
  readonly tightest?: { readonly limit: number; readonly state: CounterState };
  /** The ids under which something is held, to settle or release. */
  readonly held: readonly string[];
  /** Tokens reserved, to tell the drift when they are settled. */
  readonly reservedTokens: number;
}

interface Wanted {
  readonly policy: CompiledPolicy;
  readonly limit: LimitRequest;
  readonly reservation: Reservation;
}

const none: LimitOutcome = { findings: [], held: [], reservedTokens: 0 };

/**
 * Reserves the limits of all policies: the enforced ones in one step, all or none. Limits of policies in mode `warn`
 * or `audit` are reserved apart, so that they can neither refuse a request nor take part in refusing it.
 */
export async function reserveLimits(
  deps: GatewayDeps,
  requestId: string,
  timeZone: string,
  policies: readonly CompiledPolicy[],
  facts: Facts,
): Promise<LimitOutcome> {
  if (policies.length === 0) return none;
  const findings: Finding[] = [];
  const enforced: Wanted[] = [];
  const observed: Wanted[] = [];
  for (const policy of policies) {
    try {
      const list = policy.mode === "enforce" ? enforced : observed;
      for (const limit of policy.limits?.(facts) ?? []) list.push(want(policy, limit, facts));
    } catch (error) {
      deps.metrics.policyError(policy.id);
      deps.logger.error({ policy: policy.id, err: error }, "a policy failed to declare its limits");
      findings.push(errorFinding(policy));
    }
  }
  const held: string[] = [];
  let tightest: LimitOutcome["tightest"];

  const groups = [
    { id: requestId, wanted: enforced },
    { id: `${requestId}:observed`, wanted: observed },
  ];
  for (const { id, wanted } of groups) {
    if (wanted.length === 0) continue;
    const reserved = await reserve(deps, id, timeZone, wanted);
    if (reserved === null) {
      findings.push(...unavailable(wanted));
      continue;
    }
    if (reserved.granted) held.push(id);
    wanted.forEach(({ policy, limit }, i) => {
      const state = reserved.states[i]!;
      const exhausted = reserved.exhausted.includes(i);
      deps.metrics.limit(`${policy.id}:${limit.name}`, exhausted ? "exhausted" : "granted");
      if (exhausted && policy.limitHit !== undefined) {
        const hit = policy.limitHit(limit, state);
        findings.push(
          toFinding(policy, { ...hit, headers: { "retry-after": String(state.resetSeconds), ...hit.headers } }),
        );
      }
      const share = state.remaining / limit.max;
      if (id === requestId && (tightest === undefined || share < tightest.state.remaining / tightest.limit)) {
        tightest = { limit: limit.max, state };
      }
    });
  }
  const reservedTokens = enforced.find(({ limit }) => limit.unit === "tokens")?.limit.amount ?? 0;
  return { findings, held, reservedTokens, ...(tightest && { tightest }) };
}

async function reserve(deps: GatewayDeps, id: string, timeZone: string, wanted: readonly Wanted[]) {
  const reservations = wanted.map(({ reservation }) => reservation);
  try {
    const answer = deps.counters.reserve(id, timeZone, reservations);
    return answer instanceof Promise ? await answer : answer;
  } catch (error) {
    deps.logger.error({ err: error }, "limits could not be reserved");
    for (const { policy, limit } of wanted) deps.metrics.limit(`${policy.id}:${limit.name}`, "error");
    return null;
  }
}

/** A store that failed is not a rate limit that was hit: `deny` and `local` refuse as an error, `allow` lets pass. */
function unavailable(wanted: readonly Wanted[]): Finding[] {
  return wanted
    .filter(({ limit }) => limit.onStoreDown !== "allow")
    .map(({ policy }) => ({
      ...errorFinding({ ...policy, onError: "deny" }, "a limit could not be checked"),
      code: "store_unavailable",
      status: 503,
    }));
}

function want(policy: CompiledPolicy, limit: LimitRequest, facts: Facts): Wanted {
  let key = `${policy.id}|${limit.name}`;
  for (const part of limit.per) key += `|${part}=${partValue(part, facts)}`;
  const { unit, window, max, amount } = limit;
  return { policy, limit, reservation: { key, unit, window, max, amount } };
}

// What a client chooses is quoted, so that no user name can spell another counter's key.
function partValue(part: LimitScope, facts: Facts): string {
  switch (part) {
    case "org":
      return facts.org.id;
    case "team":
      return facts.team.id;
    case "app":
      return facts.app.id;
    case "env":
      return facts.app.env;
    case "key":
      return facts.key.id;
    case "user":
      return JSON.stringify(facts.user.id);
    case "model":
      return JSON.stringify(facts.request.model.toLowerCase());
    case "provider":
      return facts.request.provider;
  }
}
