import type { ActualAmounts, LimitOwner, Reservation, ReserveResult } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { SluiceError } from "../../errors.ts";
import { createCalendar, type Span } from "../calendar.ts";
import { slidingSlots } from "../counters.ts";
import type { Ending, RemoteCounters } from "../remote.ts";
import { parseReply } from "./reply.ts";
import { NotSent, type RunScript } from "./scripts.ts";

/** Settings of {@link createRedisCounters}. */
export interface RedisCountersOptions {
  readonly run: RunScript;
  /** The time, for tests; Redis's own when absent, which is the same for all replicas. */
  readonly clock?: Clock;
  /** This process's time, which may be wrong; the system's when absent. */
  readonly wall?: Clock;
  /** After how long a request that was neither settled nor released is given up; 3,600 when absent. */
  readonly leaseSeconds?: number;
  /**
   * After how long what a request holds of `concurrency` returns when nobody renews it, because its process is gone;
   * 60 when absent.
   */
  readonly holdSeconds?: number;
}

/** What one request holds, or may hold. */
interface Holding {
  /** When the store made it, by its clock. */
  readonly at: number;
  /** The same by this process's clock, which is only ever compared with itself. */
  readonly since: number;
  readonly owner: LimitOwner;
  readonly reservations: readonly Reservation[];
  /** The counters' keys, in the same order. */
  readonly keys: readonly string[];
  /** Ends of the calendar windows, in the same order; 0 where there is none. */
  readonly ends: readonly number[];
  /** Absent while it is not known whether anything was taken. */
  readonly result?: ReserveResult;
}

/** How much longer than they matter keys are kept. */
const graceMs = 60_000;

/** How often windows are worked out anew when Redis's clock says that they are not the current ones. */
const attempts = 3;

/**
 * Counters in Redis, shared by all replicas. Every call is one script, so it is one atomic step.
 *
 * - All keys of an organisation have one hash tag, so that they are on one node of a cluster.
 * - A calendar window's start is part of its key: what is taken can only land in the window it was asked for, and the
 *   script refuses a window that is not the current one by Redis's own clock. Keys expire with their window, and are
 *   given that expiry by the script that makes them.
 * - Amounts are whole numbers, exact up to 2^53.
 * - Sliding windows have the slots of those in memory, so both answer alike.
 * - Windows that Redis loses begin anew: what was used in them is forgotten, and settling a lost request does nothing.
 */
export function createRedisCounters({
  run,
  clock,
  wall = Date,
  leaseSeconds = 3600,
  holdSeconds = 60,
}: RedisCountersOptions): RemoteCounters {
  const leaseMs = leaseSeconds * 1000;
  const holdMs = holdSeconds * 1000;
  const spanAt = createCalendar();
  /** In the order they were made. */
  const holdings = new Map<string, Holding>();
  /** How much Redis's clock is ahead of this process's. */
  let ahead = 0;

  const now = () => (clock === undefined ? wall.now() + ahead : clock.now());
  const given = () => (clock === undefined ? "" : clock.now());

  function forget(): void {
    const limit = performance.now() - leaseMs;
    for (const [id, { since }] of holdings) {
      if (since >= limit) return;
      holdings.delete(id);
    }
  }

  return {
    async reserve(requestId, owner, reservations) {
      const known = holdings.get(requestId);
      if (known?.result !== undefined && now() <= known.at + leaseMs) return known.result;
      if (reservations.length === 0) return { granted: true, states: [], exhausted: [] };
      for (const { key, amount } of reservations) {
        if (!Number.isSafeInteger(amount) || amount < 0) throw new RangeError(`cannot reserve ${amount} of ${key}`);
      }
      forget();
      const since = performance.now();
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const { keys, ends, from, until, args } = encode(reservations, owner, now(), spanAt);
        const holding: Holding = { at: now(), since, owner, reservations, keys, ends };
        holdings.set(requestId, holding);
        const asked = [recordKey(owner, requestId), ...keys];
        const settings = [given(), leaseMs, holdMs, graceMs, requestId, from, until];
        const reply = parseReply(await answer(requestId, asked, [...settings, ...args]), reservations);
        if (reply.kind === "given-up") break;
        if (clock === undefined) ahead = reply.now - wall.now();
        if (reply.kind === "stale") continue;
        const { result } = reply;
        if (result.granted) holdings.set(requestId, { ...holding, at: reply.now, result });
        else holdings.delete(requestId);
        return result;
      }
      holdings.delete(requestId);
      throw new SluiceError("store_unavailable");
    },

    ending(requestId, actual) {
      const holding = holdings.get(requestId);
      if (holding === undefined) return undefined;
      holdings.delete(requestId);
      return endingOf(requestId, holding, actual);
    },

    holding: (requestId) => holdings.get(requestId),
    extend: () => Promise.resolve(false),
    inspect: () => Promise.resolve({ counters: [], next: null }),
    reset: () => Promise.resolve(false),

    async renew() {
      const due = performance.now() - holdMs / 3;
      const byOwner = new Map<string, { readonly keys: string[]; readonly ids: string[] }>();
      for (const [id, { since, owner, reservations, keys, result }] of holdings) {
        if (since > due) break;
        if (result === undefined) continue;
        for (const [i, { unit, amount }] of reservations.entries()) {
          if (unit !== "concurrency" || amount === 0) continue;
          const all = byOwner.get(owner.id) ?? { keys: [], ids: [] };
          byOwner.set(owner.id, all);
          all.keys.push(keys[i]!);
          all.ids.push(id);
        }
      }
      for (const { keys, ids } of byOwner.values()) {
        for (let from = 0; from < keys.length; from += renewedAtOnce) {
          const some = ids.slice(from, from + renewedAtOnce);
          await run("renew", keys.slice(from, from + renewedAtOnce), [given(), holdMs, graceMs, ...some]);
        }
      }
      forget();
    },

    windowOf({ owner, reservation: { window }, at }) {
      if ("every" in window) return String(spanAt(at, window.every, owner.timeZone).start);
      return String(Math.floor(at / slotLengthOf(window.sliding * 1000)));
    },

    isCurrent({ owner, reservation: { window }, at }) {
      const time = now();
      if ("every" in window) return spanAt(time, window.every, owner.timeZone).start <= at;
      return time < at + window.sliding * 1000;
    },
  };

  async function answer(requestId: string, keys: readonly string[], args: readonly (string | number)[]) {
    try {
      return String(await run("reserve", keys, args));
    } catch (error) {
      // Redis's own refusals, such as READONLY, take nothing either.
      if (error instanceof NotSent || (error as Error).name === "ReplyError") holdings.delete(requestId);
      throw error;
    }
  }

  function endingOf(requestId: string, holding: Holding, actual: ActualAmounts | null): Ending {
    const { owner, reservations, ends, result } = holding;
    const keys = [recordKey(owner, requestId)];
    // One that may not have been taken leaves a mark: it may be on its way still.
    const args = [leaseMs, result === undefined ? 1 : 0, graceMs, requestId];
    for (const [i, { unit, window, amount }] of reservations.entries()) {
      const change = actual === null ? -amount : Math.ceil(actual[unit] ?? amount) - amount;
      if (unit === "concurrency") {
        if (amount === 0) continue;
        keys.push(holding.keys[i]!);
        args.push("c", 0, "", "");
      } else if (change !== 0) {
        keys.push(holding.keys[i]!);
        if ("every" in window) args.push("f", change, ends[i]!, "");
        else args.push("s", change, window.sliding * 1000, i);
      }
    }
    return async () => void (await run("settle", keys, [given(), ...args]));
  }
}

const renewedAtOnce = 100;

/** Keys and arguments of the counters of a request. */
function encode(
  reservations: readonly Reservation[],
  owner: LimitOwner,
  now: number,
  spanAt: ReturnType<typeof createCalendar>,
) {
  const keys: string[] = [];
  const ends: number[] = [];
  const args: (string | number)[] = [];
  const prefix = tagOf(owner);
  /** From when until when all the calendar windows are the current ones. */
  let from = 0;
  let until = Number.MAX_SAFE_INTEGER;
  for (const { key, unit, window, max, amount } of reservations) {
    const most = Math.min(max, Number.MAX_SAFE_INTEGER);
    let span: Span | undefined;
    if (unit === "concurrency") {
      keys.push(`${prefix}c:${key}`);
      args.push("c", most, amount, "", "");
    } else if ("every" in window) {
      span = spanAt(now, window.every, owner.timeZone);
      keys.push(`${prefix}w:${key}:${span.start}`);
      args.push("f", most, amount, span.start, span.end);
      from = Math.max(from, span.start);
      until = Math.min(until, span.end);
    } else {
      const length = window.sliding * 1000;
      keys.push(`${prefix}s:${key}`);
      args.push("s", most, amount, length, slotLengthOf(length));
    }
    ends.push(span?.end ?? 0);
  }
  return { keys, ends, from, until, args };
}

function slotLengthOf(length: number): number {
  return Math.ceil(length / slidingSlots);
}

function recordKey(owner: LimitOwner, requestId: string): string {
  return `${tagOf(owner)}r:${requestId}`;
}

/** What all keys of an organisation begin with; what stands in braces is what Redis Cluster places keys by. */
function tagOf({ id }: LimitOwner): string {
  return `sluice:{o:${encodeURIComponent(id)}}:`;
}
