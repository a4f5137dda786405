import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";

/** Rows for one table of one batch. */
export interface Insert {
  readonly table: keyof Tables;
  readonly columns: readonly string[];
  /** Values in the order of `columns`. */
  readonly rows: readonly (readonly NewValue[])[];
}

/** What a column can hold. */
export type NewValue = string | number | null;

/**
 * One kind of database: all that the repositories cannot say in portable SQL.
 *
 * Everything else is Kysely, so that a second engine is one more of these.
 */
export interface Engine {
  readonly db: Kysely<Tables>;
  /** Begins a transaction that keeps every other migrating process waiting until it ends. */
  readonly beginMigration: readonly string[];
  /** Adds many rows in one transaction, all or nothing; rows whose primary key is there already are left out. */
  insertMany(inserts: readonly Insert[]): Promise<void>;
  /** Whether an error says that a row with the same key or unique name is there already. */
  isDuplicate(error: unknown): boolean;
  close(): Promise<void>;
}
