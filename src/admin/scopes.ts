import type { AdminScope, Operator } from "../core/operators.ts";
import { SluiceError } from "../errors.ts";

/**
 * Whose things a route shows or changes: those of the operator's organisation, which the route itself confines it to
 * (`reaches`), or what all organisations share, for which it takes an operator of all of them.
 */
export type Reach = "organisation" | "deployment";

/** What a route asks of who calls it. */
export interface Requirement {
  readonly scope: AdminScope;
  readonly reach: Reach;
}

/** A description as the OpenAPI document tells it, with what the route needs. */
type Needing<D extends object> = D & { "x-required-scope": AdminScope; "x-required-reach": Reach };

/**
 * A route's description with what it needs. The OpenAPI document tells it, and {@link readRequirements} holds the route
 * to it: every route states it, or the control plane is not made.
 *
 * @param reach `deployment` for what takes an operator of all organisations
 */
export function needing<const D extends object>(
  scope: AdminScope,
  detail: D,
  reach: Reach = "organisation",
): Needing<D> {
  return { ...detail, "x-required-scope": scope, "x-required-reach": reach };
}

/** What is read of a route of the framework. */
export interface DeclaredRoute {
  readonly method: string;
  readonly path: string;
  readonly hooks?: { readonly detail?: Partial<Needing<object>> };
}

/** What each route needs, by its method and its path as declared. */
export type Requirements = ReadonlyMap<string, Requirement>;

/**
 * Reads what each route needs from its description.
 *
 * @throws Error when a route states no scope: nothing is open because somebody forgot to close it
 */
export function readRequirements(routes: readonly DeclaredRoute[]): Requirements {
  return new Map(
    routes.map(({ method, path, hooks }) => {
      const { "x-required-scope": scope, "x-required-reach": reach } = hooks?.detail ?? {};
      if (scope === undefined || reach === undefined) {
        throw new Error(`the route ${method} ${path} states no scope: describe it with needing(scope, detail)`);
      }
      return [`${method} ${path}`, { scope, reach }];
    }),
  );
}

/**
 * Holds an operator to what a route needs. Paths that are no route of ours need nothing: there is nothing there.
 *
 * @param route the path as declared
 * @throws SluiceError `insufficient_scope`
 */
export function holdTo(requirements: Requirements, operator: Operator, method: string, route: string): void {
  // What answers GET answers HEAD.
  const needed = requirements.get(`${method === "HEAD" ? "GET" : method} ${route}`);
  if (needed === undefined) return;
  if (!operator.scopes.has(needed.scope)) {
    throw new SluiceError("insufficient_scope", { problem: `It takes the scope '${needed.scope}'` });
  }
  if (needed.reach === "deployment" && operator.organisation !== null) {
    throw new SluiceError("insufficient_scope", {
      problem: `It concerns all organisations, and this credential is for '${operator.organisation}' alone`,
    });
  }
}
