import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { openSqlite } from "./sqlite.ts";
import { openStore } from "./store.ts";
import { temporaryFolder, temporaryStore } from "./testing.ts";

const chat = { organisation: "default", team: "", name: "chat", labels: {} };

test("a change waits for another process's write without holding up anything else", async () => {
  await using store = await temporaryStore();
  await store.applications.create(chat, "ann");
  using other = new Database(store.path);
  other.run("begin immediate");
  let done = false;
  const changing = store.applications.update("chat", { disabled: true }, null, "ann").finally(() => {
    done = true;
  });
  // Timers go on: with SQLite's own waiting this process would stand still until that gave up.
  let longest = 0;
  for (let i = 0, last = performance.now(); i < 50; i += 1) {
    await Bun.sleep(1);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  expect(done).toBe(false);
  expect(longest).toBeLessThan(500);
  other.run("commit");
  expect(await changing).toMatchObject({ outcome: "changed", value: { disabled: true } });
});

test("a change whose turn does not come in time says that the database is not to be had, and changes nothing", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/sluice.db`;
  const store = await openStore({ path, clock: Date, turnTimeoutMs: 50 });
  await store.applications.create(chat, "ann");
  using other = new Database(path);
  other.run("begin immediate");
  const change = store.applications.update("chat", { disabled: true }, null, "ann");
  await expect(change).rejects.toMatchObject({ code: "database_unavailable", cause: { code: "SQLITE_BUSY" } });
  expect(await store.applications.find("chat")).toMatchObject({ disabled: false, version: 1 });
  // Statements by themselves, too.
  await expect(store.sharedSecret("new")).rejects.toMatchObject({ code: "database_unavailable" });
  other.run("commit");
  expect(await store.applications.update("chat", { disabled: true }, null, "ann")).toMatchObject({
    outcome: "changed",
  });
  await store.close();
});

test("two processes that change the same row in turns lose nothing", async () => {
  await using store = await temporaryStore();
  await store.applications.create(chat, "ann");
  const program = `
    const { openStore } = await import(${JSON.stringify(`${import.meta.dir}/store.ts`)});
    const store = await openStore({ path: ${JSON.stringify(store.path)}, clock: Date });
    for (let i = 0; i < 50; i += 1) {
      const { outcome } = await store.applications.update("chat", { labels: { by: "child" } }, null, "ann");
      if (outcome !== "changed") throw new Error(outcome);
    }
    await store.close();`;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "ignore", stderr: "inherit" });
  for (let i = 0; i < 50; i += 1) {
    const { outcome } = await store.applications.update("chat", { labels: { by: "parent" } }, null, "ann");
    expect(outcome).toBe("changed");
    await Bun.sleep(1);
  }
  expect(await child.exited).toBe(0);
  expect((await store.applications.find("chat"))?.version).toBe(101);
});

test("a database and the files beside it are their owner's alone", async () => {
  await using store = await temporaryStore();
  await store.applications.create(chat, "ann");
  for (const end of ["", "-wal", "-shm"]) expect([end, statSync(store.path + end).mode & 0o777]).toEqual([end, 0o600]);
});

test("a database has the settings that make it fast and safe", async () => {
  await using store = await temporaryStore();
  using database = new Database(store.path, { readonly: true });
  expect(database.query("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(database.query("pragma page_size").get()).toEqual({ page_size: 16384 });
});

test("what the control plane commits is on disk before it is answered", async () => {
  await using folder = await temporaryFolder();
  const { db, close } = openSqlite(join(folder.path, "sluice.db"));
  const full = 2;
  expect((await sql`pragma synchronous`.execute(db)).rows).toEqual([{ synchronous: full }]);
  await close();
});

test("records are read by their indexes, never by going through all of them", async () => {
  await using store = await temporaryStore();
  using database = new Database(store.path, { readonly: true });
  const plan = (sql: string) =>
    database
      .query<{ detail: string }, []>(`explain query plan ${sql}`)
      .all()
      .map(({ detail }) => detail)
      .filter((detail) => detail.startsWith("SCAN") && !detail.includes("USING INDEX"));
  const order = "order by ts desc, request_id desc";
  expect(plan(`select * from usage where (ts, request_id) < (1, 'a') ${order}`)).toEqual([]);
  expect(plan(`select * from usage where request_id = 'a' ${order}`)).toEqual([]);
  expect(plan(`select * from decision_log where request_id = 'a' and phase = 'usage' ${order}`)).toEqual([]);
  expect(plan(`select * from decision_log where (ts, request_id, phase_order) < (1, 'a', 0) ${order}`)).toEqual([]);
  expect(plan(`select * from decision_log ${order}, phase_order desc limit 50`)).toEqual([]);
});
