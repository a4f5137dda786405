import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

async function start() {
  const admin = await startTestAdmin();
  const call = async (method: string, path: string, body?: object) => {
    const answer = await admin.call(method, `/admin/v1${path}`, { body });
    return { status: answer.status, json: answer.text === "" ? null : answer.json() };
  };
  return { admin, call, [Symbol.asyncDispose]: () => admin[Symbol.asyncDispose]() };
}

test("what the admin API changes is in the audit log, with who did it and without secrets", async () => {
  await using at = await start();
  const { call } = at;
  await call("POST", "/applications", { name: "chat", team: "growth" });
  const { json: minted } = await call("POST", "/keys", { application: "chat", name: "backend" });
  await call("PATCH", "/applications/chat", { disabled: true });
  await call("POST", "/models/gpt-4o/disable", { reason: "a test" });
  await call("DELETE", `/keys/${minted.id}`);
  await call("DELETE", "/applications/chat");
  const { status, json } = await call("GET", "/audit");
  expect(status).toBe(200);
  const seen = json.data.map(({ organisation, actor, action, subject }: Record<string, unknown>) => [
    organisation,
    actor,
    action,
    subject,
  ]);
  expect(seen).toEqual([
    ["default", "admin-key", "delete", "application chat"],
    ["default", "admin-key", "revoke", `key ${minted.id}`],
    [null, "admin-key", "disable", "model gpt-4o"],
    ["default", "admin-key", "change", "application chat"],
    ["default", "admin-key", "create", `key ${minted.id}`],
    ["default", "admin-key", "create", "application chat"],
    ["default", "admin-key", "create", "team growth"],
  ]);
  expect(JSON.stringify(json)).not.toContain(minted.key.split("_").at(-1));
  const ofKey = await call("GET", `/audit?subject=key%20${minted.id}&limit=1`);
  expect(ofKey.json).toMatchObject({ data: [{ action: "revoke" }], next: expect.any(String) });
  expect((await call("GET", "/audit?organisation=other")).json.data).toEqual([]);
});

test("verifying names the first entry that is not as it was written", async () => {
  await using at = await start();
  const { call } = at;
  for (const name of ["one", "two", "three"]) await call("POST", "/applications", { name });
  const good = await call("GET", "/audit/verify");
  expect(good.json).toMatchObject({ valid: true, entries: 3, head: { seq: 3 }, first_bad: null });
  const { seq, hash } = good.json.head;
  expect((await call("GET", `/audit/verify?seq=${seq}&hash=${hash}`)).json.valid).toBe(true);
  const other = await call("GET", `/audit/verify?seq=2&hash=${"0".repeat(64)}`);
  expect(other.json).toMatchObject({ valid: false, first_bad: { seq: 2 } });
  expect((await call("GET", "/audit/verify?seq=2")).status).toBe(400);

  using file = new Database(at.admin.path);
  file.run("pragma busy_timeout = 1000");
  file.run("update audit set actor = 'nobody' where seq = 2");
  expect((await call("GET", "/audit/verify")).json).toMatchObject({
    valid: false,
    entries: 1,
    first_bad: { seq: 2, problem: "its hash is not that of what it says" },
  });
});
