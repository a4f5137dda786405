import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

type Admin = Awaited<ReturnType<typeof startTestAdmin>>;

async function withApplication(): Promise<Admin> {
  const admin = await startTestAdmin();
  await admin.call("POST", "/admin/v1/applications", { body: { name: "chat", labels: { tier: "gold" } } });
  return admin;
}

const mint = async (admin: Admin, body: object = {}) =>
  (await admin.call("POST", "/admin/v1/applications/chat/keys", { body })).json();

/** What identifying with a key comes to: its id, or the code of the refusal. */
async function outcome(admin: Admin, key: string): Promise<string> {
  try {
    return (await admin.directory.identify(key)).key.id;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("rotation", () => {
  test("lets both keys work until the overlap ends, and at that moment ends the old one", async () => {
    await using admin = await withApplication();
    const old = await mint(admin, { env: "dev", name: "backend", models: ["gpt-4o*"] });
    await admin.directory.identify(old.key);
    const rotated = await admin.call("POST", `/admin/v1/keys/${old.id}/rotate`, { body: { overlap_seconds: 60 } });
    expect(rotated.status).toBe(201);
    const { key, replaces, ...fresh } = rotated.json();
    expect(fresh).toMatchObject({
      application: "chat",
      env: "dev",
      name: "backend",
      models: ["gpt-4o*"],
      status: "active",
      expires_at: null,
      replaced_by: null,
    });
    expect(replaces).toMatchObject({ id: old.id, replaced_by: fresh.id, expires_at: "2026-01-31T12:01:00.000Z" });
    admin.clock.ms += 59_999;
    expect([await outcome(admin, old.key), await outcome(admin, key)]).toEqual([old.id, fresh.id]);
    admin.clock.ms += 1;
    expect([await outcome(admin, old.key), await outcome(admin, key)]).toEqual(["expired_key", fresh.id]);
    expect((await admin.call("GET", `/admin/v1/keys/${old.id}`)).json().status).toBe("expired");
  });

  test("without an overlap ends the old one with the answer", async () => {
    await using admin = await withApplication();
    const old = await mint(admin);
    await admin.directory.identify(old.key);
    const { key, id } = (
      await admin.call("POST", `/admin/v1/keys/${old.id}/rotate`, { body: { overlap_seconds: 0 } })
    ).json();
    expect([await outcome(admin, old.key), await outcome(admin, key)]).toEqual(["expired_key", id]);
  });

  test("is a day of overlap without a word on it, and a new key lives as long as the old one was to", async () => {
    await using admin = await withApplication();
    const old = await mint(admin, { expires_at: "2026-03-02T12:00:00Z" });
    admin.clock.ms += 86_400_000;
    const { replaces, expires_at } = (await admin.call("POST", `/admin/v1/keys/${old.id}/rotate`)).json();
    expect([replaces.expires_at, expires_at]).toEqual(["2026-02-02T12:00:00.000Z", "2026-03-03T12:00:00.000Z"]);
  });

  test("never makes an old key live longer, and is refused of one that is over or was rotated", async () => {
    await using admin = await withApplication();
    const old = await mint(admin, { expires_at: "2026-01-31T12:00:10Z" });
    const rotate = (id: string, headers = {}) => admin.call("POST", `/admin/v1/keys/${id}/rotate`, { headers });
    const rotated = await rotate(old.id, { "if-match": '"1"' });
    expect(rotated.json().replaces.expires_at).toBe("2026-01-31T12:00:10.000Z");
    expect((await rotate(old.id)).json()).toMatchObject({ status: 409, code: "conflict" });
    const { id } = rotated.json();
    expect((await rotate(id, { "if-match": '"9"' })).status).toBe(412);
    await admin.call("POST", `/admin/v1/keys/${id}/revoke`);
    expect((await rotate(id)).json().detail).toContain("was revoked");
    expect((await rotate("no-such-key")).status).toBe(404);
  });
});

describe("what a key may be used for", () => {
  test("is a part of its identity, and of that of its environment, from the next request on", async () => {
    await using admin = await withApplication();
    const { id, key } = await mint(admin, { env: "dev" });
    expect(await admin.directory.identify(key)).not.toHaveProperty("heldTo");
    await admin.call("PATCH", `/admin/v1/keys/${id}`, { body: { networks: ["10.0.0.0/8"] } });
    await admin.call("PUT", "/admin/v1/applications/chat/configs/dev", {
      body: { models: ["echo"], labels: { tier: "free", stage: "dev" }, strict: true },
    });
    const identity = await admin.directory.identify(key);
    expect(identity.heldTo).toEqual([
      { of: "gateway key", surfaces: null, models: null, networks: ["10.0.0.0/8"] },
      { of: "environment", surfaces: null, models: ["echo"], networks: null },
    ]);
    expect([identity.app.labels, identity.strict]).toEqual([{ tier: "free", stage: "dev" }, true]);
    await admin.call("DELETE", "/admin/v1/applications/chat/configs/dev");
    await admin.call("PATCH", `/admin/v1/keys/${id}`, { body: { networks: null } });
    const free = await admin.directory.identify(key);
    expect([free.heldTo, free.app.labels, free.strict]).toEqual([undefined, { tier: "gold" }, undefined]);
  });

  test.each([
    [{ networks: ["10.0.0.0/33"] }, "10.0.0.0/33"],
    [{ networks: ["localhost"] }, "localhost"],
    [{ networks: [] }, "/networks"],
    [{ models: ["a b"] }, "/models"],
    [{ surfaces: ["fax"] }, "/surfaces"],
    [{ surfaces: ["chat", "chat"] }, "/surfaces"],
    [{}, ""],
    [{ expires_at: "2020-01-01" }, "past"],
  ])("is refused where it cannot be meant: %j", async (body, said) => {
    await using admin = await withApplication();
    const { id } = await mint(admin);
    const refused = await admin.call("PATCH", `/admin/v1/keys/${id}`, { body });
    expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
    expect(refused.text).toContain(said);
  });

  test("changes with the ETag that was read, and not after revocation", async () => {
    await using admin = await withApplication();
    const { id } = await mint(admin);
    const path = `/admin/v1/keys/${id}`;
    const patch = (ifMatch: string) =>
      admin.call("PATCH", path, { body: { surfaces: ["chat"] }, headers: { "if-match": ifMatch } });
    const etag = (await admin.call("GET", path)).headers.get("etag")!;
    expect((await patch(etag)).json().surfaces).toEqual(["chat"]);
    expect((await patch(etag)).status).toBe(412);
    await admin.call("DELETE", path);
    expect((await patch("*")).status).toBe(409);
  });
});

describe("an environment", () => {
  test("that is disabled refuses its keys, and no other's", async () => {
    await using admin = await withApplication();
    const [dev, prod] = [await mint(admin, { env: "dev" }), await mint(admin)];
    const path = "/admin/v1/applications/chat/configs/dev";
    const put = await admin.call("PUT", path, { body: { disabled: true } });
    expect([put.status, put.headers.get("etag")]).toEqual([200, '"1"']);
    expect([await outcome(admin, dev.key), await outcome(admin, prod.key)]).toEqual(["environment_paused", prod.id]);
    expect((await admin.call("PUT", path, { body: {}, headers: { "if-match": '"7"' } })).status).toBe(412);
    expect((await admin.call("PUT", path, { body: {}, headers: { "if-match": '"1"' } })).json()).toMatchObject({
      disabled: false,
      labels: {},
    });
    expect(await outcome(admin, dev.key)).toBe(dev.id);
    expect((await admin.call("GET", "/admin/v1/applications/chat/configs")).json().data).toHaveLength(1);
    expect((await admin.call("DELETE", path)).status).toBe(204);
    expect((await admin.call("GET", path)).status).toBe(404);
    expect((await admin.call("PUT", "/admin/v1/applications/chat/configs/A%20b", { body: {} })).status).toBe(400);
    expect((await admin.call("PUT", "/admin/v1/applications/nope/configs/dev", { body: {} })).status).toBe(404);
  });
});

test("keys of an application are minted and listed below it, by status, environment and age", async () => {
  await using admin = await withApplication();
  const [first, second] = [await mint(admin), await mint(admin, { env: "dev" })];
  await admin.call("POST", `/admin/v1/keys/${first.id}/revoke`);
  const ids = async (query: string) =>
    (await admin.call("GET", `/admin/v1/applications/chat/keys?${query}`))
      .json()
      .data.map((key: { id: string }) => key.id);
  expect((await ids("")).sort()).toEqual([first.id, second.id].sort());
  expect(await ids("status=active")).toEqual([second.id]);
  expect(await ids("status=revoked&sort=-created_at")).toEqual([first.id]);
  expect(await ids("env=dev")).toEqual([second.id]);
  expect((await admin.call("GET", "/admin/v1/applications/nope/keys")).status).toBe(404);
});

test("policies are told for an environment with the labels that its keys have", async () => {
  await using admin = await startTestAdmin({
    "org/free.policy.yaml": "scope: { labels: { tier: free } }\nrules: [{ id: a, then: warn }]\n",
  });
  await admin.call("POST", "/admin/v1/applications", { body: { name: "chat", labels: { tier: "gold" } } });
  await admin.call("PUT", "/admin/v1/applications/chat/configs/dev", { body: { labels: { tier: "free" } } });
  const ids = async (env: string) =>
    (await admin.call("GET", `/admin/v1/policies/effective?app=chat&env=${env}`))
      .json()
      .data.map(({ id }: { id: string }) => id);
  expect([await ids("dev"), await ids("prod")]).toEqual([["org/free"], []]);
});
