import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";

/** Rows for one table of one batch. */
export interface Insert {
  readonly table: keyof Tables;
  readonly columns: readonly string[];
  /** One JSON array per row, with the values in the order of `columns`; joined by commas. Empty for no rows. */
  readonly rows: string;
}

/** One row of an {@link Insert} as it is encoded. */
export function encodeRow(values: readonly NewValue[]): string {
  return JSON.stringify(values);
}

/** A number with three digits after the point: microseconds of milliseconds, in a third of the text. */
export function toThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
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
