import { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { CompiledQuery, type DatabaseConnection, type Driver, Kysely, sql } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
import { SluiceError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { createHealthLog } from "./engine-health.ts";
import { connectionPragmas, prepareInserts } from "./sqlite-inserts.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { Tables } from "./tables.ts";

/** How long a statement of its own waits for another writer. The wait blocks this process, so it is short. */
const busyTimeoutMs = 1000;
/** How long a transaction waits for its turn, where nothing else is said. */
const defaultTurnTimeoutMs = 10_000;
/** How long a starting process waits for another one that migrates. It has nothing else to do. */
const migrationTimeoutMs = 60_000;

/**
 * For a file that is new; one that has its pages keeps their size. A page is written twice, to the log and from there
 * to the file: rows that come in order fill large ones, and each commit writes fewer. Adding a row takes a third less.
 */
const filePragmas = ["page_size = 16384"];
/**
 * What the control plane commits is on disk when it is answered: a revoked key stays revoked, and the audit log does not
 * lose its end, when the machine loses its power.
 */
const durablePragma = "synchronous = full";

/**
 * Makes a file that is not there its owner's alone, whatever the folder's mode; the files beside it get the same. One that is
 * there is not even opened: closing it would give up the locks of this process.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there, or SQLite says what is wrong.
  }
}

/**
 * Opens a SQLite database file, or one in memory for `:memory:`.
 *
 * Queries run on one connection, which Kysely hands to one user at a time. Rows of records are added to a file by
 * {@link SqliteWriter}; in memory, where there is only the one connection, they wait for their turn on it.
 *
 * @param turnTimeoutMs how long a transaction waits for its turn, without blocking anything but what needs its connection
 */
export function openSqlite(path: string, turnTimeoutMs = defaultTurnTimeoutMs): Engine {
  if (path !== ":memory:") makePrivate(path);
  const database = new Database(path, { create: true, readwrite: true });
  for (const pragma of [...filePragmas, `busy_timeout = ${busyTimeoutMs}`, ...connectionPragmas, durablePragma]) {
    database.run(`pragma ${pragma}`);
  }
  const db = new Kysely<Tables>({ dialect: new Dialect(database, turnTimeoutMs) });
  const writer = path === ":memory:" ? undefined : new SqliteWriter(path);
  const insertAll = prepareInserts(database);
  const health = createHealthLog(path === ":memory:" ? "SQLite in memory" : `SQLite ${path}`);

  return {
    db,
    migration: (act) =>
      db.connection().execute(async (connection) => {
        await sql.raw(`pragma busy_timeout = ${migrationTimeoutMs}`).execute(connection);
        await sql`begin immediate`.execute(connection);
        try {
          const value = await act(connection);
          await sql`commit`.execute(connection);
          return value;
        } catch (error) {
          await sql`rollback`.execute(connection);
          throw error;
        } finally {
          await sql.raw(`pragma busy_timeout = ${busyTimeoutMs}`).execute(connection);
        }
      }),
    snapshot: (act) => db.transaction().execute(act),
    async insertMany(inserts) {
      try {
        if (writer === undefined) await db.connection().execute(async () => insertAll(inserts));
        else await writer.insertMany(inserts);
        health.answered();
      } catch (error) {
        health.failed(error);
        throw error;
      }
    },
    isDuplicate: (error) =>
      error instanceof Error && "code" in error && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(String(error.code)),
    health: () => health.health(),
    async close() {
      writer?.close();
      await db.destroy();
    },
  };
}

/**
 * Transactions take the write lock as they begin. One that first reads and then writes would otherwise fail whenever
 * another connection, such as the records' one, wrote in between.
 *
 * They wait for the lock between two attempts and not inside one: with several processes writing, SQLite's own waiting
 * would hold up every request of this one.
 */
class Dialect extends BunSqliteDialect {
  readonly #turnTimeoutMs: number;

  constructor(database: Database, turnTimeoutMs: number) {
    super({ database });
    this.#turnTimeoutMs = turnTimeoutMs;
  }

  override createDriver(): Driver {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    driver.acquireConnection = async () => explaining(await acquire());
    driver.beginTransaction = async (connection) => {
      const run = (sql: string) => connection.executeQuery(CompiledQuery.raw(sql));
      const giveUpAt = performance.now() + this.#turnTimeoutMs;
      await run("pragma busy_timeout = 0");
      try {
        for (let attempt = 1; ; attempt += 1) {
          try {
            return void (await run("begin immediate"));
          } catch (error) {
            if (!isBusy(error) || performance.now() > giveUpAt) throw error;
          }
          // Not in step with others that wait, too.
          await Bun.sleep(Math.min(attempt, 10) * (1 + Math.random()));
        }
      } finally {
        await run(`pragma busy_timeout = ${busyTimeoutMs}`);
      }
    };
    return driver;
  }
}

/** A connection that tells of a database that takes nothing, or not now, as PostgreSQL's does. */
function explaining(connection: DatabaseConnection): DatabaseConnection {
  return {
    async executeQuery(query) {
      try {
        return await connection.executeQuery(query);
      } catch (error) {
        if (!isAway(error)) throw error;
        throw new SluiceError("database_unavailable", {}, { cause: error });
      }
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  };
}

/** Others hold it, or its disk is full, gone or not to be written to. */
function isAway(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN)/.test(codeOf(error));
}

function isBusy(error: unknown): boolean {
  return error instanceof SluiceError && codeOf(error.cause).startsWith("SQLITE_BUSY");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
