import { Database } from "bun:sqlite";
import { CompiledQuery, type Driver, Kysely } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
import type { Engine } from "./engine.ts";
import { connectionPragmas, prepareInserts } from "./sqlite-inserts.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { Tables } from "./tables.ts";

/** How long a statement waits for another writer. The wait blocks this process, so it is short. */
const busyTimeoutMs = 1000;

/**
 * For a file that is new; one that has its pages keeps their size. A page is written twice, to the log and from there
 * to the file: rows that come in order fill large ones, and each commit writes fewer. Adding a row takes a third less.
 */
const filePragmas = ["page_size = 16384"];

/**
 * Opens a SQLite database file, or one in memory for `:memory:`.
 *
 * Queries run on one connection, which Kysely hands to one user at a time. Rows of records are added to a file by
 * {@link SqliteWriter}; in memory, where there is only the one connection, they wait for their turn on it.
 */
export function openSqlite(path: string): Engine {
  const database = new Database(path, { create: true, readwrite: true });
  for (const pragma of [...filePragmas, `busy_timeout = ${busyTimeoutMs}`, ...connectionPragmas]) {
    database.run(`pragma ${pragma}`);
  }
  const db = new Kysely<Tables>({ dialect: new Dialect({ database }) });
  const writer = path === ":memory:" ? undefined : new SqliteWriter(path);
  const insertAll = prepareInserts(database);

  return {
    db,
    beginMigration: ["begin immediate"],
    insertMany: (inserts) =>
      writer === undefined ? db.connection().execute(async () => insertAll(inserts)) : writer.insertMany(inserts),
    isDuplicate: (error) =>
      error instanceof Error && "code" in error && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(String(error.code)),
    async close() {
      writer?.close();
      await db.destroy();
    },
  };
}

/**
 * Transactions take the write lock as they begin. One that first reads and then writes would otherwise fail whenever
 * another connection, such as the records' one, wrote in between.
 */
class Dialect extends BunSqliteDialect {
  override createDriver(): Driver {
    const driver = super.createDriver();
    driver.beginTransaction = async (connection) => {
      await connection.executeQuery(CompiledQuery.raw("begin immediate"));
    };
    return driver;
  }
}
