import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Kysely, sql } from "kysely";
import { SluiceError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { describeError } from "./engine-health.ts";
import type { Tables } from "./tables.ts";

/** One migration file. */
export interface Migration {
  /** Its file name, which begins with its number. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file, hex. */
  readonly checksum: string;
}

/** A database that does not fit the migrations, or a migration that failed. Nothing was changed. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

/** Reads the `NNNN_name.sql` files of a folder in order. */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name, i) => {
      if (!name.startsWith(`${String(i + 1).padStart(4, "0")}_`)) {
        throw new MigrationError(`Migrations are numbered from 0001 without gaps; found '${name}' as number ${i + 1}.`);
      }
      const text = await readFile(join(folder, name), "utf8");
      return { name, sql: text, checksum: new Bun.CryptoHasher("sha256").update(text).digest("hex") };
    }),
  );
}

/**
 * Brings the database to the newest migration: all missing ones in one transaction, which other starting processes
 * wait for.
 *
 * @returns the names of the migrations applied now
 * @throws MigrationError when an applied migration was changed or is unknown here, or one fails
 */
export async function migrate(
  engine: Engine,
  migrations: readonly Migration[],
  now: number,
): Promise<readonly string[]> {
  return engine.migration((db) => applyMissing(db, migrations, now));
}

async function applyMissing(db: Kysely<Tables>, migrations: readonly Migration[], now: number) {
  await sql`create table if not exists migrations (
    name text not null primary key, checksum text not null, applied_at bigint not null
  )`.execute(db);
  const { rows: past } = await sql<{ name: string; checksum: string }>`
    select name, checksum from migrations order by name`.execute(db);

  past.forEach(({ name, checksum }, i) => {
    const known = migrations[i];
    if (known?.name !== name) {
      throw new MigrationError(
        `The database has the migration '${name}', which this version does not know: it was used by a newer one.`,
      );
    }
    if (known.checksum !== checksum) {
      throw new MigrationError(`The migration '${name}' was changed after it was applied. Add a new one instead.`);
    }
  });

  const missing = migrations.slice(past.length);
  for (const migration of missing) {
    for (const statement of splitStatements(migration.sql)) {
      try {
        await sql.raw(statement).execute(db);
      } catch (cause) {
        const problem = describeError(cause instanceof SluiceError ? cause.cause : cause);
        throw new MigrationError(`The migration '${migration.name}' failed: ${problem}`, { cause });
      }
    }
    await sql`insert into migrations (name, checksum, applied_at)
      values (${migration.name}, ${migration.checksum}, ${now})`.execute(db);
  }
  return missing.map(({ name }) => name);
}

/** Statements end with a semicolon at the end of a line; lines that begin with `--` are comments. */
function splitStatements(text: string): readonly string[] {
  return text
    .replace(/^\s*--.*$/gm, "")
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}
