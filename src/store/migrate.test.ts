import { describe, expect } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openEngine } from "./location.ts";
import { MigrationError, migrate, readMigrations } from "./migrate.ts";
import { openStore } from "./store.ts";
import { TestClock } from "./testing.ts";
import { temporaryDatabase, testEngines as test } from "./testing-engines.ts";

const clock = new TestClock();
const first = "create table one (a text);\n";

const tables = {
  SQLite: "select name from sqlite_master",
  PostgreSQL: "select tablename from pg_tables where schemaname = 'public'",
};

/** A database that the migrations of a folder are applied to. */
async function start(files: Readonly<Record<string, string>>) {
  const database = await temporaryDatabase();
  const folder = join(database.folder, "migrations");
  const write = (name: string, text: string) => Bun.write(join(folder, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return {
    ...database,
    write,
    /** Applies what is missing. */
    async open() {
      const engine = await openEngine(database.location);
      try {
        return await migrate(engine, await readMigrations(folder), clock.now());
      } finally {
        await engine.close();
      }
    },
  };
}

/** The names of the project's own migrations. */
async function ownMigrations(): Promise<readonly string[]> {
  const names = await readdir(join(import.meta.dir, "../../schema/sql"));
  return names.sort();
}

describe("migrations", () => {
  test("are applied once, however often the store is opened", async () => {
    await using database = await temporaryDatabase();
    for (let i = 0; i < 3; i += 1) await (await openStore({ ...database.location, clock })).close();
    const applied = await database.run("select name, applied_at from migrations order by name");
    expect(applied.map((row) => ({ ...row, applied_at: Number(row.applied_at) }))).toEqual(
      (await ownMigrations()).map((name) => ({ name, applied_at: clock.ms })),
    );
  });

  test("that were added are applied to a database that has the earlier ones", async () => {
    await using database = await start({ "0001_a.sql": first });
    await database.open();
    await database.write("0002_b.sql", "-- more; of it\ncreate table more (a text);\ninsert into more values (';');\n");
    await database.open();
    expect(await database.run("select a from more")).toEqual([{ a: ";" }]);
  });

  test("that were changed after they were applied are refused", async () => {
    await using database = await start({ "0001_a.sql": first });
    await database.open();
    await database.write("0001_a.sql", `${first}-- changed\n`);
    await expect(database.open()).rejects.toThrow(
      "The migration '0001_a.sql' was changed after it was applied. Add a new one instead.",
    );
  });

  test("of a newer version are refused", async () => {
    await using database = await start({ "0001_a.sql": first });
    await database.open();
    await database.run("insert into migrations values ('0002_later.sql', '', 0)");
    await expect(database.open()).rejects.toThrow("'0002_later.sql', which this version does not know");
  });

  test("leave nothing behind when one of them fails", async () => {
    await using database = await start({
      "0001_a.sql": first,
      "0002_b.sql": "create table fine (a text);\ncreate nonsense;\n",
    });
    await expect(database.open()).rejects.toThrow(MigrationError);
    await expect(database.open()).rejects.toThrow(/^The migration '0002_b.sql' failed: .*near "nonsense"/);
    expect(await database.run(tables[database.engine])).toEqual([]);
  });

  test("that the database does not take fail with what it says", async () => {
    await using database = await start({ "0001_a.sql": first });
    const closed = { SQLite: "pragma query_only = 1", PostgreSQL: "set transaction read only" }[database.engine];
    await database.write("0001_a.sql", `${closed};\n${first}`);
    await expect(database.open()).rejects.toThrow(/^The migration '0001_a.sql' failed: .*read-?only/);
    expect(await database.run(tables[database.engine])).toEqual([]);
  });

  test("must be numbered without gaps", async () => {
    await using database = await start({ "0001_a.sql": first, "0003_c.sql": "" });
    await expect(database.open()).rejects.toThrow("numbered from 0001 without gaps; found '0003_c.sql' as number 2");
  });

  test("run once when several processes start at the same time", async () => {
    await using database = await temporaryDatabase();
    const program = `
      const { openStore } = await import(${JSON.stringify(join(import.meta.dir, "store.ts"))});
      await (await openStore({ ...${JSON.stringify(database.location)}, clock: Date })).close();`;
    const children = Array.from({ length: 4 }, () =>
      Bun.spawn([process.execPath, "-e", program], { stdout: "ignore", stderr: "pipe" }),
    );
    const outcomes = await Promise.all(
      children.map(async (child) => ({ code: await child.exited, errors: await new Response(child.stderr).text() })),
    );
    expect(outcomes).toEqual(children.map(() => ({ code: 0, errors: "" })));
    expect(await database.run("select name from migrations")).toHaveLength((await ownMigrations()).length);
  });
});
