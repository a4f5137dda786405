import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { startTestAdmin } from "./testing.ts";

type Admin = Awaited<ReturnType<typeof startTestAdmin>>;

const post = (admin: Admin, route: string, body: object, key: string, credential?: string) =>
  admin.call("POST", `/admin/v1/${route}`, {
    body,
    headers: { "idempotency-key": key },
    ...(credential !== undefined && { key: credential }),
  });

describe("a request with an idempotency key", () => {
  test("that is sent again gets the same answer, and nothing is made twice", async () => {
    await using admin = await startTestAdmin();
    const first = await post(admin, "applications", { name: "chat", labels: { a: "b", c: "d" } }, "k1");
    const again = await post(admin, "applications", { labels: { c: "d", a: "b" }, name: "chat" }, "k1");
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    for (const name of ["etag", "location", "content-type", "cache-control"]) {
      expect([name, again.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    }
    expect([first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")]).toEqual([
      null,
      "true",
    ]);
    expect((await admin.call("GET", "/admin/v1/applications")).json().data).toHaveLength(1);
  });

  test("gets a minted key again, of which nothing stands in the database", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const idempotencyKey = "an-idempotency-key-that-is-planted";
    const first = await post(admin, "keys", { application: "chat" }, idempotencyKey);
    const again = await post(admin, "keys", { application: "chat" }, idempotencyKey);
    expect(again.json()).toEqual(first.json());
    expect((await admin.call("GET", "/admin/v1/keys")).json().data).toHaveLength(1);
    const database = new Database(admin.path);
    const [row] = database.query("select * from idempotency_keys").all() as Record<string, string>[];
    database.run("pragma wal_checkpoint(truncate)");
    database.close();
    expect(row!.answer!.length).toBeGreaterThan(100);
    const bytes = await readFile(admin.path);
    const { key } = first.json();
    for (const secret of [key, key.slice(-43), idempotencyKey, admin.adminKey]) {
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(Buffer.from(secret).toString("base64url").slice(0, -2))).toBe(false);
    }
  });

  test("is repeated to the credential that sent it alone", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    await post(admin, "keys", { application: "chat" }, "k1");
    const body = { name: "other", role: "owner" };
    const { key } = (await admin.call("POST", "/admin/v1/admin-keys", { body })).json();
    // Another operator's keys are its own.
    expect((await post(admin, "keys", { application: "chat" }, "k1", key)).status).toBe(201);
    expect((await admin.call("GET", "/admin/v1/keys")).json().data).toHaveLength(2);
    // The same operator with another credential, as with a token that was renewed.
    const database = new Database(admin.path);
    database.run("update idempotency_keys set answer = (select max(answer) from idempotency_keys)");
    database.close();
    const answers = [
      await post(admin, "keys", { application: "chat" }, "k1"),
      await post(admin, "keys", { application: "chat" }, "k1", key),
    ];
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(answers.find(({ status }) => status === 409)!.json().code).toBe("idempotency_other_credential");
  });

  test("and another body, path or operation is refused", async () => {
    await using admin = await startTestAdmin();
    await post(admin, "applications", { name: "chat" }, "k1");
    for (const [route, body] of [
      ["applications", { name: "other" }],
      ["teams", { name: "chat" }],
      ["applications?", { name: "chat", team: "" }],
    ] as const) {
      const refused = await post(admin, route, body, "k1");
      expect([route, refused.status, refused.json().code]).toEqual([route, 422, "idempotency_reused"]);
    }
  });

  test("that was refused can be sent again with the same key, and is then made", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const body = { name: "chat" };
    expect((await post(admin, "applications", body, "k1")).status).toBe(409);
    await admin.call("PATCH", "/admin/v1/applications/chat", { body: { name: "renamed" } });
    expect((await post(admin, "applications", body, "k1")).status).toBe(201);
    expect((await post(admin, "applications", { name: 7 }, "k2")).status).toBe(400);
    expect((await post(admin, "applications", { name: "seven" }, "k2")).status).toBe(201);
  });

  test("sent many times at once is made once; the others get its answer or are told that it runs", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(admin, "applications/chat/keys", { name: "one" }, "k1")),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ text }) => text)).size).toBe(1);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect([answer.status, answer.json().code]).toEqual([409, "idempotency_running"]);
    }
    expect((await admin.call("GET", "/admin/v1/keys")).json().data).toHaveLength(1);
  });

  test("is made anew a day later", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const first = (await post(admin, "keys", { application: "chat" }, "k1")).json();
    admin.clock.ms += 24 * 3_600_000;
    expect((await post(admin, "keys", { application: "chat" }, "k1")).json().id).not.toBe(first.id);
  });

  test.each(["", " ", "x".repeat(256), "ümlaut"])("that is none is refused: %p", async (key) => {
    await using admin = await startTestAdmin();
    const refused = await post(admin, "applications", { name: "chat" }, key).catch(() => null);
    if (refused !== null) expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
  });

  test("that creates nothing is made each time", async () => {
    await using admin = await startTestAdmin();
    const body = { path: "org/x.policy.yaml", content: "bad" };
    const first = await post(admin, "policies/validate", body, "k1");
    const other = await post(admin, "policies/validate", { ...body, content: "good" }, "k1");
    expect([first.json().valid, other.json().valid]).toEqual([false, true]);
  });
});
