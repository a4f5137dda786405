import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { AuditNote } from "../core/audit.ts";
import { hashEntry } from "./audit-chain.ts";
import type { Row } from "./tables.ts";
import { temporaryStore, testEngines } from "./testing.ts";

const count = 1000;
const columns = ["seq", "at", "organisation", "actor", "action", "subject", "detail", "prev", "hash"] as const;

function noteOf(i: number): AuditNote {
  return {
    at: 1_800_000_000_000 + i,
    organisation: i % 3 === 0 ? null : `org${i % 3}`,
    actor: i % 5 === 0 ? "" : `operator-${i % 7}`,
    action: ["create", "change", "delete"][i % 3]!,
    subject: `application app-${i}`,
    detail: { name: `App ${i} ☂`, labels: { tier: "free" } },
  };
}

describe("the audit log", () => {
  testEngines("is one chain, whose entries read as they were noted", async () => {
    await using store = await temporaryStore();
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: 0, firstBad: null });
    let told = 0;
    const stop = store.audit.onAdded(() => {
      told += 1;
    });
    for (let i = 0; i < 5; i += 1) {
      const { at: _, ...change } = noteOf(i);
      await store.trail.note(change);
    }
    stop();
    await store.trail.note({ actor: "ann", action: "x", subject: "y", detail: {} });
    expect(told).toBe(5);
    const entries = await store.audit.after(0, 10);
    expect(entries.map(({ seq, prev, hash, ...rest }) => rest)).toEqual([
      ...Array.from({ length: 5 }, (_, i) => ({ organisation: null, ...noteOf(i), at: store.clock.ms })),
      { at: store.clock.ms, organisation: null, actor: "ann", action: "x", subject: "y", detail: {} },
    ]);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(entries.slice(1).map(({ prev }) => prev)).toEqual(entries.slice(0, -1).map(({ hash }) => hash));
    const head = { seq: 6, hash: entries.at(-1)!.hash };
    expect(await store.audit.head()).toEqual(head);
    expect(await store.audit.verify([head])).toEqual({ valid: true, entries: 6, head, firstBad: null });
  });

  testEngines("holds, whatever texts actors and subjects consist of", async () => {
    await using store = await temporaryStore();
    await store.trail.note({
      actor: "ann\u0000\ud800",
      action: "change",
      subject: "app \udc00",
      detail: { name: "\ud800\u0000" },
    });
    const [entry] = await store.audit.after(0, 10);
    expect(entry).toMatchObject({ actor: "ann\ufffd\ufffd", subject: "app \ufffd", detail: { name: "\ud800\u0000" } });
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: 1 });
  });

  testEngines("in which nothing was noted has no entry, whatever its number", async () => {
    await using store = await temporaryStore();
    for (const seq of [0, -3]) {
      await store.database.run(`insert into audit values (${seq}, 1, null, 'eve', 'x', 'y', '{}', '', '')`);
      expect(await store.audit.verify()).toMatchObject({ valid: false, entries: 0, firstBad: { seq } });
      await store.database.run("delete from audit");
    }
    expect(await store.audit.verify()).toMatchObject({ valid: true });
  });

  testEngines("takes a subject of any length, and keeps what of it an index can hold", async () => {
    await using store = await temporaryStore();
    const subject = `counter ${randomBytes(4_000).toString("base64")}`;
    await store.trail.note({ actor: "ann", action: "reset", subject, detail: {} });
    await store.trail.note({ actor: "ann", action: "reset", subject: "😀".repeat(2_000), detail: {} });
    const kept = (await store.audit.after(0, 10)).map((entry) => entry.subject);
    expect(kept).toEqual([`${subject.slice(0, 639)}…`, `${"😀".repeat(319)}\ufffd…`]);
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: 2 });
  });

  testEngines("is read newest first, page after page, by what is wanted", async () => {
    await using store = await temporaryStore();
    for (let i = 0; i < 9; i += 1) {
      store.clock.ms += 1000;
      const { at: _, ...change } = noteOf(i);
      await store.trail.note(change);
    }
    const seqs = async (filter: Parameters<typeof store.audit.list>[1]) =>
      (await store.audit.list({ limit: 200, after: null }, filter)).data.map(({ seq }) => seq);
    expect(await seqs({})).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await seqs({ organisation: "org1" })).toEqual([8, 5, 2]);
    expect(await seqs({ action: "create" })).toEqual([7, 4, 1]);
    expect(await seqs({ actor: "operator-2" })).toEqual([3]);
    expect(await seqs({ subject: "application app-4" })).toEqual([5]);
    expect(await seqs({ from: store.clock.ms - 2000, to: store.clock.ms })).toEqual([8, 7]);
    const first = await store.audit.list({ limit: 4, after: null }, {});
    const second = await store.audit.list({ limit: 4, after: first.next }, {});
    const third = await store.audit.list({ limit: 4, after: second.next }, {});
    expect([...second.data, ...third.data].map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1]);
    expect(third.next).toBeNull();
  });

  testEngines("keeps an entry only with the change that it tells of", async () => {
    await using store = await temporaryStore();
    await store.applications.create({ organisation: "default", team: "", name: "chat", labels: {} }, "ann");
    const create = () =>
      store.applications.create({ organisation: "default", team: "", name: "chat", labels: {} }, "bob");
    await expect(create()).rejects.toThrow("has an application named");
    await store.applications.update("chat", { disabled: true }, 7, "bob");
    await store.keys.revoke("unknown", 1, "bob");
    const entries = await store.audit.after(0, 10);
    expect(entries).toMatchObject([{ seq: 1, actor: "ann", action: "create", subject: "application chat" }]);
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: 1 });
  });
});

/** Notes {@link count} changes, together: each of them waits for those before it. */
async function fill(store: Awaited<ReturnType<typeof temporaryStore>>): Promise<void> {
  for (let i = 0; i < count; i += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, j) => store.trail.note(noteOf(i + j))));
  }
}

/** A store with {@link count} entries, and its file, which a test can write to behind the store's back. */
async function filled() {
  const store = await temporaryStore();
  await fill(store);
  const file = new Database(store.path);
  file.run("pragma busy_timeout = 5000");
  file.run("pragma synchronous = off");
  return {
    store,
    file,
    async [Symbol.asyncDispose]() {
      file.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

type Value = string | number | null;
type Entry = Record<(typeof columns)[number], Value>;

/** A value with one bit of one of its bytes flipped; `null` becomes the empty text. */
function flip(value: Value, byte: number, bit: number): Value | Uint8Array {
  if (value === null) return "";
  if (typeof value === "number") return Number(BigInt.asIntN(64, BigInt(value) ^ (1n << BigInt(8 * byte + bit))));
  const bytes = Buffer.from(value);
  if (bytes.length === 0) return "x";
  bytes[byte]! ^= 1 << bit;
  return bytes;
}

const sizeOf = (value: Value) => (typeof value === "number" ? 8 : Math.max(1, Buffer.byteLength(value ?? "")));

describe("verifying 1,000 entries", () => {
  test("finds any byte that is flipped in any column, and names the entry", async () => {
    await using at = await filled();
    const { store, file } = at;
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: count });
    const read = file.query<Entry, [number]>(`select ${columns.join(", ")} from audit where seq = ?`);
    const tried: Record<string, number> = {};
    const tryFlip = async (seq: number, column: (typeof columns)[number], byte: number, bit: number) => {
      const before = read.get(seq)![column];
      const changed = flip(before, byte, bit);
      if (column === "seq" && read.get(changed as number) !== null) return;
      const place = typeof changed === "object" ? "cast(? as text)" : "?";
      file.query(`update audit set ${column} = ${place} where seq = ?`).run(changed, seq);
      const report = await store.audit.verify();
      if (report.valid || report.firstBad?.seq !== seq || report.entries !== seq - 1) {
        throw new Error(`${column} of ${seq}: ${JSON.stringify([before, changed, report])}`);
      }
      const now = column === "seq" ? (changed as number) : seq;
      file.query(`update audit set ${column} = ? where seq = ?`).run(before, now);
      tried[column] = (tried[column] ?? 0) + 1;
    };
    // Each entry once, each column in turn; and every byte of one of them.
    for (let seq = 1; seq <= count; seq += 1) {
      const column = columns[seq % columns.length]!;
      await tryFlip(seq, column, (seq * 7) % sizeOf(read.get(seq)![column]), seq % 8);
    }
    for (const seq of [2]) {
      for (const column of columns) {
        for (let byte = 0; byte < sizeOf(read.get(seq)![column]); byte += 1) await tryFlip(seq, column, byte, byte % 8);
      }
    }
    expect(Object.keys(tried).sort()).toEqual([...columns].sort());
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: count });
  }, 60_000);

  test("would find every byte of every column of every entry: no flip leaves an entry's hash as it was", async () => {
    await using at = await filled();
    const rows = at.file.query<Row<"audit">, []>("select * from audit order by seq").all();
    let flips = 0;
    for (const row of rows) {
      for (const column of columns) {
        if (column === "hash") continue;
        const value = row[column];
        for (let byte = 0; byte < sizeOf(value); byte += 1) {
          const changed = flip(value, byte, (byte + row.seq) % 8);
          const read = changed instanceof Uint8Array ? new TextDecoder().decode(changed) : changed;
          if (hashEntry({ ...row, [column]: read }) === row.hash)
            throw new Error(`${column} of ${row.seq}, byte ${byte}`);
          flips += 1;
        }
      }
    }
    expect(rows).toHaveLength(count);
    expect(flips).toBeGreaterThan(count * 100);
  }, 60_000);

  testEngines(
    "finds entries that were removed, exchanged, moved, added or cut off, and a head that was changed",
    async () => {
      await using store = await temporaryStore();
      await fill(store);
      const { run } = store.database;
      const kept = await store.audit.head();
      const cases: readonly (readonly [string, readonly string[], number])[] = [
        ["the first removed", ["delete from audit where seq = 1"], 1],
        ["one removed", ["delete from audit where seq = 400"], 400],
        [
          "one removed and the rest moved up",
          [
            "delete from audit where seq = 400",
            "update audit set seq = -seq where seq > 400",
            "update audit set seq = -seq - 1 where seq < 0",
          ],
          400,
        ],
        [
          "two exchanged",
          [
            "update audit set seq = -7 where seq = 500",
            "update audit set seq = 500 where seq = 501",
            "update audit set seq = 501 where seq = -7",
          ],
          500,
        ],
        ["the last cut off", ["delete from audit where seq = 1000"], 1000],
        ["many cut off", ["delete from audit where seq > 990"], 991],
        ["all cut off", ["delete from audit"], 1],
        [
          "many cut off and the head with them",
          [
            "delete from audit where seq > 990",
            "update audit_head set last_seq = 990, last_hash = (select hash from audit where seq = 990)",
          ],
          991,
        ],
        [
          "one added at the end",
          [
            "insert into audit select 1001, at, organisation, actor, action, subject, detail, hash, hash from audit where seq = 1000",
          ],
          1001,
        ],
        [
          "one added before the first",
          [
            "insert into audit select 0, at, organisation, actor, action, subject, detail, hash, hash from audit where seq = 1000",
          ],
          0,
        ],
        ["the head's number changed", ["update audit_head set last_seq = 999"], 1000],
        ["the head's hash changed", ["update audit_head set last_hash = 'x'"], 1000],
        ["the head removed", ["delete from audit_head"], 1000],
      ];
      for (const [name, statements, firstBad] of cases) {
        await run("create table old as select * from audit", "create table old_head as select * from audit_head");
        await run(...statements);
        const report = await store.audit.verify([kept]);
        expect([name, report.valid, report.firstBad?.seq]).toEqual([name, false, firstBad]);
        await run("delete from audit", "delete from audit_head");
        await run("insert into audit select * from old", "insert into audit_head select * from old_head");
        await run("drop table old", "drop table old_head");
        expect(await store.audit.verify([kept])).toMatchObject({ valid: true });
      }
    },
    60_000,
  );

  test("finds a log that was written anew, hashes and all, by a head that was kept elsewhere", async () => {
    await using store = await temporaryStore();
    for (let i = 0; i < 20; i += 1) await store.trail.note(noteOf(i));
    const kept = await store.audit.head();
    {
      using file = new Database(store.path);
      file.run("pragma busy_timeout = 5000");
      let prev = "0".repeat(64);
      for (const row of file.query<Row<"audit">, []>("select * from audit order by seq").all()) {
        const { hash: _, ...rest } = { ...row, prev, ...(row.seq === 12 && { actor: "nobody" }) };
        prev = hashEntry(rest);
        file
          .query("update audit set actor = ?, prev = ?, hash = ? where seq = ?")
          .run(rest.actor, rest.prev, prev, row.seq);
      }
      file.query("update audit_head set last_hash = ?").run(prev);
    }
    expect(await store.audit.verify()).toMatchObject({ valid: true });
    expect(await store.audit.verify([kept])).toMatchObject({ valid: false, entries: 19, firstBad: { seq: 20 } });
  });
});

testEngines(
  "several processes that write at once make one chain",
  async () => {
    await using store = await temporaryStore();
    const each = 60;
    const program = (name: string) => `
    const { openStore } = await import(${JSON.stringify(`${import.meta.dir}/store.ts`)});
    const store = await openStore({ ...${JSON.stringify(store.database.location)}, clock: Date });
    for (let i = 0; i < ${each}; i += 4) {
      await Promise.all([0, 1, 2, 3].map((j) => store.trail.note({ actor: "${name}", action: "x", subject: String(i + j), detail: {} })));
    }
    await store.close();`;
    const names = ["a", "b", "c"];
    const children = names.map((name) =>
      Bun.spawn([process.execPath, "-e", program(name)], { stdout: "ignore", stderr: "inherit" }),
    );
    // While they write, whatever is there is in order.
    let ended = false;
    const all = Promise.all(children.map(({ exited }) => exited)).finally(() => {
      ended = true;
    });
    while (!ended) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(await store.audit.verify()).toMatchObject({ valid: true });
      await store.trail.note({ actor: "own", action: "x", subject: "own", detail: {} });
    }
    expect(await all).toEqual([0, 0, 0]);
    const entries = await store.audit.after(0, 10_000);
    expect(await store.audit.verify()).toMatchObject({ valid: true, entries: entries.length });
    for (const name of names) {
      const subjects = entries.filter(({ actor }) => actor === name).map(({ subject }) => Number(subject));
      expect(subjects.sort((a, b) => a - b)).toEqual(Array.from({ length: each }, (_, i) => i));
    }
  },
  60_000,
);
