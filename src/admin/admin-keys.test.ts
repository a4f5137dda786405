import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const route = "/admin/v1/admin-keys";
type Admin = Awaited<ReturnType<typeof startTestAdmin>>;

async function mint(admin: Admin, body: object, key?: string) {
  const answer = await admin.call("POST", route, { body, ...(key !== undefined && { key }) });
  return { ...answer.json(), http: answer.status };
}

describe("admin keys", () => {
  test("are minted with their secret shown once, read, used, rotated and revoked", async () => {
    await using admin = await startTestAdmin();
    const minted = await mint(admin, { name: " on call ", role: "viewer" });
    expect(minted).toMatchObject({ http: 201, name: "on call", role: "viewer", organisation: null });
    expect(minted.key).toMatch(/^sla_[a-z0-9]{16}_[A-Za-z0-9_-]{43}$/);
    const use = (key: string) => admin.call("GET", "/admin/v1/applications", { key });
    expect((await use(minted.key)).status).toBe(200);

    const read = (await admin.call("GET", `${route}/${minted.id}`)).json();
    expect(read).toMatchObject({ status: "active", created_by: "admin-key", last_used_at: "2026-01-31T12:00:00.000Z" });
    expect(JSON.stringify(read)).not.toContain(minted.key.slice(-43));

    const rotated = await admin.call("POST", `${route}/${minted.id}/rotate`, { body: { overlap_seconds: 60 } });
    expect([rotated.status, rotated.json().rotated_from]).toEqual([201, minted.id]);
    expect(rotated.headers.get("location")).toBe(`${route}/${rotated.json().id}`);
    expect([(await use(minted.key)).status, (await use(rotated.json().key)).status]).toEqual([200, 200]);
    admin.clock.ms += 60_000;
    expect([(await use(minted.key)).status, (await use(rotated.json().key)).status]).toEqual([401, 200]);
    expect((await admin.call("POST", `${route}/${minted.id}/rotate`)).status).toBe(409);

    const revoked = await admin.call("POST", `${route}/${rotated.json().id}/revoke`);
    expect(revoked.json()).toMatchObject({ status: "revoked", revoked_at: "2026-01-31T12:01:00.000Z" });
    expect((await use(rotated.json().key)).status).toBe(401);
    admin.clock.ms += 1000;
    expect((await admin.call("DELETE", `${route}/${rotated.json().id}`)).json()).toEqual(revoked.json());
    const listed = (await admin.call("GET", route)).json();
    expect(listed.data.map(({ status }: { status: string }) => status).sort()).toEqual(["expired", "revoked"]);
  });

  test("expire when they say", async () => {
    await using admin = await startTestAdmin();
    const { key } = await mint(admin, { name: "a", role: "viewer", expires_at: "2026-01-31T12:00:01Z" });
    expect((await admin.call("GET", "/admin/v1/keys", { key })).status).toBe(200);
    admin.clock.ms += 1000;
    expect((await admin.call("GET", "/admin/v1/keys", { key })).status).toBe(401);
  });

  test.each<[string, object, number]>([
    ["of an unknown role", { name: "a", role: "root" }, 400],
    ["without a name", { name: " ", role: "viewer" }, 400],
    ["that are past", { name: "a", role: "viewer", expires_at: "2020-01-01" }, 400],
    ["of an organisation that is not there", { name: "a", role: "viewer", organisation: "nobody" }, 400],
  ])("%s are refused", async (_, body, status) => {
    await using admin = await startTestAdmin();
    expect((await mint(admin, body)).http).toBe(status);
  });

  test("of one organisation make and see keys of that one alone", async () => {
    await using admin = await startTestAdmin();
    const { key } = await mint(admin, { name: "own", role: "owner", organisation: "default" });
    const forAll = await mint(admin, { name: "all", role: "viewer" });
    expect(await mint(admin, { name: "a", role: "viewer", organisation: null }, key)).toMatchObject({
      code: "insufficient_scope",
    });
    expect(await mint(admin, { name: "a", role: "viewer", organisation: "other" }, key)).toMatchObject({
      code: "insufficient_scope",
    });
    const made = await mint(admin, { name: "a", role: "owner" }, key);
    expect(made).toMatchObject({ http: 201, organisation: "default" });
    expect((await admin.call("GET", `${route}/${forAll.id}`, { key })).status).toBe(404);
    expect((await admin.call("DELETE", `${route}/${forAll.id}`, { key })).status).toBe(404);
    const names = (await admin.call("GET", route, { key })).json().data.map(({ name }: { name: string }) => name);
    expect(names.sort()).toEqual(["a", "own"]);
    expect((await admin.call("GET", `${route}?organisation=other`, { key })).json()).toEqual({ data: [], next: null });
  });

  test("cannot be made, or had by rotation, by who may do less than they", async () => {
    const claims = { roles: ["roles"], scopes: ["scope"], organisation: ["organisation"] };
    const secret = "a secret that only tests know of..";
    const tokens = { secret, jwksTimeoutMs: 1, jwksMaxAgeMs: 1, claims, organisationRequired: false };
    await using admin = await startTestAdmin(undefined, { tokens });
    const { SignJWT } = await import("jose");
    const token = await new SignJWT({ sub: "ann", scope: "system:write policy:read usage:read" })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime(Math.floor(admin.clock.now() / 1000) + 60)
      .sign(Buffer.from(secret));
    const owner = await mint(admin, { name: "owner", role: "owner" });
    expect(await mint(admin, { name: "a", role: "owner" }, token)).toMatchObject({ code: "insufficient_scope" });
    const rotated = await admin.call("POST", `${route}/${owner.id}/rotate`, { key: token });
    expect([rotated.status, rotated.json().code]).toEqual([403, "insufficient_scope"]);
    expect(await mint(admin, { name: "a", role: "viewer" }, token)).toMatchObject({
      http: 201,
      created_by: "jwt:ann",
    });
  });

  test("are noted in the audit log when they are made, rotated and revoked, without their secrets", async () => {
    await using admin = await startTestAdmin();
    const minted = await mint(admin, { name: "on call", role: "viewer", organisation: "default" });
    const rotated = (await admin.call("POST", `${route}/${minted.id}/rotate`)).json();
    await admin.call("DELETE", `${route}/${rotated.id}`);
    const entries = await admin.store.audit.after(0, 100);
    const about = entries.filter(({ subject }) => subject.startsWith("admin key"));
    expect(about.map(({ actor, action, subject, organisation }) => [actor, action, subject, organisation])).toEqual([
      ["admin-key", "create", `admin key ${minted.id}`, "default"],
      ["admin-key", "rotate", `admin key ${rotated.id}`, "default"],
      ["admin-key", "revoke", `admin key ${rotated.id}`, "default"],
    ]);
    for (const { key } of [minted, rotated]) expect(JSON.stringify(entries)).not.toContain(key.slice(-43));
  });
});

test("an address that fails too often is told so over HTTP; who is valid there is not kept waiting", async () => {
  await using admin = await startTestAdmin(undefined, { failedAttemptsPerMinute: 3 });
  const server = admin.app.listen({ port: 0, hostname: "127.0.0.1" });
  const ask = (key: string) =>
    fetch(`http://127.0.0.1:${server.server!.port}/admin/v1/status`, { headers: { authorization: `Bearer ${key}` } });
  const statuses = [];
  for (let i = 0; i < 5; i += 1) statuses.push((await ask(`wrong-${i}`)).status);
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  const refused = await ask("wrong");
  expect([refused.headers.get("retry-after"), ((await refused.json()) as { readonly code: string }).code]).toEqual([
    "20",
    "too_many_failures",
  ]);
  expect((await ask(admin.adminKey)).status).toBe(200);
  await server.stop(true);
});
