import { t } from "elysia";
import type { ParamValues } from "../core/overlay.ts";
import type { DeclaredPolicy } from "../core/policy-control.ts";
import type { Changed } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { confinePolicies } from "./policy-confined.ts";
import { listPolicies } from "./policy-view.ts";
import { type Shown, staleError } from "./schemas.ts";

/** Values for params, by name. Whether they fit is for the policy to say. */
export const paramsSchema = t.Record(
  t.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }),
  t.Union([t.String({ maxLength: 4096 }), t.Number(), t.Boolean(), t.Array(t.String({ maxLength: 4096 }))]),
  { additionalProperties: false, maxProperties: 64, description: "Values by the names of the policy's params." },
);

/** Values as the core knows them. */
export function toParams(values: Shown<typeof paramsSchema>): ParamValues {
  return values;
}

/** The id of any policy. */
export const policyPattern = t.String({ minLength: 1, maxLength: 256, description: "Id of the policy." });

/** Largest content of a database policy, in characters; as much as a file may hold. */
export const maxContent = 256 * 1024;

/**
 * A policy that may be tuned or attached, and that the operator may know of.
 *
 * @throws SluiceError `not_found`
 */
export async function requirePolicy(deps: AdminDeps, request: Request, id: string): Promise<DeclaredPolicy> {
  const declared = deps.policyControl.declared(id);
  const known = declared !== null && (operatorOf(request).organisation === null || (await isKnown(deps, request, id)));
  if (!known) throw new SluiceError("not_found", { resource: "policy", id });
  return declared;
}

async function isKnown(deps: AdminDeps, request: Request, id: string): Promise<boolean> {
  const policies = listPolicies(deps).filter((policy) => policy.id === id);
  return (await confinePolicies(deps, request, policies)).length > 0;
}

/** What a change made, or the failure that it met. */
export function settled<T>(changed: Changed<T>, resource: string, id: string, ifMatch: string | undefined): T {
  if (changed.outcome === "missing") throw new SluiceError("not_found", { resource, id });
  if (changed.outcome === "stale") throw staleError(resource, id, ifMatch, changed.version);
  return changed.value;
}
