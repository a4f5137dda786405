import { expect, test } from "bun:test";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createTestLogger, temporaryFolder, temporaryStore, testEngines } from "../store/testing.ts";
import { anchorAudit, createAuditAnchor } from "./audit-anchor.ts";

const change = { actor: "ann", action: "x", subject: "y", detail: {} };

testEngines("a log that was cut off with its head is found by the head that was kept in a file", async () => {
  await using store = await temporaryStore();
  const path = `${store.folder}/audit-head`;
  const logger = createTestLogger();
  const audit = anchorAudit(store.audit, createAuditAnchor(path), logger);
  for (let i = 0; i < 5; i += 1) await store.trail.note(change);
  await audit.settled();
  const head = await store.audit.head();
  expect(await createAuditAnchor(path).read()).toEqual(head);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(logger.lines.at(-1)).toContain(head.hash);
  expect(await audit.verify()).toMatchObject({ valid: true, entries: 5 });

  await store.database.run(
    "delete from audit where seq > 3",
    "update audit_head set last_seq = 3, last_hash = (select hash from audit where seq = 3)",
  );
  expect(await store.audit.verify()).toMatchObject({ valid: true, entries: 3 });
  expect(await audit.verify()).toMatchObject({ valid: false, entries: 3, firstBad: { seq: 4 } });
  // Also once there are as many entries again, or more: no head is kept of a log that is not the one it was.
  for (let more = 2; more <= 6; more += 2) {
    for (let i = 0; i < 2; i += 1) await store.trail.note({ ...change, actor: "eve" });
    expect(await audit.verify()).toMatchObject({ valid: false, entries: 4, firstBad: { seq: 5 } });
  }
  await audit.settled();
  expect(await createAuditAnchor(path).read()).toEqual(head);
  expect(logger.lines.at(-1)).toContain("error the audit log is not the one whose head was kept");
});

test("an anchor keeps the newest head, and says so when it cannot be read", async () => {
  await using store = await temporaryStore();
  const path = `${store.folder}/audit-head`;
  const anchor = createAuditAnchor(path);
  expect(await anchor.read()).toBeNull();
  const at = (seq: number) => ({ seq, hash: String(seq % 10).repeat(64) });
  await Promise.all([anchor.keep(at(2)), anchor.keep(at(30)), anchor.keep(at(4))]);
  expect(await anchor.read()).toEqual(at(30));
  // The data folder of who looks at a database elsewhere may not be there yet.
  await createAuditAnchor(`${store.folder}/new/folder/audit-head`).keep(at(5));
  expect(await createAuditAnchor(`${store.folder}/new/folder/audit-head`).read()).toEqual(at(5));
  await writeFile(path, "30 x\n");
  await expect(anchor.read()).rejects.toThrow("does not hold the head of an audit log");
  await expect(anchorAudit(store.audit, anchor, createTestLogger()).verify()).rejects.toThrow("does not hold");
});

test("processes that share the folder do not get in each other's way, whatever their ids are", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/audit-head`;
  const hash = "a".repeat(64);
  const anchors = Array.from({ length: 4 }, () => createAuditAnchor(path));
  for (let seq = 1; seq <= 200; seq += 1) {
    await Promise.all(anchors.map((anchor, i) => anchor.keep({ seq: seq * 4 + i, hash })));
    expect((await createAuditAnchor(path).read())?.hash).toBe(hash);
  }
  expect(await readdir(folder.path)).toEqual(["audit-head"]);
});
