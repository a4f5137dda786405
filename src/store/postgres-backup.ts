import { existsSync } from "node:fs";
import pg from "pg";
import { BackupError, type RestoreOptions, requireKnown } from "./backup.ts";
import { describeError } from "./engine-health.ts";
import { toTls } from "./postgres-pool.ts";
import { findPostgresProgram } from "./postgres-programs.ts";
import { type PostgresAddress, shownPostgres } from "./postgres-url.ts";

/** Where Linux keeps the authorities that are trusted; PostgreSQL's own programs look elsewhere. */
const authorities = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/** Writes a database as it is at this moment to a file, in the format of pg_restore. */
export async function dumpPostgres(address: PostgresAddress, file: string): Promise<void> {
  await run(address, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", `--file=${file}`);
}

/** Puts a backup into a database, all or nothing. */
export async function restorePostgres(
  address: PostgresAddress,
  { file, replace, migrations }: RestoreOptions,
): Promise<void> {
  const { PGDATABASE: _, ...offline } = environment(address);
  const made = await tool("pg_restore", ["--data-only", "--table=migrations", "--file=-", file], offline);
  // The rows come as lines of tab-separated values.
  const applied = [...made.matchAll(/^(\d{4}_\S+\.sql)\t/gm)].map(([, name]) => name!).sort();
  requireKnown(applied, migrations, file);

  const there = await inspect(address);
  const where = shownPostgres(address);
  if (there.running > 0)
    throw new BackupError(`${there.running} connections of gateways use ${where}; stop them first`);
  if (there.tables > 0 && !replace) {
    throw new BackupError(`${where} is not empty; --replace puts the backup in its place`);
  }
  const newer = there.applied.find((name) => !applied.includes(name));
  if (newer !== undefined) {
    throw new BackupError(
      `${where} has the migration '${newer}', which the backup has not; restore into an empty database and use that`,
    );
  }
  await run(
    address,
    "pg_restore",
    ...["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"],
    ...(replace ? ["--clean", "--if-exists"] : []),
    `--dbname=${address.database}`,
    file,
  );
}

/** What is in a database and who uses it. */
async function inspect(address: PostgresAddress) {
  const { host, port, user, password, database } = address;
  const client = new pg.Client({
    ...{ host, port, user, password: password ?? "", database, ssl: toTls(address) },
    application_name: "sluice restore",
    connectionTimeoutMillis: 10_000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const number = async (sql: string) => Number((await client.query<{ n: string }>(sql)).rows[0]!.n);
    const tables = await number("select count(*) as n from pg_tables where schemaname = current_schema()");
    const migrated = await number(
      "select count(*) as n from pg_tables where schemaname = current_schema() and tablename = 'migrations'",
    );
    return {
      tables,
      running: await number(
        "select count(*) as n from pg_stat_activity where datname = current_database() and application_name = 'sluice'",
      ),
      applied:
        migrated === 0
          ? []
          : (await client.query<{ name: string }>("select name from migrations")).rows.map(({ name }) => name),
    };
  } catch (error) {
    throw new BackupError(`${shownPostgres(address)} cannot be used: ${describeError(error)}`, { cause: error });
  } finally {
    await client.end();
  }
}

async function run(address: PostgresAddress, name: string, ...args: readonly string[]): Promise<void> {
  await tool(name, args, environment(address));
}

/** Runs one of PostgreSQL's programs. Its output is answered; what it complains of becomes the error. */
async function tool(name: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const program = findPostgresProgram(name);
  if (program === null) {
    throw new BackupError(
      `${name} is not installed (Debian package postgresql-client); it must be as new as the server`,
    );
  }
  const child = Bun.spawn([program, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LC_ALL: "C", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, complaint] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new BackupError(`${name} failed: ${complaint.trim()}`);
  return out;
}

/** The address as PostgreSQL's programs take it: not as arguments, which everybody on the machine can read. */
function environment(address: PostgresAddress): Readonly<Record<string, string>> {
  const { host, port, user, password, database, tls, caFile } = address;
  const trusted = caFile ?? (tls === "require" || tls === "disable" ? undefined : authorities.find(existsSync));
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: tls,
    PGCONNECT_TIMEOUT: "10",
    ...(password !== undefined && { PGPASSWORD: password }),
    ...(trusted !== undefined && { PGSSLROOTCERT: trusted }),
  };
}
