import { readFileSync } from "node:fs";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { RedisAddress } from "./url.ts";

/** A connection to Redis that never keeps a command waiting for better times. */
export type RedisClient = Redis | Cluster;

/** One that says how replies look has one meaning for a server and for a cluster. */
type Options = RedisOptions & { readonly replyMapping: "legacy" };

/**
 * Connects, and connects again whenever the connection is lost; the first attempt is under way when this returns.
 *
 * Nothing is queued while there is no connection and nothing is sent twice by itself: who asks gets an error at once and
 * decides.
 *
 * @param onProblem is told what goes wrong with the connection
 * @throws when the file of the authorities cannot be read
 */
export function connectRedis(
  { kind, tls, caFile, hosts, username, password, database, group }: RedisAddress,
  onProblem: (error: Error) => void,
): RedisClient {
  const options: Options = {
    replyMapping: "legacy",
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    keepAlive: 10_000,
    retryStrategy: retryAfter,
    // A server that became a replica: the address may lead to the new primary by now.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: caFile === undefined ? {} : { ca: readFileSync(caFile) } }),
  };
  const client = kind === "cluster" ? connectCluster(hosts, options) : new Redis({ ...options, ...place() });
  client.on("error", onProblem);
  return client;

  function place(): Omit<RedisOptions, "replyMapping"> {
    const common = { ...gathering, db: database };
    if (kind === "single") return { ...common, ...hosts[0]! };
    return {
      ...common,
      sentinels: [...hosts],
      name: group,
      sentinelRetryStrategy: retryAfter,
      enableTLSForSentinelMode: tls,
    };
  }
}

/**
 * Commands of one turn of the event loop go together. Scripts have gathered what there is already, and would only wait for
 * each other: ioredis sends the next of such groups when the one before has been answered.
 */
const gathering = { enableAutoPipelining: true, autoPipeliningIgnoredCommands: ["evalsha", "eval"] };

function connectCluster(hosts: RedisAddress["hosts"], redisOptions: Options): Cluster {
  return new Cluster([...hosts], {
    enableOfflineQueue: false,
    ...gathering,
    clusterRetryStrategy: retryAfter,
    // What a cluster that moves slots answers is tried again, but not for ever.
    maxRedirections: 4,
    redisOptions,
  });
}

/** Milliseconds before the next attempt to connect. */
function retryAfter(attempt: number): number {
  return Math.min(50 * attempt, 1_000);
}
