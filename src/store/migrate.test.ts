import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MigrationError } from "./migrate.ts";
import { openStore } from "./store.ts";
import { TestClock, temporaryFolder } from "./testing.ts";

const clock = new TestClock();
const organisations = await Bun.file(join(import.meta.dir, "../../schema/sql/0001_control_plane.sql")).text();

async function start(folder: string, files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const path = join(folder, "sluice.db");
  return { path, open: () => openStore({ path, clock, migrations: folder }) };
}

function rows(path: string, sql: string): unknown[] {
  using database = new Database(path, { readonly: true });
  return database.query(sql).all();
}

/** The names of the project's own migrations. */
async function ownMigrations(): Promise<readonly string[]> {
  const names = await readdir(join(import.meta.dir, "../../schema/sql"));
  return names.sort();
}

describe("migrations", () => {
  test("are applied once, however often the store is opened", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "sluice.db");
    for (let i = 0; i < 3; i += 1) await (await openStore({ path, clock })).close();
    const applied = rows(path, "select name, applied_at from migrations order by name");
    expect(applied).toEqual((await ownMigrations()).map((name) => ({ name, applied_at: clock.ms })));
  });

  test("that were added are applied to a database that has the earlier ones", async () => {
    await using folder = await temporaryFolder();
    const { open, path } = await start(folder.path, { "0001_a.sql": organisations });
    await (await open()).close();
    await writeFile(
      join(folder.path, "0002_b.sql"),
      "-- more; of it\ncreate table more (a text);\ninsert into more values (';');\n",
    );
    await (await open()).close();
    expect(rows(path, "select a from more")).toEqual([{ a: ";" }]);
  });

  test("that were changed after they were applied are refused", async () => {
    await using folder = await temporaryFolder();
    const { open } = await start(folder.path, { "0001_a.sql": organisations });
    await (await open()).close();
    await writeFile(join(folder.path, "0001_a.sql"), `${organisations}\n-- changed\n`);
    await expect(open()).rejects.toThrow(
      "The migration '0001_a.sql' was changed after it was applied. Add a new one instead.",
    );
  });

  test("of a newer version are refused", async () => {
    await using folder = await temporaryFolder();
    const { open, path } = await start(folder.path, { "0001_a.sql": organisations });
    await (await open()).close();
    const database = new Database(path);
    database.run("insert into migrations values ('0002_later.sql', '', 0)");
    database.close();
    await expect(open()).rejects.toThrow("'0002_later.sql', which this version does not know");
  });

  test("leave nothing behind when one of them fails", async () => {
    await using folder = await temporaryFolder();
    const { open, path } = await start(folder.path, {
      "0001_a.sql": organisations,
      "0002_b.sql": "create table fine (a text);\ncreate nonsense;\n",
    });
    await expect(open()).rejects.toThrow(MigrationError);
    await expect(open()).rejects.toThrow("The migration '0002_b.sql' failed: near \"nonsense\"");
    expect(rows(path, "select name from sqlite_master")).toEqual([]);
  });

  test("must be numbered without gaps", async () => {
    await using folder = await temporaryFolder();
    const { open } = await start(folder.path, { "0001_a.sql": organisations, "0003_c.sql": "" });
    await expect(open()).rejects.toThrow("numbered from 0001 without gaps; found '0003_c.sql' as number 2");
  });

  test("run once when several processes start at the same time", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "sluice.db");
    const program = `
      const { openStore } = await import(${JSON.stringify(join(import.meta.dir, "store.ts"))});
      await (await openStore({ path: ${JSON.stringify(path)}, clock: Date })).close();`;
    const children = Array.from({ length: 4 }, () =>
      Bun.spawn([process.execPath, "-e", program], { stdout: "ignore", stderr: "pipe" }),
    );
    const outcomes = await Promise.all(
      children.map(async (child) => ({ code: await child.exited, errors: await new Response(child.stderr).text() })),
    );
    expect(outcomes).toEqual(children.map(() => ({ code: 0, errors: "" })));
    expect(rows(path, "select name from migrations")).toHaveLength((await ownMigrations()).length);
  });
});
