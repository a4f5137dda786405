import type { AdminScope } from "../core/operators.ts";

/** A route's description with the scope that it needs, which the OpenAPI document tells. */
export function needing<const D extends object>(scope: AdminScope, detail: D): D & { "x-required-scope": AdminScope } {
  return { ...detail, "x-required-scope": scope };
}
