import { join } from "node:path";
import type { Engine } from "./engine.ts";
import type { PostgresOptions } from "./postgres.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import { openSqlite } from "./sqlite.ts";

/** Where a database is. */
export type DatabaseLocation = SqliteLocation | PostgresLocation;

interface SqliteLocation {
  /** The SQLite file; `:memory:` for one that is gone when closed. Its folder must exist. */
  readonly path: string;
  /** As `openSqlite` takes it. */
  readonly turnTimeoutMs?: number;
}

interface PostgresLocation extends Partial<PostgresOptions> {
  /** As `parsePostgresUrl` takes it. */
  readonly url: string;
}

/** What a PostgreSQL database is used with where nothing else is said. */
export const postgresDefaults: PostgresOptions = { poolSize: 10, connectTimeoutMs: 5_000, statementTimeoutMs: 30_000 };

/** Where the configuration says that the database is. */
export function configuredLocation(values: {
  readonly data_dir: string;
  readonly database_url: string | undefined;
  readonly database: Readonly<Record<"pool_size" | "connect_timeout_seconds" | "statement_timeout_seconds", number>>;
}): DatabaseLocation {
  const { data_dir, database_url: url, database } = values;
  if (url === undefined) return { path: join(data_dir, "sluice.db") };
  return {
    url,
    poolSize: database.pool_size,
    connectTimeoutMs: database.connect_timeout_seconds * 1000,
    statementTimeoutMs: database.statement_timeout_seconds * 1000,
  };
}

/** Opens the engine for a database. PostgreSQL's is loaded only where it is used. */
export async function openEngine(location: DatabaseLocation): Promise<Engine> {
  if ("path" in location) return openSqlite(location.path, location.turnTimeoutMs);
  const { url, ...options } = location;
  const address = parsePostgresUrl(url);
  if (address === undefined) throw new TypeError("the database's address is none of PostgreSQL");
  const { openPostgres } = await import("./postgres.ts");
  return openPostgres(address, { ...postgresDefaults, ...options });
}
