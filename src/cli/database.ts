import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import type { Command } from "commander";
import type { Page, PageRequest } from "../core/resources.ts";
import { SluiceError } from "../errors.ts";
import { BackupError } from "../store/backup.ts";
import { describeError } from "../store/engine-health.ts";
import { configuredLocation } from "../store/location.ts";
import { MigrationError } from "../store/migrate.ts";
import { openStore, type Store } from "../store/store.ts";
import { readSettings } from "./settings.ts";

/** Runs a verb over the configured database, which a gateway may be using at the same time. */
export async function withStore(command: Command, use: (store: Store) => Promise<void>): Promise<void> {
  const { values } = readSettings(command);
  const location = configuredLocation(values);
  if ("path" in location && !existsSync(location.path)) {
    command.error(
      `error: there is no database in ${values.data_dir}; 'sluice start' makes one, --data-dir names another folder`,
    );
  }
  await explainingDatabase(async () => {
    const store = await openStore({ ...location, clock: Date });
    try {
      await use(store);
    } finally {
      await store.close();
    }
  });
}

/** Ends a verb with one line, and not with a stack, when the database cannot be used or does not fit. */
export async function explainingDatabase(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const explained = explainDatabaseError(error);
    if (explained === null) throw error;
    console.error(`error: ${explained}`);
    process.exitCode = 1;
  }
}

/** What is wrong with a database, for whoever runs a verb; `null` for anything else. */
export function explainDatabaseError(error: unknown): string | null {
  if (error instanceof SluiceError && error.code === "database_unavailable") {
    const cause = describeError(error.cause);
    const advice = cause.includes("does not support SSL") ? "; ?sslmode=disable in its URL does without" : "";
    return `the database cannot be used: ${cause}${advice}`;
  }
  return error instanceof MigrationError || error instanceof BackupError ? error.message : null;
}

/** Who the audit log names for what a verb changes: whoever runs it, as this machine knows them. */
export function actor(): string {
  return `cli ${userInfo().username}`;
}

/** Every entry of a list, page after page. */
export async function all<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  const found: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await list({ limit: 200, after });
    found.push(...page.data);
    after = page.next;
  } while (after !== null);
  return found;
}

/** Prints rows as columns under a head, or as JSON objects with the head's names. */
export function printRows(head: readonly string[], rows: readonly (readonly string[])[], asJson: boolean): void {
  if (asJson) {
    const objects = rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i] ?? ""])));
    console.log(JSON.stringify(objects, null, 2));
    return;
  }
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    );
}
