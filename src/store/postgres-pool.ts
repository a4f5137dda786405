import { readFileSync } from "node:fs";
import { checkServerIdentity } from "node:tls";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";
import pg from "pg";
import { SluiceError } from "../errors.ts";
import type { HealthLog } from "./engine-health.ts";
import { toStorable } from "./postgres-inserts.ts";
import type { PostgresAddress } from "./postgres-url.ts";

/** How many connections there are and how long they are waited for. */
export interface PostgresLimits {
  /** Most connections of this process. */
  readonly poolSize: number;
  /** Longest wait for a connection, free or new. */
  readonly connectTimeoutMs: number;
  /** Longest time of one statement; 0 for as long as it takes. */
  readonly statementTimeoutMs: number;
  /** Longest wait for another one's lock. */
  readonly lockTimeoutMs: number;
}

/** What a server needs at most to say that it gave a statement up. One that is silent for longer is gone or hangs. */
const silenceMs = 2_000;
/** Connections that are not needed any more are given back. */
const idleTimeoutMs = 60_000;
/** After a failover old connections may lead to a server that takes no writes: none of them is kept for ever. */
const maxLifetimeSeconds = 1_800;
/** A transaction in which nothing happens for so long belongs to a process that hangs: it must not hold locks. */
const idleInTransactionMs = 60_000;

/** Integers of eight bytes and sums of them are numbers here, as all times, counts and amounts are. */
const numberTypes = new Set([20, 1700]);
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    numberTypes.has(oid) ? Number : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser,
};

/** Opens connections as they are needed. What went wrong with them is noted in `health`. */
export function openPool(address: PostgresAddress, limits: PostgresLimits, health: HealthLog): PostgresPool {
  const { host, port, user, password, database } = address;
  const { statementTimeoutMs } = limits;
  const pool = new pg.Pool({
    host,
    port,
    user,
    // Never asked of the environment or of files: the address says all.
    password: password ?? "",
    database,
    ssl: toTls(address),
    types,
    application_name: "sluice",
    max: limits.poolSize,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    maxLifetimeSeconds,
    keepAlive: true,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    ...(statementTimeoutMs > 0 && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + silenceMs,
    }),
  });
  // Of connections that break while nobody uses them: whoever needs one next gets another.
  pool.on("error", () => undefined);
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>();

  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      let client: pg.PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        health.failed(error);
        throw new SluiceError("database_unavailable", {}, { cause: error });
      }
      let known = clients.get(client);
      if (known === undefined) {
        known = watch(client, health);
        clients.set(client, known);
      }
      return known;
    },
  };
}

/** A connection that is given up, not given back, once it cannot be relied on. */
function watch(client: pg.PoolClient, health: HealthLog): PostgresPoolClient {
  let broken = false;
  // Of a connection that breaks while it is in use: the statement under way fails, or the next one.
  client.on("error", () => {
    broken = true;
  });
  async function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const result = await client.query(sql, parameters.map(toStorable));
      health.answered();
      return result as unknown as PostgresQueryResult<R>;
    } catch (error) {
      broken ||= isBroken(error);
      if (broken) {
        health.failed(error);
        throw new SluiceError("database_unavailable", {}, { cause: error });
      }
      health.answered();
      if (isTooBusy(error)) throw new SluiceError("database_unavailable", {}, { cause: error });
      if (isOutOfRange(error)) {
        throw new SluiceError("invalid_input", { problem: "A number is larger than it can be." }, { cause: error });
      }
      throw error;
    }
  }
  return {
    // Kysely's other form, of cursors, is not used.
    query: query as PostgresPoolClient["query"],
    release: (destroy) => client.release(destroy === true || broken),
  };
}

/**
 * Whether an error says that the connection, or the server behind it, is of no use: anything that is not the server's
 * answer to a statement, and of those that it goes away or takes no writes (any more).
 */
function isBroken(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  return /^(08|57P0[1-5]|25006|53)/.test(error.code ?? "");
}

/** It answers, but not in time: a statement or a wait for a lock took too long, or was given up for another's sake. */
function isTooBusy(error: unknown): boolean {
  return error instanceof pg.DatabaseError && ["57014", "55P03", "40P01"].includes(error.code ?? "");
}

/** A number of a request's that no row can have: SQLite finds nothing, PostgreSQL refuses to look. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === "22003";
}

/** How a connection is encrypted. */
export function toTls({ tls, caFile, host }: PostgresAddress): pg.PoolConfig["ssl"] {
  if (tls === "disable") return false;
  if (tls === "require") return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ...(caFile !== undefined && { ca: readFileSync(caFile, "utf8") }),
    // The name in the address, even where it is a number, which TLS has no way to tell the server.
    checkServerIdentity: (_, certificate) => (tls === "verify-ca" ? undefined : checkServerIdentity(host, certificate)),
  };
}
