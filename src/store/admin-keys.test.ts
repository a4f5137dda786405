import { describe, expect } from "bun:test";
import type { AdminKey } from "../core/admin-keys.ts";
import { temporaryStore, testEngines as test, testStart } from "./testing.ts";

const actor = "ann";

function key(id: string, over: Partial<AdminKey> = {}): AdminKey {
  return {
    id,
    name: "on call",
    role: "operator",
    organisation: null,
    secretHash: "00".repeat(32),
    lastFour: "abcd",
    createdBy: actor,
    rotatedFrom: null,
    replacedBy: null,
    createdAt: testStart,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...over,
  };
}

describe("admin keys", () => {
  test("are read as they were written, with the largest times", async () => {
    await using store = await temporaryStore();
    const full = key("full", { organisation: "default", expiresAt: 8_640_000_000_000_000, rotatedFrom: "first" });
    await store.adminKeys.insert(full, actor);
    expect(await store.adminKeys.find("full")).toEqual(full);
    expect(await store.adminKeys.find("other")).toBeNull();
  });

  test("are listed in pages, all or those of one organisation", async () => {
    await using store = await temporaryStore();
    for (const id of ["c", "a", "b"]) await store.adminKeys.insert(key(id), actor);
    await store.adminKeys.insert(key("own", { organisation: "default" }), actor);
    const first = await store.adminKeys.list({ limit: 3, after: null });
    const rest = await store.adminKeys.list({ limit: 3, after: first.next });
    expect([...first.data, ...rest.data].map(({ id }) => id)).toEqual(["a", "b", "c", "own"]);
    expect(rest.next).toBeNull();
    const own = await store.adminKeys.list({ limit: 3, after: null }, { organisation: "default" });
    expect(own.data.map(({ id }) => id)).toEqual(["own"]);
  });

  test("are revoked once and for ever", async () => {
    await using store = await temporaryStore();
    await store.adminKeys.insert(key("a"), actor);
    expect((await store.adminKeys.revoke("a", testStart + 1, actor))?.revokedAt).toBe(testStart + 1);
    expect((await store.adminKeys.revoke("a", testStart + 2, actor))?.revokedAt).toBe(testStart + 1);
    expect(await store.adminKeys.revoke("nobody", testStart, actor)).toBeNull();
    expect(await store.adminKeys.rotate("a", key("b"), testStart, actor)).toBe(false);
    expect(await store.adminKeys.find("b")).toBeNull();
  });

  test("that several rotate at once get one successor, and end by the overlap or before", async () => {
    await using store = await temporaryStore();
    await store.adminKeys.insert(key("old"), actor);
    await store.adminKeys.insert(key("short", { expiresAt: testStart + 5 }), actor);
    const rotate = (id: string) =>
      store.adminKeys.rotate("old", key(id, { rotatedFrom: "old" }), testStart + 10, actor);
    const done = await Promise.all(["n1", "n2", "n3", "n4"].map(rotate));
    expect(done.filter((one) => one)).toHaveLength(1);
    const { replacedBy, expiresAt } = (await store.adminKeys.find("old"))!;
    expect([replacedBy, expiresAt]).toEqual([`n${done.indexOf(true) + 1}`, testStart + 10]);
    expect((await store.adminKeys.list({ limit: 10, after: null })).data).toHaveLength(3);
    await store.adminKeys.rotate("short", key("next"), testStart + 10, actor);
    expect((await store.adminKeys.find("short"))?.expiresAt).toBe(testStart + 5);
  });

  test("note when they were last used, and never an earlier time", async () => {
    await using store = await temporaryStore();
    await store.adminKeys.insert(key("a"), actor);
    await store.adminKeys.touch(
      new Map([
        ["a", testStart + 9],
        ["nobody", testStart],
      ]),
    );
    await store.adminKeys.touch(new Map([["a", testStart + 3]]));
    expect((await store.adminKeys.find("a"))?.lastUsedAt).toBe(testStart + 9);
  });

  test("are in the audit log without what authenticates them, those of an organisation as its own", async () => {
    await using store = await temporaryStore();
    await store.adminKeys.insert(key("a", { organisation: "default", secretHash: "ab".repeat(32) }), actor);
    await store.adminKeys.rotate("a", key("b", { organisation: "default", rotatedFrom: "a" }), testStart, actor);
    await store.adminKeys.revoke("b", testStart, actor);
    const { data } = await store.audit.list({ limit: 10, after: null }, { organisation: "default" });
    expect(data.map(({ action, subject }) => `${action} ${subject}`)).toEqual([
      "revoke admin key b",
      "rotate admin key b",
      "create admin key a",
    ]);
    expect(JSON.stringify(data)).not.toContain("abab");
  });
});
