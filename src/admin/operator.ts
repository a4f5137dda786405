import type { Operator } from "../core/operators.ts";

/** Who sent the requests that are being answered. Weak: entries go with their requests. */
const operators = new WeakMap<Request, Operator>();

/** Where requests came from, of those that came over a connection. Weak, too. */
const addresses = new WeakMap<Request, string>();

/** Notes where a request came from. */
export function rememberAddress(request: Request, address: string): void {
  addresses.set(request, address);
}

/** Where a request came from; empty when that is not known. */
export function addressOf(request: Request): string {
  return addresses.get(request) ?? "";
}

/** Notes who sent a request, once its credential was found good. */
export function rememberOperator(request: Request, operator: Operator): void {
  operators.set(request, operator);
}

/** Whether it is known who sent a request. */
export function isAdmitted(request: Request): boolean {
  return operators.has(request);
}

/** Who sent a request; every request that reaches a route has one. */
export function operatorOf(request: Request): Operator {
  const operator = operators.get(request);
  if (operator === undefined) throw new Error("a request was handled before its operator was known");
  return operator;
}

/** The id of who sent a request, for the records of what was changed. */
export function actorOf(request: Request): string {
  return operatorOf(request).id;
}

/**
 * Whether the sender may know of something of an organisation. What it may not know of is answered as if it were not
 * there.
 */
export function reaches(request: Request, organisation: string): boolean {
  const own = operatorOf(request).organisation;
  return own === null || own === organisation;
}
