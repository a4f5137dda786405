import { open, rename, rm, stat } from "node:fs/promises";
import type { DatabaseLocation } from "./location.ts";
import type { Migration } from "./migrate.ts";
import { parsePostgresUrl } from "./postgres-url.ts";

/** A backup that cannot be made or restored, in words for whoever runs it. Nothing was changed. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

/** What is needed to put a backup back. */
export interface RestoreOptions {
  readonly file: string;
  /** Whether a database that holds something may be replaced. */
  readonly replace: boolean;
  /** The migrations that this version knows; a backup of a newer one is refused. */
  readonly migrations: readonly Migration[];
}

/**
 * Writes the whole of a database, as it is at one moment, to a new file that its owner alone may read. Gateways may be
 * using it meanwhile. A file that is there is whole: it gets its name when it is.
 *
 * @returns the size of the file in bytes
 * @throws BackupError when the file is there already, or the database cannot be read
 */
export async function backUp(location: DatabaseLocation, file: string): Promise<number> {
  if (await isThere(file)) throw new BackupError(`${file} is there already; name a new file`);
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  try {
    // Both write into an empty file that is there, and leave its mode as it is: nobody else reads what is being written.
    await (await open(partial, "wx", 0o600)).close();
    if ("path" in location) (await import("./sqlite-backup.ts")).copySqlite(location.path, partial);
    else await (await import("./postgres-backup.ts")).dumpPostgres(parsePostgresUrl(location.url)!, partial);
    const handle = await open(partial, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  return (await stat(file)).size;
}

/**
 * Puts a backup in the place of a database. What it lacks of the migrations is not applied by this.
 *
 * @throws BackupError when a gateway is using the database, when that holds something and may not be replaced, and when the
 *   backup is none of this version or an earlier one
 */
export async function restore(location: DatabaseLocation, options: RestoreOptions): Promise<void> {
  if (!(await isThere(options.file))) throw new BackupError(`there is no ${options.file}`);
  await requireKind(options.file, "path" in location ? "SQLite" : "PostgreSQL");
  if ("path" in location) return (await import("./sqlite-backup.ts")).restoreSqlite(location.path, options);
  await (await import("./postgres-backup.ts")).restorePostgres(parsePostgresUrl(location.url)!, options);
}

/** What backups of each kind of database begin with. */
const beginnings = { SQLite: "SQLite format 3\0", PostgreSQL: "PGDMP" } as const;

/** Refuses what is no backup of this kind of database. Whether it is whole, and Sluice's, is told later. */
async function requireKind(file: string, kind: keyof typeof beginnings): Promise<void> {
  const bytes = await Bun.file(file).slice(0, 16).text();
  if (bytes.startsWith(beginnings[kind])) return;
  const other = kind === "SQLite" ? "PostgreSQL" : "SQLite";
  if (!bytes.startsWith(beginnings[other])) throw new BackupError(`${file} is no backup of Sluice's`);
  throw new BackupError(`${file} is a backup of ${other}; it cannot be restored into ${kind}`);
}

/** Refuses a backup whose migrations are not the first ones of those that are known here. */
export function requireKnown(applied: readonly string[], known: readonly Migration[], file: string): void {
  if (applied.length === 0) throw new BackupError(`${file} is no backup of Sluice's`);
  const unknown = applied.find((name, i) => known[i]?.name !== name);
  if (unknown !== undefined) {
    throw new BackupError(`${file} was made by a newer version: it has the migration '${unknown}'`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
