import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

type Admin = Awaited<ReturnType<typeof startTestAdmin>>;

const enabled = async (admin: Admin) =>
  Object.fromEntries(
    (await admin.call("GET", "/admin/v1/models"))
      .json()
      .data.map((model: { id: string; enabled: boolean }) => [model.id, model.enabled]),
  );

describe("a model", () => {
  test("is switched off and on, which tells who did it, when and why, and makes a version", async () => {
    await using admin = await startTestAdmin();
    const before = await admin.call("GET", "/admin/v1/models/gpt-4o");
    expect(before.headers.get("etag")).toBe('"0"');
    const off = await admin.call("PATCH", "/admin/v1/models/gpt-4o", {
      body: { enabled: false, reason: "wrong language" },
      headers: { "if-match": '"0"' },
    });
    expect([off.status, off.headers.get("etag")]).toEqual([200, '"1"']);
    expect(off.json()).toEqual({
      ...before.json(),
      status: "disabled",
      enabled: false,
      reason: "wrong language",
      targets: before.json().targets.map((target: object) => ({ ...target, status: "disabled" })),
      actor: "admin-key",
      switched_at: "2026-01-31T12:00:00.000Z",
    });
    expect((await admin.call("GET", "/admin/v1/models/gpt-4o")).text).toBe(off.text);
    expect(await enabled(admin)).toMatchObject({ echo: true, "gpt-4o": false, "meta/llama-3": true });

    const stale = await admin.call("PATCH", "/admin/v1/models/gpt-4o", {
      body: { enabled: true },
      headers: { "if-match": '"0"' },
    });
    expect([stale.status, stale.json().code]).toEqual([412, "stale_etag"]);
    const on = await admin.call("PATCH", "/admin/v1/models/gpt-4o", { body: { enabled: true } });
    expect(on.json()).toMatchObject({ enabled: true, reason: "" });
    expect(admin.logger.lines.filter((line) => line.startsWith("warn a model was switched"))).toHaveLength(2);
  });

  test.each(["/admin/v1/models/meta%2Fllama-3", "/admin/v1/models/meta/llama-3", "/admin/v1/models/Meta%2FLlama-3"])(
    "is switched by verbs, with its slash escaped or not, in any case: %s",
    async (path) => {
      await using admin = await startTestAdmin();
      const off = await admin.call("POST", `${path}/disable`, { body: { reason: "too dear" } });
      expect(off.json()).toMatchObject({ id: "meta/llama-3", enabled: false, reason: "too dear" });
      expect(await enabled(admin)).toMatchObject({ "meta/llama-3": false });
      const on = await admin.call("POST", `${path}/enable`);
      expect([on.status, on.json().enabled]).toEqual([200, true]);
      expect(await enabled(admin)).toMatchObject({ "meta/llama-3": true });
    },
  );

  test.each([
    ["PATCH", "/admin/v1/models/nobody", { enabled: false }, 404],
    ["POST", "/admin/v1/models/nobody/disable", undefined, 404],
    ["PATCH", "/admin/v1/models/gpt-4o", {}, 400],
    ["PATCH", "/admin/v1/models/gpt-4o", { enabled: "no" }, 400],
    ["PATCH", "/admin/v1/models/gpt-4o", { enabled: false, resaon: "x" }, 400],
    ["POST", "/admin/v1/models/gpt-4o/disable", { reason: "two\nlines" }, 400],
  ])("is not switched by %s %s %p", async (method, path, body, status) => {
    await using admin = await startTestAdmin();
    expect((await admin.call(method, path, { body })).status).toBe(status);
    expect(Object.values(await enabled(admin))).not.toContain(false);
  });
});

describe("a model of the database", () => {
  const made = {
    id: "support-chat",
    targets: [
      { provider: "azure-eu", model: "gpt-4o", weight: 3 },
      { provider: "openai", model: "gpt-4o", priority: 2, reasoning: true },
    ],
    price: { input: 1.5, output: 6, cached_input: 0.5 },
  };
  const create = (admin: Admin, body: object = made) => admin.call("POST", "/admin/v1/models", { body });

  test("is made, read, changed and deleted, each change with a version of its own", async () => {
    await using admin = await startTestAdmin();
    const created = await create(admin);
    expect([created.status, created.headers.get("etag"), created.headers.get("location")]).toEqual([
      201,
      '"1"',
      "/admin/v1/models/support-chat",
    ]);
    expect(created.json()).toMatchObject({
      id: "support-chat",
      provider: "azure-eu",
      source: "database",
      status: "healthy",
      definition: {
        targets: [
          { provider: "azure-eu", model: "gpt-4o", priority: 1, weight: 3, reasoning: null },
          { provider: "openai", model: "gpt-4o", priority: 2, weight: 100, reasoning: true },
        ],
        price: { input: 1.5, output: 6, cached_input: 0.5, date: "configured" },
        price_waived: false,
      },
      price: { input: 1.5 },
    });
    const read = await admin.call("GET", "/admin/v1/models/Support-Chat");
    expect([read.text, read.headers.get("etag")]).toEqual([created.text, '"1"']);

    const body = { targets: [{ provider: "openai", model: "gpt-4.1" }] };
    const put = await admin.call("PUT", "/admin/v1/models/support-chat", { body, headers: { "if-match": '"1"' } });
    expect([put.status, put.headers.get("etag"), put.json().targets[0].model]).toEqual([200, '"2"', "gpt-4.1"]);
    const stale = await admin.call("PUT", "/admin/v1/models/support-chat", { body, headers: { "if-match": '"1"' } });
    expect([stale.status, stale.json().code]).toEqual([412, "stale_etag"]);

    const off = await admin.call("POST", "/admin/v1/models/support-chat/disable");
    expect([off.headers.get("etag"), off.json().status]).toEqual(['"3"', "disabled"]);
    const gone = await admin.call("DELETE", "/admin/v1/models/support-chat", { headers: { "if-match": '"3"' } });
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await admin.call("GET", "/admin/v1/models/support-chat")).status).toBe(404);
  });

  test.each([
    ["a provider that is not configured", { targets: [{ provider: "nobody", model: "x" }] }, 400],
    ["a price that nobody knows", { targets: [{ provider: "openai", model: "our-tune" }], price: null }, 400],
    ["no target", { targets: [] }, 400],
    ["a name that is taken, in any case", { id: "Meta/Llama-3" }, 409],
    ["the simulated model's name", { id: "echo" }, 400],
    ["a negative price", { price: { input: -1, output: 1 } }, 400],
    ["a name with a blank", { id: "our model" }, 400],
  ])("is not made with %s", async (_, change, status) => {
    await using admin = await startTestAdmin();
    expect((await create(admin, { ...made, ...change })).status).toBe(status);
    expect((await admin.call("GET", "/admin/v1/models?source=database")).json().data).toEqual([]);
  });

  test("is the only kind that can be changed; every other one can be switched", async () => {
    await using admin = await startTestAdmin();
    const { id: _, ...body } = made;
    for (const id of ["gpt-4o", "meta/llama-3", "echo"]) {
      for (const [method, sent] of [["PUT", body] as const, ["DELETE", undefined] as const]) {
        const answer = await admin.call(method, `/admin/v1/models/${encodeURIComponent(id)}`, { body: sent });
        expect([id, method, answer.status, answer.json().code]).toEqual([id, method, 409, "conflict"]);
      }
      expect((await admin.call("POST", `/admin/v1/models/${id}/disable`)).json().status).toBe("disabled");
    }
  });

  test("is in the audit log, with who did what", async () => {
    await using admin = await startTestAdmin();
    await create(admin);
    await admin.call("DELETE", "/admin/v1/models/support-chat");
    const { data } = await admin.store.audit.list({ limit: 10, after: null }, { subject: "model support-chat" });
    expect(data.map(({ action, actor }) => [action, actor])).toEqual([
      ["delete", "admin-key"],
      ["create", "admin-key"],
    ]);
  });
});

describe("the status of a model", () => {
  const statuses = async (admin: Admin, id: string) => {
    const { status, targets } = (await admin.call("GET", `/admin/v1/models/${id}`)).json();
    const of = (provider: string) => targets.find((one: { provider: string }) => one.provider === provider)?.status;
    return [status, of("azure-eu"), of("openai")];
  };
  const target = (id: string, state: "open" | "half_open" | "closed") => {
    return { id, state, inFlight: 0, queued: 0, attempts: 9, failures: 9 };
  };

  test("is failing when the breaker of every target that is switched on is not closed", async () => {
    await using admin = await startTestAdmin();
    const targets = [
      { provider: "azure-eu", model: "gpt-4o" },
      { provider: "openai", model: "gpt-4.1" },
    ];
    await admin.call("POST", "/admin/v1/models", { body: { id: "either", targets } });
    expect(await statuses(admin, "either")).toEqual(["healthy", "healthy", "healthy"]);
    admin.targetStates.push(target("azure-eu/gpt-4o", "open"));
    expect(await statuses(admin, "either")).toEqual(["healthy", "failing", "healthy"]);
    await admin.call("POST", "/admin/v1/models/gpt-4.1/disable");
    expect(await statuses(admin, "either")).toEqual(["failing", "failing", "disabled"]);
    const failing = await admin.call("GET", "/admin/v1/models?status=failing");
    expect(failing.json().data).toEqual([
      { id: "either", provider: "azure-eu", source: "database", status: "failing", enabled: true },
    ]);
    admin.targetStates.splice(0, 1, target("azure-eu/gpt-4o", "half_open"));
    expect((await statuses(admin, "either"))[0]).toBe("failing");
    admin.targetStates.splice(0, 1, target("azure-eu/gpt-4o", "closed"));
    expect((await statuses(admin, "either"))[0]).toBe("healthy");
  });
});
