import { CompiledQuery, type Driver, Kysely, PostgresDialect, sql } from "kysely";
import type { Engine } from "./engine.ts";
import { createHealthLog } from "./engine-health.ts";
import { createInserter } from "./postgres-inserts.ts";
import { openPool, type PostgresLimits } from "./postgres-pool.ts";
import { type PostgresAddress, shownPostgres } from "./postgres-url.ts";
import type { Tables } from "./tables.ts";

/** How PostgreSQL is used, but for what Sluice decides itself. */
export type PostgresOptions = Omit<PostgresLimits, "lockTimeoutMs">;

/** How long a transaction waits for its turn. */
const turnTimeoutMs = 10_000;
/** How long a starting process waits for another one that migrates, and for tables that are in use. */
const migrationTimeoutMs = 60_000;

/** Names of the locks that processes of one database share; any numbers that nobody else uses. */
const turnLock = 7_586_237_001;
const migrationLock = 7_586_237_002;

/** Opens a PostgreSQL database. Nothing is connected before it is used. */
export function openPostgres(address: PostgresAddress, options: PostgresOptions): Engine {
  const health = createHealthLog(shownPostgres(address));
  const connect = (limits: PostgresLimits) =>
    new Kysely<Tables>({ dialect: new Dialect({ pool: openPool(address, limits, health) }) });
  const db = connect({ ...options, lockTimeoutMs: turnTimeoutMs });
  const insert = createInserter();
  let closed = false;

  return {
    db,
    async migration(act) {
      // On a connection of its own, which has all the time that it needs.
      const patient = connect({ ...options, poolSize: 1, statementTimeoutMs: 0, lockTimeoutMs: migrationTimeoutMs });
      try {
        return await patient.connection().execute(async (connection) => {
          await sql`begin`.execute(connection);
          try {
            await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(connection);
            const value = await act(connection);
            await sql`commit`.execute(connection);
            return value;
          } catch (error) {
            // A connection that is gone has rolled back already.
            await sql`rollback`.execute(connection).catch(() => undefined);
            throw error;
          }
        });
      } finally {
        await patient.destroy();
      }
    },
    snapshot: (act) => db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(act),
    async insertMany(inserts) {
      if (closed) throw new Error("the database is closed");
      await db.connection().execute(async (connection) => {
        const run = (text: string, parameters: readonly unknown[] = []) =>
          connection.executeQuery(CompiledQuery.raw(text, [...parameters]));
        await run("begin");
        try {
          for (const one of inserts) await insert(run, one);
          await run("commit");
        } catch (error) {
          await run("rollback").catch(() => undefined);
          throw error;
        }
      });
    },
    isDuplicate: (error) => error instanceof Error && "code" in error && error.code === "23505",
    health: () => health.health(),
    async close() {
      closed = true;
      await db.destroy();
    },
  };
}

/**
 * Transactions that write take turns, as they do on SQLite: what one reads nobody else changes before it commits. They are
 * the control plane's, few and short; records do not wait for them. Those that ask for an isolation level do not take one.
 */
class Dialect extends PostgresDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    const begin = driver.beginTransaction.bind(driver);
    driver.beginTransaction = async (connection, settings) => {
      await begin(connection, settings);
      if (settings.isolationLevel !== undefined) return;
      try {
        await connection.executeQuery(CompiledQuery.raw(`select pg_advisory_xact_lock(${turnLock})`));
      } catch (error) {
        // Kysely ends only what has begun: whoever uses the connection next would find itself in a transaction that failed.
        await driver.rollbackTransaction(connection).catch(() => undefined);
        throw error;
      }
    };
    return driver;
  }
}
