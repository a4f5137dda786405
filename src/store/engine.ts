import type { Kysely, Transaction } from "kysely";
import type { EngineHealth } from "./engine-health.ts";
import type { Rollup } from "./rollup.ts";
import type { Tables } from "./tables.ts";

/** Rows for one table of one batch. */
export interface Insert {
  readonly table: keyof Tables;
  readonly columns: readonly string[];
  /** One JSON array per row, with the values in the order of `columns`; joined by commas. Empty for no rows. */
  readonly rows: string;
  /** Sums that the new ones of the rows are added to. */
  readonly rollup?: Rollup;
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
 * Everything else is Kysely. On either, transactions (`db.transaction()`) take turns: what one reads nobody else changes
 * before it commits.
 */
export interface Engine {
  readonly db: Kysely<Tables>;
  /**
   * Runs a transaction that keeps every other migrating process waiting until it ends. It has more time than others, and
   * changes nothing when it rejects.
   */
  migration<T>(act: (db: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** Runs what reads several times and is to see one moment; it changes nothing. */
  snapshot<T>(act: (tx: Transaction<Tables>) => Promise<T>): Promise<T>;
  /**
   * Adds many rows, and what they add to their sums, in one transaction, all or nothing; rows whose primary key is there
   * already are left out.
   */
  insertMany(inserts: readonly Insert[]): Promise<void>;
  /** Whether an error says that a row with the same key or unique name is there already. */
  isDuplicate(error: unknown): boolean;
  /** Whether the database answers, as its last use has shown. */
  health(): EngineHealth;
  close(): Promise<void>;
}
