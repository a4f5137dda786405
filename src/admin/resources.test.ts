import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

describe("applications", () => {
  test("are created with what was given, under a readable id", async () => {
    await using admin = await startTestAdmin();
    const body = { name: "Chat App", team: "Growth", labels: { tier: "free" } };
    const created = await admin.call("POST", "/admin/v1/applications", { body });
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/admin/v1/applications/chat-app");
    expect(created.headers.get("cache-control")).toBe("no-store");
    expect(created.json()).toEqual({
      id: "chat-app",
      name: "Chat App",
      organisation: "default",
      team: "growth",
      labels: { tier: "free" },
      disabled: false,
      created_at: "2026-01-31T12:00:00.000Z",
      updated_at: "2026-01-31T12:00:00.000Z",
    });
    const read = await admin.call("GET", "/admin/v1/applications/chat-app");
    expect(read.json()).toEqual(created.json());
    expect(read.headers.get("etag")).toBe(created.headers.get("etag"));
  });

  test.each([
    [{}, "/name"],
    [{ name: "" }, "/name"],
    [{ name: "   " }, "/name"],
    [{ name: "a\u0000b" }, "/name"],
    [{ name: "x".repeat(129) }, "/name"],
    [{ name: 7 }, "/name"],
    [{ name: "x", labels: { a: 1 } }, "/labels/a"],
    [{ name: "x", labels: { "": "x" } }, "/labels"],
    [{ name: "x", colour: "red" }, "/colour"],
    [[], ""],
    ["null", ""],
    [undefined, ""],
  ])("refuse %j and say where", async (body, pointer) => {
    await using admin = await startTestAdmin();
    const refused = await admin.call("POST", "/admin/v1/applications", { body });
    expect(refused.status).toBe(400);
    expect(refused.type).toBe("application/problem+json");
    const problem = refused.json();
    expect(problem).toMatchObject({ code: "invalid_input", status: 400, instance: "/admin/v1/applications" });
    expect(
      (problem.errors ?? [{ pointer: "" }]).some((error: { pointer: string }) => error.pointer.startsWith(pointer)),
    ).toBe(true);
  });

  test("refuse an organisation that is not there and a name that is taken", async () => {
    await using admin = await startTestAdmin();
    const post = (body: object) => admin.call("POST", "/admin/v1/applications", { body });
    expect((await post({ name: "x", organisation: "nope" })).json()).toMatchObject({
      code: "invalid_input",
      detail: "There is no organisation 'nope'.",
    });
    expect((await post({ name: "x", organisation: "default" })).status).toBe(201);
    const taken = await post({ name: "x" });
    expect(taken.status).toBe(409);
    expect(taken.json()).toMatchObject({ code: "conflict", title: "Conflict", type: "urn:sluice:problem:conflict" });
  });

  test("change with the ETag that was read, and not with an older one", async () => {
    await using admin = await startTestAdmin();
    const created = await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const etag = created.headers.get("etag")!;
    const path = "/admin/v1/applications/chat";
    const patch = (body: object, ifMatch?: string) =>
      admin.call("PATCH", path, { body, ...(ifMatch !== undefined && { headers: { "if-match": ifMatch } }) });

    const changed = await patch({ labels: { tier: "gold" }, team: "growth" }, etag);
    expect(changed.status).toBe(200);
    expect(changed.json()).toMatchObject({ labels: { tier: "gold" }, team: "growth", name: "chat" });
    for (const stale of [etag, '"99"', "nonsense"]) {
      const refused = await patch({ disabled: true }, stale);
      expect(refused.status).toBe(412);
      expect(refused.json()).toMatchObject({ code: "stale_etag" });
    }
    expect((await patch({ name: "renamed" }, "*")).json()).toMatchObject({ name: "renamed", id: "chat" });
    expect((await patch({ team: "" })).json()).toMatchObject({ team: "" });
    expect((await patch({})).status).toBe(400);
    expect((await admin.call("DELETE", path, { headers: { "if-match": etag } })).status).toBe(412);
  });

  test("that are disabled or deleted are so for the gateway at once", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const { key } = (await admin.call("POST", "/admin/v1/keys", { body: { application: "chat" } })).json();
    const path = "/admin/v1/applications/chat";
    const identify = async () => admin.directory.identify(key);

    expect(await identify()).toMatchObject({ app: { id: "chat" } });
    await admin.call("PATCH", path, { body: { disabled: true } });
    await expect(identify()).rejects.toThrow("The application 'chat' is disabled.");
    await admin.call("PATCH", path, { body: { disabled: false, labels: { tier: "free" } } });
    expect(await identify()).toMatchObject({ app: { labels: { tier: "free" } } });
    const gone = await admin.call("DELETE", path);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    await expect(identify()).rejects.toThrow("not valid");
    expect((await admin.call("GET", path)).status).toBe(404);
    expect((await admin.call("DELETE", path)).status).toBe(404);
    expect((await admin.call("PATCH", path, { body: { name: "x" } })).status).toBe(404);
  });

  test("are listed page by page, each once", async () => {
    await using admin = await startTestAdmin();
    for (let i = 0; i < 7; i += 1) await admin.call("POST", "/admin/v1/applications", { body: { name: `app ${i}` } });
    const seen: string[] = [];
    let query = "?limit=3";
    let pages = 0;
    do {
      const { data, next } = (await admin.call("GET", `/admin/v1/applications${query}`)).json();
      seen.push(...data.map(({ id }: { id: string }) => id));
      query = next === null ? "" : `?limit=3&cursor=${next}`;
      pages += 1;
    } while (query !== "");
    expect(pages).toBe(3);
    expect(seen).toEqual(["app-0", "app-1", "app-2", "app-3", "app-4", "app-5", "app-6"]);
    const filtered = await admin.call("GET", "/admin/v1/applications?name=app%203&organisation=default");
    expect(filtered.json()).toMatchObject({ data: [{ id: "app-3" }], next: null });
  });

  test.each(["limit=0", "limit=201", "limit=x", "limit=1.5", "cursor=nonsense", "cursor=WzFd", "nmae=x"])(
    "refuse the query %s",
    async (query) => {
      await using admin = await startTestAdmin();
      const refused = await admin.call("GET", `/admin/v1/applications?${query}`);
      expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
    },
  );
});

describe("keys", () => {
  test("live from minting to revocation", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "Chat App" } });
    const body = { application: "Chat App", env: "staging", name: "backend", expires_at: "2027-01-01" };
    const minted = await admin.call("POST", "/admin/v1/keys", { body });
    expect(minted.status).toBe(201);
    const { key, ...shown } = minted.json();
    expect(shown).toEqual({
      id: shown.id,
      application: "chat-app",
      env: "staging",
      name: "backend",
      last_four: key.slice(-4),
      status: "active",
      surfaces: null,
      models: null,
      networks: null,
      replaced_by: null,
      created_at: "2026-01-31T12:00:00.000Z",
      expires_at: "2027-01-01T00:00:00.000Z",
      revoked_at: null,
      last_used_at: null,
    });
    expect(key).toStartWith(`slc_${shown.id}_`);

    await admin.directory.identify(key);
    const path = `/admin/v1/keys/${shown.id}`;
    expect((await admin.call("GET", path)).json()).toEqual({ ...shown, last_used_at: "2026-01-31T12:00:00.000Z" });
    const listed = await admin.call("GET", "/admin/v1/keys?application=chat-app");
    expect(listed.json().data).toHaveLength(1);
    expect(listed.text).not.toContain(key);

    admin.clock.ms += 1000;
    const revoked = await admin.call("POST", `${path}/revoke`);
    expect(revoked.json()).toMatchObject({ status: "revoked", revoked_at: "2026-01-31T12:00:01.000Z" });
    await expect(async () => admin.directory.identify(key)).toThrow("not valid");
    admin.clock.ms += 1000;
    expect((await admin.call("DELETE", path)).json()).toMatchObject({ revoked_at: "2026-01-31T12:00:01.000Z" });
  });

  test("are for production and never expire when nothing else is said", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const minted = await admin.call("POST", "/admin/v1/keys", { body: { application: "chat", expires_at: null } });
    expect(minted.json()).toMatchObject({ env: "prod", name: "", expires_at: null });
  });

  test("show that they expired", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const body = { application: "chat", expires_at: "2026-01-31T13:00:00+00:30" };
    const { id } = (await admin.call("POST", "/admin/v1/keys", { body })).json();
    admin.clock.ms += 1_800_000;
    expect((await admin.call("GET", `/admin/v1/keys/${id}`)).json()).toMatchObject({ status: "expired" });
  });

  test.each([
    [{}, "application"],
    [{ application: "nope" }, "There is no application 'nope'."],
    [{ application: "chat", env: "Prod!" }, "env"],
    [{ application: "chat", expires_at: "tomorrow" }, "'expires_at' is not a time: got 'tomorrow'"],
    [{ application: "chat", expires_at: "2026-02-31T99:00:00Z" }, "'expires_at' is not a time"],
    [{ application: "chat", expires_at: "2026-01-31T12:00:00Z" }, "which is past"],
    [{ application: "chat", key: "mine" }, "/key"],
  ])("are not minted for %j", async (body, said) => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const refused = await admin.call("POST", "/admin/v1/keys", { body });
    expect(refused.status).toBe(400);
    expect(refused.json().detail).toContain(said);
  });
});

describe("organisations", () => {
  test("are listed and read", async () => {
    await using admin = await startTestAdmin();
    const listed = await admin.call("GET", "/admin/v1/organisations");
    expect(listed.json()).toMatchObject({ data: [{ id: "default", time_zone: "UTC", labels: {} }], next: null });
    const read = await admin.call("GET", "/admin/v1/organisations/default");
    expect(read.json()).toEqual(listed.json().data[0]);
    expect(read.headers.get("etag")).toBe('"1"');
  });
});
