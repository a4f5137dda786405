import type { Database, Statement } from "bun:sqlite";
import type { Insert, NewValue } from "./engine.ts";

/** Adds rows in one transaction, all or nothing, leaving out those that are there already. */
export type InsertAll = (inserts: readonly Insert[]) => void;

/** Prepares {@link InsertAll} for one connection, which must not be inside a transaction when it is called. */
export function prepareInserts(database: Database): InsertAll {
  const statements = new Map<string, Statement<unknown, NewValue[]>>();

  const statementFor = ({ table, columns }: Insert) => {
    const places = columns.map(() => "?").join(", ");
    const sql = `insert into ${table} (${columns.join(", ")}) values (${places}) on conflict do nothing`;
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare<unknown, NewValue[]>(sql);
      statements.set(sql, statement);
    }
    return statement;
  };

  return database.transaction((inserts: readonly Insert[]) => {
    for (const insert of inserts) {
      if (insert.rows === "") continue;
      const statement = statementFor(insert);
      for (const row of JSON.parse(`[${insert.rows}]`) as NewValue[][]) statement.run(...row);
    }
  }).immediate;
}

/** The settings that every connection to a database file has. */
export const connectionPragmas = ["journal_mode = wal", "synchronous = normal", "foreign_keys = on"] as const;
