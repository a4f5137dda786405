import type { FactName, Facts } from "../core/facts.ts";
import type { BreakGlass, Maintenance, PolicyOverlay, Temporary } from "../core/overlay.ts";
import type { Surface } from "../core/phases.ts";
import { type CompiledPolicy, notApplicable } from "../core/policy.ts";
import { compileScope } from "../core/scope.ts";
import type { Status } from "../core/status.ts";
import { factsOf, identityOf } from "./exceptions.ts";

/** Id of the policy that refuses while there is maintenance. It sorts before all others, so that it is the one told. */
export const maintenanceId = "_maintenance";

/**
 * A policy whose hits, in the scope of these entries and before they expire, are recorded and have no effect. Expiry is
 * looked at in each request, so that none outlives it by a late reload.
 */
export function withBreakGlass(policy: CompiledPolicy, entries: readonly BreakGlass[]): CompiledPolicy {
  if (entries.length === 0) return policy;
  const made = entries.map(({ id, rule, action, scope, expiresAt }) => {
    const inScope = compileScope(scope);
    const applies = (facts: Facts) => facts.now.getTime() < expiresAt && isIn(inScope, facts);
    return { rule, active: { label: `break-glass:${id}`, action }, applies };
  });
  // What leaves limits alone goes before what only lets pass.
  made.sort((a, b) => Number(b.active.action === "skip") - Number(a.active.action === "skip"));
  return {
    ...policy,
    reads: [...new Set([...policy.reads, ...scopeReads(entries)])],
    override: (facts, rule) =>
      made.find((entry) => (entry.rule === "" || entry.rule === rule) && entry.applies(facts))?.active,
  };
}

/** The policy that refuses while there is maintenance. */
export function maintenancePolicy(maintenance: Maintenance): CompiledPolicy {
  const { scope, message, retryAfterSeconds, expiresAt } = maintenance;
  return {
    id: maintenanceId,
    description: "Maintenance: requests are refused for a time.",
    mode: "enforce",
    onError: "deny",
    priority: 0,
    scope,
    uses: "maintenance",
    added: true,
    provenance: { origin: "maintenance", attachedTo: [], params: {}, modeFrom: "file", breakGlass: [] },
    reads: ["now"],
    rules: [{ id: "maintenance", effect: "deny", code: "maintenance" }],
    evaluate: {
      request({ now }) {
        const left = expiresAt - now.getTime();
        if (left <= 0) return notApplicable;
        const seconds = retryAfterSeconds ?? Math.ceil(left / 1000);
        const headers = { "retry-after": String(seconds) };
        return [{ rule: "maintenance", effect: "deny", code: "maintenance", message, status: 503, headers }];
      },
    },
  };
}

/** What takes away the effect of policies at this moment, and maintenance, as the status tells it. */
export function describeInterventions(
  { breakGlass, maintenance }: Pick<PolicyOverlay, "breakGlass" | "maintenance">,
  now: number,
): Status["parts"] {
  const open = ({ expiresAt }: Temporary) => now < expiresAt;
  const about = ({ id, reason, actor, expiresAt }: Temporary) =>
    `${id} by ${actor} until ${new Date(expiresAt).toISOString()}: ${reason}`;
  return [
    ...(maintenance !== null && open(maintenance)
      ? [{ name: "maintenance", state: "active", detail: about(maintenance) }]
      : []),
    ...breakGlass.filter(open).map((entry) => {
      const rule = entry.rule === "" ? "" : `, rule ${entry.rule}`;
      return { name: "break-glass", state: "active", detail: `${entry.policy}${rule}, ${about(entry)}` };
    }),
  ];
}

function isIn(inScope: ReturnType<typeof compileScope>, facts: Facts): boolean {
  return inScope(identityOf(facts), facts.request.model, facts.request.surface as Surface);
}

function scopeReads(entries: readonly BreakGlass[]): readonly FactName[] {
  return entries.flatMap(({ scope }) => factsOf(scope));
}
