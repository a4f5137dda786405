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
