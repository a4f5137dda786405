import { describe, expect } from "bun:test";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openStore, type Store } from "../store/store.ts";
import { append, usageRow } from "../store/testing.ts";
import { type TemporaryDatabase, temporaryDatabase, testEngines as test } from "../store/testing-engines.ts";
import { type Finished, sluice } from "./testing.ts";

/** Runs a verb over a database; `dir` is its data folder where that is not the database's. */
function run(database: TemporaryDatabase, ...args: readonly string[]): Promise<Finished> {
  const { location, folder } = database;
  const url = "url" in location ? location.url : undefined;
  return sluice([...args, "--data-dir", folder], url === undefined ? {} : { SLUICE_DATABASE_URL: url });
}

const open = ({ location }: TemporaryDatabase) => openStore({ ...location, clock: Date });
const page = { limit: 50, after: null };

/** Fills a database with one of everything that counts. */
async function fill(database: TemporaryDatabase, name: string): Promise<void> {
  const store = await open(database);
  await store.applications.create({ organisation: "default", team: "", name, labels: { tier: "free" } }, "ann");
  await append(store, { usage: [usageRow({ app: name, model: "日本 \u{1f389} 'quoted'" })] });
  await close(store);
}

async function contents(database: TemporaryDatabase) {
  const store = await open(database);
  try {
    const audit = await store.audit.verify([]);
    return {
      applications: (await store.applications.list(page)).data,
      usage: (await store.usage.list(page, {})).data,
      secret: await store.sharedSecret("x"),
      audit: audit.valid,
      entries: audit.entries,
    };
  } finally {
    await close(store);
  }
}

/** A connection to SQLite that was closed lives on until its statements are collected, and this process goes on. */
async function close(store: Store): Promise<void> {
  await store.close();
  Bun.gc(true);
}

describe("sluice backup and restore", () => {
  test("make a database what it was, however it was changed since, while a gateway goes on writing", async () => {
    await using database = await temporaryDatabase();
    await fill(database, "chat");
    const before = await contents(database);
    const file = join(database.folder, "backup");
    const writing = await open(database);
    const rows = Array.from({ length: 20 }, () => append(writing, { usage: [usageRow({ app: "later" })] }));
    const made = await run(database, "backup", file);
    expect(made).toMatchObject({ code: 0, err: "" });
    await Promise.all(rows);
    await close(writing);
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    // Into an empty one: that of another server, after a fire.
    await using other = await temporaryDatabase();
    const restored = await run(other, "restore", file);
    expect(restored).toMatchObject({ code: 0, err: "" });
    expect(restored.out).toContain(`its audit log ended at ${before.entries}:`);
    const after = await contents(other);
    expect(after.usage.filter((row) => row.app !== "later")).toEqual([...before.usage]);
    // That it was restored is in the log, too.
    expect({ ...after, usage: [] }).toEqual({ ...before, usage: [], entries: before.entries + 1 });

    // Over itself.
    await fill(database, "made since");
    expect((await contents(database)).applications).toHaveLength(2);
    expect(await run(database, "restore", file)).toMatchObject({
      code: 1,
      err: expect.stringContaining("is not empty; --replace"),
    });
    expect((await contents(database)).applications).toHaveLength(2);
    expect(await run(database, "restore", file, "--replace")).toMatchObject({ code: 0, err: "" });
    expect((await contents(database)).applications).toEqual(before.applications);
  }, 60_000);

  test("refuse what would do harm, and change nothing then", async () => {
    await using database = await temporaryDatabase();
    await fill(database, "chat");
    const file = join(database.folder, "backup");
    expect((await run(database, "backup", file)).code).toBe(0);
    expect(await run(database, "backup", file)).toMatchObject({
      code: 1,
      err: expect.stringContaining("is there already"),
    });

    const gateway = await open(database);
    await gateway.ping();
    const busy = await run(database, "restore", file, "--replace");
    expect(busy).toMatchObject({ code: 1, err: expect.stringMatching(/gateway.* us(e|ing) .*stop (it|them) first/) });
    expect((await gateway.applications.list(page)).data).toHaveLength(1);
    await close(gateway);

    expect((await run(database, "restore", join(database.folder, "none"))).err).toContain("there is no ");
    const nonsense = join(database.folder, "nonsense");
    await Bun.write(nonsense, "not a database at all");
    expect((await run(database, "restore", nonsense, "--replace")).err).toContain("is no backup of Sluice's");
    const [own, other] = "url" in database.location ? ["PostgreSQL", "SQLite"] : ["SQLite", "PostgreSQL"];
    await Bun.write(nonsense, { SQLite: "SQLite format 3\0", PostgreSQL: "PGDMP" }[other as "SQLite"]);
    expect((await run(database, "restore", nonsense, "--replace")).err).toContain(
      `is a backup of ${other}; it cannot be restored into ${own}`,
    );
    // Its beginning alone: what cannot read the rest says why.
    await Bun.write(nonsense, { SQLite: "SQLite format 3\0", PostgreSQL: "PGDMP" }[own as "SQLite"]);
    expect((await run(database, "restore", nonsense, "--replace")).err).toContain(
      { SQLite: "is no backup of Sluice's", PostgreSQL: "pg_restore failed: " }[own as "SQLite"],
    );
    await database.run("insert into migrations values ('9999_later.sql', '', 0)");
    const newer = join(database.folder, "newer");
    expect((await run(database, "backup", newer)).code).toBe(0);
    expect((await run(database, "restore", newer, "--replace")).err).toContain("made by a newer version");
    await database.run("delete from migrations where name = '9999_later.sql'");
    expect((await contents(database)).applications).toHaveLength(1);
  }, 60_000);
});

test("sluice migrate makes a database, says what it applied, and then that there is nothing to do", async () => {
  await using database = await temporaryDatabase();
  const first = await run(database, "migrate");
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toStartWith("applied 0001_control_plane.sql\n");
  const again = await run(database, "migrate");
  expect(again.out).toMatch(/^(SQLite|PostgreSQL) \S+ is up to date\n$/);
  expect((await run(database, "keys", "list")).code).toBe(0);
});

test("a database that cannot be used is told of in one line, without its password", async () => {
  await using database = await temporaryDatabase();
  const url = "postgres://someone:hunter2@127.0.0.1:1/none?sslmode=disable";
  for (const verb of [
    ["migrate"],
    ["keys", "list"],
    ["backup", join(database.folder, "x")],
    ["start", "--port", "0", "--log-level", "silent"],
  ]) {
    const { code, err } = await sluice([...verb, "--data-dir", database.folder], { SLUICE_DATABASE_URL: url });
    expect(code).toBe(1);
    expect(err).not.toContain("hunter2");
    // pg_dump adds a question.
    expect(err.trim().split("\n").length).toBeLessThanOrEqual(verb[0] === "backup" ? 2 : 1);
  }
});
