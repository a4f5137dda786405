import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import type { Reservation } from "../core/limits.ts";
import { hashName } from "../core/name-hash.ts";
import { append, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

const day = 86_400_000;
const owner = { id: "default", timeZone: "UTC" };
const key = 'default|org/rate|day/requests|requests|day|app=chat|user="ann"';
const subject = `counter default|org/rate|day/requests|requests|day|app=chat|user="${hashName("ann")}"`;
const reservation: Reservation = {
  ...{ key, unit: "requests", window: { every: "day" }, max: 60, amount: 1, onStoreDown: "local" },
};

/** A control plane with something to reset, to delete and to activate, and how each of them stands. */
async function start() {
  const admin = await startTestAdmin();
  const { clock, counters, files, service, store } = admin;
  const first = service.status().files;
  await files.write("org/first.policy.yaml", "rules: [{ id: b, then: warn }]\n");
  await service.reload();
  await service.kept();
  await counters.reserve("r", owner, [reservation]);
  await append(store, { usage: [usageRow({ ts: clock.now() - 500 * day })] });
  const page = { limit: 100, after: null };
  const post = (route: string, body?: object) =>
    admin.call("POST", `/admin/v1/${route}`, body === undefined ? {} : { body });
  return {
    admin,
    first,
    acts: [
      ["a reset", () => post("limits/reset", { key, reason: "charged twice" })],
      ["a purge", () => post("decisions/retention")],
      ["an activation", () => post(`revisions/${first}/activate`, { reason: "better" })],
      ["the end of a pin", () => post("revisions/latest/activate")],
    ] as const,
    stands: async () => ({
      counters: (await counters.inspect(owner, { prefix: "default|", limit: 10 })).counters.length,
      rows: (await store.usage.list(page, {})).data.length,
      live: service.status().files,
      pin: service.status().pin?.revision,
    }),
    entries: async () =>
      (await store.audit.after(0, 100)).map(({ action, subject: of, detail }) => ({ action, subject: of, detail })),
    post,
    [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose](),
  };
}

describe("what the database has no part in", () => {
  test("is noted before it is done, with what it is done to and without the end user's name", async () => {
    await using run = await start();
    const latest = (await run.stands()).live;
    for (const [name, act] of run.acts) expect([name, (await act()).status]).toEqual([name, 200]);
    expect(await run.stands()).toEqual({ counters: 0, rows: 0, live: latest, pin: undefined });
    const days = { decisions: 90, usage: 400, rollups: 0 };
    const deleted = { decisions: 0, usage: 1, rollups: 0 };
    expect(await run.entries()).toEqual([
      { action: "reset", subject, detail: { reason: "charged twice" } },
      { action: "purge", subject: "records", detail: { days } },
      { action: "purge", subject: "records", detail: { deleted, more: false } },
      {
        action: "activate",
        subject: `revision ${run.first}`,
        detail: { files: run.first, reason: "better", pinned: true },
      },
      { action: "activate", subject: "revision latest", detail: { files: latest, reason: "", pinned: false } },
    ]);
    expect(run.admin.logger.lines.join("\n")).not.toContain('\\"ann\\"');
  });

  test("is not done while it cannot be noted", async () => {
    await using run = await start();
    await run.post(`revisions/${run.first}/activate`);
    const before = [await run.stands(), await run.entries()];
    using other = new Database(run.admin.path);
    other.run("begin immediate");
    for (const [name, act] of run.acts) {
      const { status, json } = await act();
      expect([name, status, json().code]).toEqual([name, 503, "database_unavailable"]);
    }
    other.run("rollback");
    expect([await run.stands(), await run.entries()]).toEqual(before);
  });

  test("is told to have failed when nothing came of it", async () => {
    await using run = await start();
    const [[, reset]] = run.acts;
    await reset();
    expect((await reset()).status).toBe(404);
    expect((await run.entries()).slice(1)).toEqual([
      { action: "reset", subject, detail: { reason: "charged twice" } },
      { action: "reset", subject, detail: { reason: "charged twice", failed: "not_found" } },
    ]);
  });

  test("is not noted when there is nothing that could be meant", async () => {
    await using run = await start();
    expect((await run.post("revisions/sha256:00000000/activate")).status).toBe(404);
    expect((await run.post("limits/reset", { key: "nobody|org/rate|n|usd|day", reason: "x" })).status).toBe(404);
    expect(await run.entries()).toEqual([]);
  });
});
