import type { Scope } from "../../core/policy.ts";
import type { Problem } from "../problem.ts";
import { contains } from "../scope.ts";
import type { Compiled } from "./compiled.ts";
import { Places } from "./places.ts";

/** What a scope leaves out must leave something in. */
export function checkReach(file: Compiled): Problem[] {
  const { except, ...scope }: Scope = file.policy.scope;
  if (except === undefined || !contains(except, scope)) return [];
  const message =
    Object.keys(except).length === 0
      ? "an 'except' that names nothing leaves every request out; name what is left out, or take it away"
      : "'except' leaves out every request in the scope, so the policy applies to none; make it narrower, or take the policy away";
  return [new Places(file).problem("C069", ["scope", "except"], message) ?? []].flat();
}
