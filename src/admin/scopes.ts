/** What an operator's role allows. */
export type AdminScope = "policy:read" | "policy:write" | "model:write" | "usage:read" | "system:write";

/** A route's description with the scope that it needs, which the OpenAPI document tells. */
export function needing<const D extends object>(scope: AdminScope, detail: D): D & { "x-required-scope": AdminScope } {
  return { ...detail, "x-required-scope": scope };
}
