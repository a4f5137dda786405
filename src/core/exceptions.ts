import type { Scope } from "./policy.ts";

/** An exception from a policy that a file of the policies folder makes, for some requests and until a time. */
export interface PolicyException {
  /** The path without its ending, such as `org/batch-images`. */
  readonly id: string;
  /** Inside the policies folder. */
  readonly path: string;
  readonly policy: string;
  /** Empty for the whole policy, its limits included. */
  readonly rule: string;
  readonly scope: Scope;
  readonly owner: string;
  readonly reason: string;
  /** It has no effect from here on, whether or not anything was loaded again. Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Whether an exception still has an effect at a time. */
export function exceptionState({ expiresAt }: PolicyException, now: number): "active" | "expired" {
  return now < expiresAt ? "active" : "expired";
}
