/** For tests: the same test on every engine, each time over a database of its own. */

import { Database } from "bun:sqlite";
import { test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import type { DatabaseLocation } from "./location.ts";
import { freshDatabase, postgresIsMissing } from "./postgres-harness.ts";

const engines = ["SQLite", "PostgreSQL"] as const;
type EngineName = (typeof engines)[number];

const current = new AsyncLocalStorage<EngineName>();

/**
 * Adds a test once for each engine. What it opens with {@link temporaryDatabase}, or with what is made of that, is a
 * database of that engine.
 */
export function testEngines(name: string, act: () => Promise<unknown>, timeoutMs?: number): void {
  for (const engine of engines) {
    const missing = engine === "PostgreSQL" ? postgresIsMissing : undefined;
    const add = missing === undefined ? test : test.skip;
    add(`${name} (${missing ?? engine})`, () => current.run(engine, act) as Promise<void>, timeoutMs);
  }
}

/** A database that a test has for itself, beside what Sluice makes of it. */
export interface TemporaryDatabase extends AsyncDisposable {
  readonly engine: EngineName;
  readonly location: DatabaseLocation;
  /** A folder for whatever else the test keeps; a database file is in it. */
  readonly folder: string;
  /** Runs statements past Sluice, each by itself, on a connection of their own. Answers the last one's rows. */
  run(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]>;
}

/** An empty database, gone when the test is. SQLite's outside of {@link testEngines}. */
export async function temporaryDatabase(): Promise<TemporaryDatabase> {
  const folder = await temporaryFolder();
  return current.getStore() === "PostgreSQL" ? postgresIn(folder) : sqliteIn(folder);
}

/** A new folder that is gone when the test is. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sluice-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

function sqliteIn(folder: Folder): TemporaryDatabase {
  const path = join(folder.path, "sluice.db");
  return {
    engine: "SQLite",
    location: { path },
    folder: folder.path,
    async run(...statements) {
      using database = new Database(path, { create: true, readwrite: true });
      database.run("pragma busy_timeout = 5000");
      return statements.map((sql) => database.query<Record<string, unknown>, []>(sql).all()).at(-1) ?? [];
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function postgresIn(folder: Folder): Promise<TemporaryDatabase> {
  const database = await freshDatabase();
  return {
    engine: "PostgreSQL",
    location: { url: database.url },
    folder: folder.path,
    async run(...statements) {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      try {
        let rows: Record<string, unknown>[] = [];
        for (const sql of statements) ({ rows } = await client.query<Record<string, unknown>>(sql));
        return rows;
      } finally {
        await client.end();
      }
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
