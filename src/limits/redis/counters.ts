import type { ActualAmounts, LimitOwner, Reservation, ReserveResult } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { SluiceError } from "../../errors.ts";
import { createCalendar } from "../calendar.ts";
import { leaseSeconds as usualLease } from "../lease.ts";
import type { Ending, RemoteCounters } from "../remote.ts";
import { ShortLived } from "../short-lived.ts";
import { inspectCounters, noteOf, resetCounter } from "./inspection.ts";
import { OrganisationKeys, type RedisCounter, slotLengthOf } from "./keys.ts";
import { type Asked, type ReserveReply, readReserve, writeReserve } from "./reserve-batch.ts";
import type { ScriptArgument } from "./script-command.ts";
import { NotSent, type RunScript } from "./scripts.ts";
import { changesOf, type Ended, writeExtend, writeSettle } from "./settle-batch.ts";
import { Turns } from "./turns.ts";

/** Settings of {@link createRedisCounters}. */
export interface RedisCountersOptions {
  readonly run: RunScript;
  /** The time, for tests; Redis's own when absent, which is the same for all replicas. */
  readonly clock?: Clock;
  /** This process's time, which may be wrong; the system's when absent. */
  readonly wall?: Clock;
  /** After how long a request that was neither settled nor released is given up. */
  readonly leaseSeconds?: number;
  /**
   * After how long what a request holds of `concurrency` returns when nobody renews it, because its process is gone;
   * 60 when absent.
   */
  readonly holdSeconds?: number;
}

/** What one request holds, or may hold. */
interface Holding {
  /** By this process's clock, which is only ever compared with itself. */
  readonly since: number;
  readonly settling: Turns<Settling>;
  readonly owner: LimitOwner;
  readonly reservations: readonly Reservation[];
  /** While it is on its way. */
  asking: Promise<ReserveResult> | undefined;
  /** The key of the open requests that it is among, and its counters; absent until it is sent. */
  openRequests: string | undefined;
  counters: readonly RedisCounter[];
  /** Absent while it is not known whether anything was taken. */
  result: ReserveResult | undefined;
  /** When the store made it, by its clock. */
  at: number;
  /** Whether it may have taken more since. */
  extended: boolean;
}

/** A request that waits for its turn. */
interface Reserving extends Asked {
  readonly holding: Holding;
  readonly resolve: (result: ReserveResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Settling extends Ended {
  readonly openRequests: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What is gathered for one organisation. */
interface Organisation {
  readonly keys: OrganisationKeys;
  readonly reserving: Turns<Reserving>;
  readonly settling: Turns<Settling>;
}

/** How much longer than they matter keys are kept. */
const graceMs = 60_000;

/** How often windows are worked out anew when Redis's clock says that they are not the current ones. */
const attempts = 3;

/** Requests in one script. More would be cheaper, but while Redis has the first half of a crowd this process does the other. */
const atOnce = 32;

/** For how long the note of a counter whose window never ends is kept. */
const noteMs = 3_600_000;

const renewedAtOnce = 100;

/** Names of counters that are kept, some hundred bytes each. */
const maxRemembered = 200_000;

/**
 * Counters in Redis, shared by all replicas. What is asked within one turn of the event loop for one organisation is one
 * script, and each request of it one atomic step.
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
  leaseSeconds = usualLease,
  holdSeconds = 60,
}: RedisCountersOptions): RemoteCounters {
  const leaseMs = leaseSeconds * 1000;
  const holdMs = holdSeconds * 1000;
  const spanAt = createCalendar();
  /** In the order they were made. */
  const holdings = new ShortLived<Holding>();
  const organisations = new Map<string, Organisation>();
  const room = { left: maxRemembered };
  /** The same, found without making a name. */
  const byObject = new WeakMap<LimitOwner, Organisation>();
  /** How much Redis's clock is ahead of this process's. */
  let ahead = 0;

  const now = () => (clock === undefined ? wall.now() + ahead : clock.now());
  const given = () => (clock === undefined ? "" : clock.now());
  const settings = () => ({ given: given(), leaseMs, holdMs, graceMs });
  const scriptTime = () => ({ given: given(), now: now(), leaseMs });

  function organisationOf(owner: LimitOwner): Organisation {
    const known = byObject.get(owner);
    if (known !== undefined) return known;
    const name = `${owner.id} ${owner.timeZone}`;
    let organisation = organisations.get(name);
    if (organisation === undefined) {
      const keys = new OrganisationKeys(owner, spanAt, room);
      organisation = {
        keys,
        reserving: new Turns(atOnce, (all) => void sendReserves(keys, all)),
        settling: new Turns(atOnce, sendSettles),
      };
      organisations.set(name, organisation);
    }
    byObject.set(owner, organisation);
    return organisation;
  }

  function forget(): void {
    const limit = performance.now() - leaseMs;
    for (const [id, { since }] of holdings) {
      if (since >= limit) return;
      holdings.delete(id);
    }
  }

  async function sendReserves(keys: OrganisationKeys, all: readonly Reserving[]): Promise<void> {
    try {
      for (let attempt = 0; attempt < attempts; attempt += 1) {
        const batch = writeReserve(keys, all, now(), settings());
        for (let i = 0; i < all.length; i += 1) {
          const { holding } = all[i]!;
          holding.openRequests = batch.openRequests;
          holding.counters = batch.counters[i]!;
        }
        const reply = readReserve(batch, (await run("reserve", batch.keys, batch.args)) as (string | number)[]);
        if (clock === undefined) ahead = reply.now - wall.now();
        if (reply.stale) continue;
        for (let i = 0; i < all.length; i += 1) conclude(all[i]!, reply.outcomes[i]!);
        note(keys, reply);
        return;
      }
      throw new SluiceError("store_unavailable");
    } catch (error) {
      // Redis's own refusals, such as READONLY, take nothing either.
      const nothing =
        error instanceof NotSent || error instanceof SluiceError || (error as Error).name === "ReplyError";
      for (const one of all) {
        if (nothing) drop(one);
        one.holding.asking = undefined;
        one.reject(error);
      }
    }
  }

  function conclude(one: Reserving, outcome: { at: number; result: ReserveResult } | Error): void {
    const { holding } = one;
    holding.asking = undefined;
    if (outcome instanceof Error) {
      drop(one);
      one.reject(outcome);
      return;
    }
    if (outcome.result.granted) {
      holding.at = outcome.at;
      holding.result = outcome.result;
    } else drop(one);
    one.resolve(outcome.result);
  }

  function drop({ requestId, holding }: Reserving): void {
    if (holdings.get(requestId) === holding) holdings.delete(requestId);
  }

  /** Leaves a note of what counters are where Redis has none yet, or one of another maximum. Nobody waits for it. */
  function note(keys: OrganisationKeys, reply: ReserveReply & { readonly stale: false }): void {
    const names: string[] = [];
    const args: ScriptArgument[] = [];
    const told: RedisCounter[] = [];
    for (const { counter, before, max } of reply.counters) {
      if (max < 0 || (before > 0 && counter.toldMax === max && reply.now < counter.toldUntil)) continue;
      const calendar = counter.kind === "calendar";
      const lasts = calendar ? counter.span.end - reply.now : Math.max(noteMs, 2 * counter.length);
      counter.toldMax = max;
      counter.toldUntil = reply.now + (calendar ? lasts : lasts / 2);
      names.push(keys.noteOf(counter.key));
      args.push(noteOf(counter, max), lasts + graceMs);
      told.push(counter);
    }
    if (names.length === 0) return;
    run("tell", names, args).catch(() => {
      for (const counter of told) counter.toldMax = -1;
    });
  }

  function sendSettles(all: readonly Settling[]): void {
    // Nearly always one: those that were made in the same lease.
    for (const [openRequests, some] of Map.groupBy(all, (one) => one.openRequests)) {
      const { keys, args } = writeSettle(openRequests, some, settings());
      run("settle", keys, args).then(
        () => {
          for (const { resolve } of some) resolve();
        },
        (error: unknown) => {
          for (const { reject } of some) reject(error);
        },
      );
    }
  }

  function endingOf(requestId: string, holding: Holding, actual: ActualAmounts | null): Ending {
    const { settling, reservations, counters, openRequests, result, extended, asking } = holding;
    if (openRequests === undefined) {
      // It was ended in the turn that it was asked for in: what is on its way has to arrive first.
      return async () => {
        await asking?.catch(() => undefined);
        if (holding.openRequests !== undefined) await endingOf(requestId, holding, actual)();
      };
    }
    // One that may not have been taken leaves a mark: it may be on its way still.
    const mark = result === undefined;
    const changes = changesOf(reservations, counters, actual, extended);
    return () =>
      new Promise((resolve, reject) => {
        settling.add({ requestId, changes, mark, openRequests, resolve, reject });
      });
  }

  return {
    reserve(requestId, owner, reservations) {
      const known = holdings.get(requestId);
      if (known?.asking !== undefined) return known.asking;
      if (known?.result !== undefined && now() <= known.at + leaseMs) return Promise.resolve(known.result);
      if (reservations.length === 0) return Promise.resolve({ granted: true, states: [], exhausted: [] });
      for (let i = 0; i < reservations.length; i += 1) {
        const { key, amount } = reservations[i]!;
        if (Number.isSafeInteger(amount) && amount >= 0) continue;
        return Promise.reject(new RangeError(`cannot reserve ${amount} of ${key}`));
      }
      forget();
      const { reserving, settling } = organisationOf(owner);
      const holding: Holding = {
        since: performance.now(),
        settling,
        owner,
        reservations,
        asking: undefined,
        openRequests: undefined,
        counters: [],
        result: undefined,
        at: 0,
        extended: false,
      };
      holdings.set(requestId, holding);
      holding.asking = new Promise((resolve, reject) => {
        reserving.add({ requestId, reservations, holding, resolve, reject });
      });
      return holding.asking;
    },

    ending(requestId, actual) {
      const holding = holdings.get(requestId);
      if (holding === undefined) return undefined;
      holdings.delete(requestId);
      return endingOf(requestId, holding, actual);
    },

    holding: (requestId) => holdings.get(requestId),

    async extend(requestId, more) {
      const holding = holdings.get(requestId);
      if (holding?.result === undefined || holding.openRequests === undefined) return false;
      const { openRequests, reservations, counters, at } = holding;
      const asked = writeExtend(openRequests, requestId, reservations, counters, more, settings());
      if (asked === undefined) return now() <= at + leaseMs;
      holding.extended = true;
      return (await run("extend", asked.keys, asked.args)) === 1;
    },

    inspect: (owner, query) => inspectCounters(run, organisationOf(owner).keys, scriptTime(), query),
    reset: (owner, key) => resetCounter(run, organisationOf(owner).keys, scriptTime(), key),

    async renew() {
      const due = performance.now() - holdMs / 3;
      const byOwner = new Map<string, { readonly keys: string[]; readonly ids: string[] }>();
      for (const [id, { since, owner, reservations, counters, result }] of holdings) {
        if (since > due) break;
        if (result === undefined) continue;
        for (const [i, { unit, amount }] of reservations.entries()) {
          if (unit !== "concurrency" || amount === 0) continue;
          const all = byOwner.get(owner.id) ?? { keys: [], ids: [] };
          byOwner.set(owner.id, all);
          all.keys.push(counters[i]!.name);
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
}
