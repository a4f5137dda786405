import type { Operator } from "../core/control.ts";

/** Who sent the requests that are being answered. Weak: entries go with their requests. */
const operators = new WeakMap<Request, Operator>();

/** Notes who sent a request, once its credential was found good. */
export function rememberOperator(request: Request, operator: Operator): void {
  operators.set(request, operator);
}

/** The id of who sent a request; every request that reaches a route has one. */
export function actorOf(request: Request): string {
  const operator = operators.get(request);
  if (operator === undefined) throw new Error("a request was handled before its operator was known");
  return operator.id;
}
