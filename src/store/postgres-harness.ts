/** For tests: real PostgreSQL servers on free ports, each with its own folder, that end with the process at the latest. */
import { chownSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { findPostgresProgram } from "./postgres-programs.ts";

const isRoot = process.getuid?.() === 0;
const [initdbPath, postgresPath] = ["initdb", "postgres"].map(findPostgresProgram);
/** PostgreSQL refuses to run as root; Debian's package makes this user. */
const owner = isRoot ? idsOf("postgres") : undefined;
const installed = initdbPath != null && postgresPath != null && (!isRoot || owner !== undefined);
if (!installed && process.env.CI !== undefined) throw new Error("PostgreSQL is not installed; in CI it must be");

/** Why tests against PostgreSQL are skipped, as a suffix for their names; `undefined` when they run. */
export const postgresIsMissing = installed ? undefined : "PostgreSQL is not installed (Debian package postgresql)";

/** A database of a server, empty when it is made. */
export interface PostgresDatabase extends AsyncDisposable {
  /** For Sluice: without TLS. */
  readonly url: string;
  readonly name: string;
}

/** A server that a test may do anything to. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  readonly dir: string;
  /** The address of one of its databases. */
  url(database: string): string;
  createDatabase(): Promise<PostgresDatabase>;
  /** Starts it again on the same port, with what it had stored; waits until it answers. */
  start(): Promise<void>;
  /** Ends it as a crash does: connections break and nothing is tidied up. */
  kill(): Promise<void>;
}

/**
 * Holds the server's life to that of this process: it ends when the pipe does, however this process did. The folder goes
 * with it unless it says `keep`.
 */
const guard = `"$@" & pid=$!; read -r word; kill -QUIT $pid; wait $pid; [ "$word" = keep ] || rm -rf "$SLUICE_TEST_DIR"`;

/**
 * Starts a server of its own.
 *
 * @param settings such as `ssl=on`
 * @param prepare puts files into its folder before it starts; they must be readable for {@link ownFile}
 */
export async function startPostgres(
  settings: readonly string[] = [],
  prepare: (dir: string) => void = () => undefined,
): Promise<PostgresServer> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-postgres-"));
  const data = join(dir, "data");
  ownFile(dir);
  const asOwner =
    owner === undefined ? [] : ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"];
  const initdb = Bun.spawnSync(
    [...asOwner, initdbPath!, "-D", data, "-U", "sluice", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { stdout: "ignore", stderr: "pipe", cwd: dir },
  );
  if (initdb.exitCode !== 0) throw new Error(`initdb: ${initdb.stderr}`);
  prepare(dir);
  const port = await freePort();
  const all = [
    ...["listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${dir}`, "max_connections=200"],
    // What is lost when the machine stops is of no interest here; what was committed survives the server's own end.
    ...["fsync=off", "full_page_writes=off", "shared_buffers=32MB"],
    ...settings,
  ];
  let child: Bun.Subprocess<"pipe", "ignore", Bun.BunFile> | undefined;
  let databases = 0;

  const end = async (word: "keep" | "remove") => {
    if (child === undefined) return;
    child.stdin.write(`${word}\n`);
    await child.stdin.end();
    await child.exited;
    child = undefined;
  };
  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: server.url("postgres").replace(/\?.*/, "") });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };

  const server: PostgresServer = {
    port,
    dir,
    url: (database) => `postgres://sluice@127.0.0.1:${port}/${database}?sslmode=disable`,
    async createDatabase() {
      databases += 1;
      const name = `test_${databases}`;
      await query(`create database ${name}`);
      return {
        name,
        url: server.url(name),
        [Symbol.asyncDispose]: () => query(`drop database if exists ${name} with (force)`),
      };
    },
    async start() {
      const postgres = [...asOwner, postgresPath!, "-D", data, ...all.flatMap((one) => ["-c", one])];
      const log = Bun.file(join(dir, "log"));
      child = Bun.spawn(["sh", "-c", guard, "sh", ...postgres], {
        cwd: dir,
        env: { PATH: process.env.PATH, SLUICE_TEST_DIR: dir },
        stdin: "pipe",
        stdout: "ignore",
        stderr: log,
      });
      child.unref();
      for (;;) {
        try {
          return await query("select 1");
        } catch (error) {
          const text = await log.text();
          if (child.exitCode !== null || text.includes("FATAL:  could not"))
            throw new Error(`postgres: ${text}`, { cause: error });
        }
        await Bun.sleep(10);
      }
    },
    kill: () => end("keep"),
    async [Symbol.asyncDispose]() {
      if (child === undefined) await server.start();
      await end("remove");
    },
  };
  await server.start();
  return server;
}

let shared: Promise<PostgresServer> | undefined;

/** An empty database of the server that all tests of this process share. */
export async function freshDatabase(): Promise<PostgresDatabase> {
  shared ??= startPostgres();
  return (await shared).createDatabase();
}

/** Gives a file to the user that the servers run as, for whom alone it is then readable. */
export function ownFile(path: string): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } | undefined {
  const [uid, gid] = ["-u", "-g"].map((flag) => Bun.spawnSync(["id", flag, user]).stdout.toString().trim());
  return uid === undefined || uid === "" ? undefined : { uid: Number(uid), gid: Number(gid) };
}
