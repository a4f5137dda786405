import type { Changes, Database } from "bun:sqlite";
import type { Insert, NewValue } from "./engine.ts";
import { addToSums, createSums, rollupColumns } from "./rollup.ts";

/** Adds rows in one transaction, all or nothing, leaving out those that are there already. */
export type InsertAll = (inserts: readonly Insert[]) => void;

/**
 * A prepared insert. Bun takes the values of a row as one array, which its types do not tell: spread out as arguments
 * they cost a tenth of the whole insert more.
 */
interface RowStatement {
  run(row: readonly NewValue[]): Changes;
}

/** Prepares {@link InsertAll} for one connection, which must not be inside a transaction when it is called. */
export function prepareInserts(database: Database): InsertAll {
  const statements = new Map<string, RowStatement>();

  const statementFor = (table: string, columns: readonly string[], conflict: string) => {
    const places = columns.map(() => "?").join(", ");
    const sql = `insert into ${table} (${columns.join(", ")}) values (${places}) ${conflict}`;
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql) as unknown as RowStatement;
      statements.set(sql, statement);
    }
    return statement;
  };

  return database.transaction((inserts: readonly Insert[]) => {
    for (const insert of inserts) {
      if (insert.rows === "") continue;
      const { table, columns, rollup } = insert;
      const statement = statementFor(table, columns, "on conflict do nothing");
      const rows = JSON.parse(`[${insert.rows}]`) as NewValue[][];
      if (rollup === undefined) {
        for (const row of rows) statement.run(row);
        continue;
      }
      const sums = createSums(rollup, columns);
      for (const row of rows) if (statement.run(row).changes > 0) sums.add(row);
      const adding = statementFor(rollup.table, rollupColumns(rollup), addToSums(rollup));
      for (const row of sums.rows()) adding.run(row);
    }
  }).immediate;
}

/** The settings that every connection to a database file has. */
export const connectionPragmas = ["journal_mode = wal", "foreign_keys = on"] as const;
