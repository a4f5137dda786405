import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { temporaryStore } from "../store/testing.ts";
import { sluice } from "./testing.ts";

test("sluice audit verify names the first bad entry, and finds a log that was cut short", async () => {
  await using store = await temporaryStore();
  for (let i = 0; i < 4; i += 1) await store.trail.note({ actor: "ann", action: "x", subject: "y", detail: {} });
  const verify = (...args: string[]) => sluice(["audit", "verify", "--data-dir", store.folder, ...args]);
  const { hash } = await store.audit.head();
  expect(await verify()).toEqual({ code: 0, out: `4 entries are in order; the head is 4:${hash}\n`, err: "" });

  using file = new Database(store.path);
  file.run("pragma busy_timeout = 1000");
  file.run("create table old as select * from audit");
  file.run("update audit set detail = '{ }' where seq = 3");
  expect(await verify()).toMatchObject({
    code: 3,
    out: "entry 3 is not in order: its hash is not that of what it says; 2 before it are\n",
  });
  file.run("delete from audit where seq > 2");
  file.run("update audit_head set last_seq = 2, last_hash = (select hash from audit where seq = 2)");
  expect(await verify("--format", "json")).toMatchObject({
    code: 3,
    out: expect.stringContaining('"first_bad": {\n    "seq": 3'),
  });
  // The head that the verb itself kept was what told; without it one that was noted elsewhere tells.
  await rm(`${store.folder}/audit-head`);
  expect(await verify("--head", `4:${hash}`)).toMatchObject({ code: 3 });
  expect(await verify()).toMatchObject({ code: 0 });
  expect(await verify("--head", "4")).toMatchObject({ code: 2 });
}, 60_000);
