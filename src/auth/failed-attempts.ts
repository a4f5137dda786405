import { LRUCache } from "lru-cache";
import { holderOf } from "../core/networks.ts";
import type { Clock } from "../core/ports.ts";

/** How failed attempts are limited. */
export interface FailedAttemptsOptions {
  readonly clock: Clock;
  /** How many an address has at once, and gets back over a minute. */
  readonly perMinute: number;
  /** Most addresses that are remembered; of more, those that failed longest ago are forgotten. */
  readonly maxAddresses?: number;
}

/** Counts failed attempts by the address they come from. */
export interface FailedAttempts {
  /** Seconds until an address may fail again, rounded up; 0 when it may now. */
  wait(address: string): number;
  /** Notes a failure. */
  note(address: string): void;
}

/** What an address has left, and when that was so; both change. */
interface Allowance {
  left: number;
  at: number;
}

/** Limits failed attempts, each address for itself, in bounded memory. */
export function createFailedAttempts({
  clock,
  perMinute,
  maxAddresses = 10_000,
}: FailedAttemptsOptions): FailedAttempts {
  const perMs = perMinute / 60_000;
  const allowances = new LRUCache<string, Allowance>({ max: maxAddresses });

  const current = (network: string): Allowance | undefined => {
    const allowance = allowances.get(network);
    if (allowance === undefined) return undefined;
    const now = clock.now();
    // A clock that was set back gives nothing and takes nothing.
    allowance.left = Math.min(perMinute, allowance.left + Math.max(0, now - allowance.at) * perMs);
    allowance.at = now;
    return allowance;
  };

  return {
    wait(address) {
      const left = current(holderOf(address))?.left ?? perMinute;
      return left >= 1 ? 0 : Math.ceil((1 - left) / perMs / 1000);
    },
    note(address) {
      const network = holderOf(address);
      const allowance = current(network);
      if (allowance === undefined) allowances.set(network, { left: perMinute - 1, at: clock.now() });
      else allowance.left = Math.max(0, allowance.left - 1);
    },
  };
}
