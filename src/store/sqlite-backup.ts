import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync, copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { BackupError, type RestoreOptions, requireKnown } from "./backup.ts";

/** Writes a database file as it is at this moment to a new one, without what was deleted in it. Others go on writing. */
export function copySqlite(path: string, file: string): void {
  if (!existsSync(path)) throw new BackupError(`there is no database at ${path}`);
  using database = new Database(path, { readwrite: true, create: false });
  database.run("pragma busy_timeout = 10000");
  database.run("vacuum into ?", [file]);
  requireWhole(file);
}

/** Puts a backup in the place of a database file. The one that was there is kept beside it as `….replaced`. */
export function restoreSqlite(path: string, { file, replace, migrations }: RestoreOptions): void {
  requireKnown(readApplied(file), migrations, file);
  requireWhole(file);
  const next = `${path}.restoring`;
  copyFileSync(file, next);
  chmodSync(next, 0o600);
  try {
    if (existsSync(path)) setAside(path, replace, () => renameSync(next, path));
    else renameSync(next, path);
  } finally {
    rmSync(next, { force: true });
  }
}

/** Calls back once nobody uses the file and it is out of the way; nobody can begin to use it in between. */
function setAside(path: string, replace: boolean, then: () => void): void {
  using database = new Database(path, { readwrite: true, create: false });
  database.run("pragma busy_timeout = 0");
  // Leaving the write-ahead log takes that nobody else has the file open.
  let mode: unknown;
  try {
    mode = database.query<{ journal_mode: string }, []>("pragma journal_mode = delete").get()?.journal_mode;
    database.run("begin exclusive");
  } catch (error) {
    if (!(error instanceof SQLiteError) || !String(error.code).startsWith("SQLITE_BUSY")) throw error;
  }
  if (mode !== "delete" || !database.inTransaction) {
    throw new BackupError(`a gateway is using ${path}; stop it first`);
  }
  const { count } = database
    .query<{ count: number }, []>("select count(*) as count from sqlite_master where type = 'table'")
    .get()!;
  if (count > 0 && !replace) throw new BackupError(`${path} is not empty; --replace puts the backup in its place`);
  renameSync(path, `${path}.replaced`);
  then();
}

function readApplied(file: string): readonly string[] {
  try {
    using database = new Database(file, { readonly: true });
    return database
      .query<{ name: string }, []>("select name from migrations order by name")
      .all()
      .map(({ name }) => name);
  } catch (error) {
    if (error instanceof SQLiteError) return [];
    throw error;
  }
}

function requireWhole(file: string): void {
  using database = new Database(file, { readonly: true });
  const [first] = database.query<{ integrity_check: string }, []>("pragma integrity_check(1)").all();
  if (first?.integrity_check !== "ok") throw new BackupError(`${file} is damaged: ${first?.integrity_check}`);
}
