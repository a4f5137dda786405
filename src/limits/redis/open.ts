import type { Counters, OnStoreDown } from "../../core/limits.ts";
import type { Clock, Logger } from "../../core/ports.ts";
import { Backlog } from "../backlog.ts";
import { type BreakerState, createBreaker, wasNotTried } from "../breaker.ts";
import { createFailover } from "../failover.ts";
import { leaseSeconds } from "../lease.ts";
import { createMemoryCounters } from "../memory.ts";
import { connectRedis } from "./client.ts";
import { createRedisCounters } from "./counters.ts";
import { createReplicas } from "./replicas.ts";
import { createScripts, NotSent, type RunScript } from "./scripts.ts";
import { parseRedisUrl, redisUrlForms, shownAddress } from "./url.ts";

/** Settings of {@link openRedisCounters}. Times are milliseconds. */
export interface RedisCountersSettings {
  /** As {@link parseRedisUrl} reads it. */
  readonly url: string;
  /** Longest wait for an answer of Redis's. */
  readonly commandTimeoutMs: number;
  /** Whether there is a breaker, and for how long it stays open. */
  readonly breaker: { readonly enabled: boolean; readonly openMs: number };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RedisMetrics;
  /** How often this replica says that it lives; 1,000 when absent. */
  readonly heartbeatMs?: number;
  /** After how long what a replica held of `concurrency` returns when it does not renew it; 60 when absent. */
  readonly holdSeconds?: number;
}

/** What is told of Redis; kept apart from how metrics are stored. */
export interface RedisMetrics {
  breaker(name: string, state: BreakerState): void;
  fallback(action: OnStoreDown): void;
  settlesDropped(count: number): void;
}

/** How the counters' store is. */
export interface StoreHealth {
  readonly state: "ready" | "degraded";
  /** One sentence. */
  readonly detail: string;
  /** Live replicas, this one included, as they were last known. */
  readonly replicas: number;
}

/** Counters in Redis, behind a breaker. */
export interface RedisBackedCounters extends Counters {
  readonly health: () => StoreHealth;
  close(): Promise<void>;
}

/** How long the first connection is waited for, so that the first requests are counted where all are. */
const firstConnectMs = 1_000;
/** How long settling what is left may take at the end. */
const lastFlushMs = 1_000;
/** A replica is gone after so many missed heartbeats. */
const missedBeats = 5;
const maxPending = 10_000;
const connectionLost = "the connection was lost";

/** Whether ioredis only says that a command went down with its connection, and which of its options would have waited. */
function isLoss(error: unknown): boolean {
  return (
    error instanceof Error &&
    /max retries per request|^Stream isn't writeable|^Connection is closed/.test(error.message)
  );
}

/**
 * Connects to Redis and makes counters that go on without it. Resolves also when Redis is away: its return is waited for
 * in the background.
 *
 * The heartbeat is also what finds out that Redis hangs when nobody asks, and what tries whether it is back: no request
 * ever waits for a Redis that is known to be away.
 */
export async function openRedisCounters(settings: RedisCountersSettings): Promise<RedisBackedCounters> {
  const { url, commandTimeoutMs, clock, logger, metrics, heartbeatMs = 1_000, holdSeconds = 60 } = settings;
  const address = parseRedisUrl(url);
  if (address === undefined) throw new Error(`the address of Redis must be ${redisUrlForms}`);
  const shown = shownAddress(address);
  let problem = "not connected yet";
  // Only the message: the error itself knows what was sent, and that can be the password.
  const note = (error: unknown) => {
    problem = error instanceof Error ? error.message : String(error);
  };
  const client = connectRedis(address, note);
  const send = createScripts(client, commandTimeoutMs);
  let closed = false;
  let beaten = false;

  const breaker = createBreaker({
    ...settings.breaker,
    onFailure(error) {
      // That there is no connection says less than why there is none.
      if (error instanceof NotSent) return;
      if (!isLoss(error)) note(error);
      else if (problem === "") problem = connectionLost;
    },
    ignores: (error) => error instanceof RangeError,
    onChange(state) {
      if (closed) return;
      metrics.breaker("redis", state);
      if (state === "closed") {
        problem = "";
        logger.info({ redis: shown }, "Redis answers again");
      }
      if (state === "half_open") void beat();
      if (state !== "open") return;
      logger.warn({ redis: shown, problem }, "Redis does not answer: limits are counted as their onStoreDown says");
      // A connection that lost its other end may never notice by itself.
      if (client.status === "ready" || client.status === "connect") client.disconnect(true);
    },
  });
  metrics.breaker("redis", "closed");
  // Around each script and not each request: a script that gathers many is one call that succeeds or fails.
  const run: RunScript = async (...call) => {
    try {
      return await breaker.run(() => send(...call));
    } catch (error) {
      throw wasNotTried(error) ? new NotSent("Redis is away") : error;
    }
  };
  const name = Bun.randomUUIDv7("base64url");
  const replicas = createReplicas({ run, name, silenceMs: missedBeats * heartbeatMs });
  const remote = createRedisCounters({ run, leaseSeconds, holdSeconds });
  const backlog = new Backlog({
    remote,
    leaseSeconds,
    maxPending,
    onDropped(count) {
      metrics.settlesDropped(count);
      logger.warn({ redis: shown, count }, "Redis was away for too long: what requests used could not be settled");
    },
  });
  const counters = createFailover({
    remote,
    local: createMemoryCounters({ clock, leaseSeconds }),
    breaker,
    backlog,
    clock,
    place: () => replicas.place,
    onFallback: metrics.fallback,
  });

  let timer: ReturnType<typeof setTimeout> | undefined;
  let beating: Promise<void> | undefined;
  let renewed = performance.now();

  /** One heartbeat, and at once the next while they fail and nobody has drawn the conclusion yet. */
  function beat(): Promise<void> {
    beating ??= beatOnce().finally(() => {
      beating = undefined;
      clearTimeout(timer);
      if (closed) return;
      const again = !beaten && breaker.state === "closed" && settings.breaker.enabled;
      timer = setTimeout(() => void beat(), again ? 10 : heartbeatMs);
      timer.unref();
    });
    return beating;
  }

  async function beatOnce(): Promise<void> {
    if (breaker.state === "open") return;
    try {
      await replicas.beat();
      if (!beaten) problem = "";
      beaten = true;
      await backlog.flush();
      if (performance.now() - renewed < (holdSeconds * 1000) / 3) return;
      await remote.renew();
      renewed = performance.now();
    } catch {
      // Noted by the breaker; the next one tries again.
      beaten = false;
    }
  }

  await Promise.race([new Promise((resolve) => client.once("ready", resolve)), Bun.sleep(firstConnectMs)]);
  await beat();

  return {
    ...counters,
    health() {
      const { replicas: live } = replicas.place;
      const waiting = backlog.size === 0 ? "" : `, ${backlog.size} to be settled`;
      if (beaten && breaker.state === "closed" && client.status === "ready") {
        const detail = `${shown}, ${live} ${live === 1 ? "replica" : "replicas"}${waiting}`;
        return { state: "ready", detail, replicas: live };
      }
      const state = breaker.state === "closed" ? "does not answer" : `breaker ${breaker.state.replace("_", "-")}`;
      return {
        state: "degraded",
        detail: `${shown}, ${state}: ${problem || connectionLost}${waiting}`,
        replicas: live,
      };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await beating;
      if (breaker.state === "closed") {
        await Promise.race([backlog.flush(), Bun.sleep(lastFlushMs)]);
        await replicas.leave().catch(() => undefined);
      }
      await counters.close();
      breaker.close();
      client.disconnect();
    },
  };
}
