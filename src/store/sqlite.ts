import { Database, type Statement } from "bun:sqlite";
import { Kysely } from "kysely";
import { BunSqliteDialect } from "kysely-bun-sqlite";
import type { Engine, Insert, NewValue } from "./engine.ts";
import type { Tables } from "./tables.ts";

/** How long a statement waits for another process that writes. The wait blocks this process, so it is short. */
const busyTimeoutMs = 1000;

/**
 * Opens a SQLite database file, or one in memory for `:memory:`.
 *
 * There is one connection, and Kysely hands it to one user at a time; {@link Engine.insertMany} asks for it in the
 * same way, so that its statements can never fall into a transaction of someone else.
 */
export function openSqlite(path: string): Engine {
  const database = new Database(path, { create: true, readwrite: true });
  for (const pragma of [
    `busy_timeout = ${busyTimeoutMs}`,
    "journal_mode = wal",
    "synchronous = normal",
    "foreign_keys = on",
  ]) {
    database.run(`pragma ${pragma}`);
  }
  const db = new Kysely<Tables>({ dialect: new BunSqliteDialect({ database }) });
  const statements = new Map<string, Statement<unknown, NewValue[]>>();

  const statementFor = ({ table, columns }: Insert) => {
    const sql = `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")}) on conflict do nothing`;
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare<unknown, NewValue[]>(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const insertAll = database.transaction((inserts: readonly Insert[]) => {
    for (const insert of inserts) {
      if (insert.rows.length === 0) continue;
      const statement = statementFor(insert);
      for (const row of insert.rows) statement.run(...row);
    }
  });

  return {
    db,
    beginMigration: ["begin immediate"],
    insertMany: (inserts) => db.connection().execute(async () => insertAll.immediate(inserts)),
    isDuplicate: (error) =>
      error instanceof Error && "code" in error && /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/.test(String(error.code)),
    async close() {
      for (const statement of statements.values()) statement.finalize();
      await db.destroy();
    },
  };
}
