import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const hour = 3_600_000;
const files = {
  "org/cap.policy.yaml": "rules: [{ id: over, when: request.bytes > 90, then: deny }]",
  "org/hard.policy.yaml": "rules: [{ id: a, when: request.stream, then: deny }]",
  "sluice.yaml": "locked: [org/hard]",
  "org/batch.exception.yaml": `
policy: org/cap
rule: over
scope: { apps: [batch] }
owner: platform
reason: scans
expires: 2026-02-01T00:00:00Z
`,
  "org/old.exception.yaml": "policy: org/cap\nscope: { apps: [x] }\nowner: platform\nreason: none\nexpires: 2025-01-01",
};
const start = () => startTestAdmin(files);

describe("break-glass", () => {
  const path = "/admin/v1/break-glass";
  const body = {
    policy: "org/cap",
    rule: "over",
    scope: { apps: ["chat"] },
    reason: "incident 4711",
    ttl_seconds: 3600,
  };

  test("is begun, seen where it has its effect, and ended", async () => {
    await using admin = await start();
    const made = await admin.call("POST", path, { body });
    const { id } = made.json();
    expect([made.status, made.headers.get("location")]).toEqual([201, `/admin/v1/break-glass/${id}`]);
    expect(made.json()).toEqual({
      id: expect.stringMatching(/^bg_[0-9a-f]{32}$/),
      policy: "org/cap",
      rule: "over",
      scope: { apps: ["chat"] },
      action: "allow",
      reason: "incident 4711",
      actor: "admin-key",
      state: "open",
      created_at: new Date(admin.clock.ms).toISOString(),
      expires_at: new Date(admin.clock.ms + hour).toISOString(),
      ended_at: null,
      ended_by: "",
    });
    const policy = (await admin.call("GET", "/admin/v1/policies/org/cap")).json();
    expect(policy.break_glass).toMatchObject([{ id, rule: "over", action: "allow" }]);
    expect(admin.logger.lines.join("\n")).toContain("a break-glass began");

    expect((await admin.call("DELETE", `${path}/${id}`)).json()).toMatchObject({
      state: "ended",
      ended_by: "admin-key",
    });
    expect((await admin.call("GET", "/admin/v1/policies/org/cap")).json().break_glass).toEqual([]);
    expect((await admin.call("DELETE", `${path}/${id}`)).status).toBe(409);
    expect((await admin.call("GET", `${path}/${id}`)).json().state).toBe("ended");
    expect((await admin.call("GET", `${path}?state=closed&policy=org/cap`)).json().data).toHaveLength(1);
    expect((await admin.call("GET", `${path}?state=open`)).json().data).toEqual([]);
  });

  test("expires by itself, which is logged and noted once", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body });
    admin.clock.ms += hour;
    await admin.overlay.sweep();
    await admin.overlay.sweep();
    expect((await admin.call("GET", path)).json().data).toMatchObject([{ state: "expired", ended_at: null }]);
    expect(admin.service.live.current.policies.flatMap(({ provenance }) => provenance?.breakGlass)).toEqual([]);
    expect(admin.logger.lines.filter((line) => line.includes("a break-glass expired"))).toHaveLength(1);
    const { data } = await admin.store.audit.list({ limit: 10, after: null }, {});
    expect(data.map(({ actor, action }) => [actor, action])).toEqual([
      ["", "expire"],
      ["admin-key", "begin"],
    ]);
  });

  test.each([
    ["of more than 24 hours", { ttl_seconds: 86_401 }, 422, "at most 86400"],
    ["that ends in the past", { ttl_seconds: undefined, expires_at: "2020-01-01" }, 400, "is past"],
    ["without an end", { ttl_seconds: undefined }, 400, "Say when it ends"],
    ["without a reason", { reason: undefined }, 400, "reason"],
    ["of a policy that is not there", { policy: "org/none" }, 422, "there is no policy 'org/none'"],
    ["of a misspelt policy", { policy: "org/capp" }, 422, "did you mean 'org/cap'?"],
    ["of a rule that is not there", { rule: "ower" }, 422, "did you mean 'over'?"],
    ["of a locked policy", { policy: "org/hard", rule: undefined }, 422, "C062"],
    ["with a misspelt scope", { scope: { app: ["chat"] } }, 400, "scope"],
  ])("%s is refused", async (_name, change, status, detail) => {
    await using admin = await start();
    const refused = await admin.call("POST", path, { body: { ...body, ...change } });
    expect([refused.status, refused.text]).toEqual([status, expect.stringContaining(detail)]);
    expect((await admin.call("GET", path)).json().data).toEqual([]);
  });

  test("that is not there is not found", async () => {
    await using admin = await start();
    expect((await admin.call("GET", `${path}/bg_none`)).status).toBe(404);
    expect((await admin.call("DELETE", `${path}/bg_none`)).status).toBe(404);
  });
});

describe("maintenance", () => {
  const path = "/admin/v1/maintenance";

  test("is begun, replaced, read and ended", async () => {
    await using admin = await start();
    expect((await admin.call("GET", path)).status).toBe(404);
    expect((await admin.call("DELETE", path)).status).toBe(404);
    const body = { reason: "upgrade", ttl_seconds: 600, scope: { env: ["prod"] }, retry_after_seconds: 30 };
    const first = await admin.call("PUT", path, { body });
    expect([first.status, first.json()]).toMatchObject([
      200,
      {
        state: "open",
        scope: { env: ["prod"] },
        retry_after_seconds: 30,
        message: expect.stringContaining("maintenance"),
      },
    ]);
    const second = await admin.call("PUT", path, { body: { ...body, message: "back at noon" } });
    expect((await admin.call("GET", path)).json()).toEqual(second.json());
    expect(admin.service.live.current.policies.map(({ id }) => id)).toContain("_maintenance");
    expect((await admin.call("DELETE", path)).json()).toMatchObject({ state: "ended", message: "back at noon" });
    expect(admin.service.live.current.policies.map(({ id }) => id)).not.toContain("_maintenance");
  });

  test.each([
    ["without an end", { reason: "x" }, 400],
    ["of more than a week", { reason: "x", ttl_seconds: 604_801 }, 422],
    ["without a reason", { ttl_seconds: 5 }, 400],
  ])("%s is refused", async (_name, body, status) => {
    await using admin = await start();
    expect((await admin.call("PUT", path, { body })).status).toBe(status);
    expect((await admin.call("GET", path)).status).toBe(404);
  });
});

describe("exceptions", () => {
  const path = "/admin/v1/exceptions";

  test("of the files are listed with their owners, and shown at the policies they are from", async () => {
    await using admin = await start();
    const { data } = (await admin.call("GET", path)).json();
    expect(data).toEqual([
      {
        id: "org/batch",
        policy: "org/cap",
        rule: "over",
        scope: { apps: ["batch"] },
        owner: "platform",
        reason: "scans",
        state: "active",
        expires_at: "2026-02-01T00:00:00.000Z",
        hits: 3,
        source: "org/batch.exception.yaml",
      },
      expect.objectContaining({ id: "org/old", rule: "", scope: { apps: ["x"] }, state: "expired", hits: 0 }),
    ]);
    expect((await admin.call("GET", `${path}?state=active&policy=org/cap`)).json().data).toHaveLength(1);
    expect((await admin.call("GET", "/admin/v1/policies/org/cap")).json().exceptions).toEqual(["org/batch"]);
  });

  test("are selected by known filters alone, and are not written here", async () => {
    await using admin = await start();
    expect((await admin.call("GET", `${path}?owner=platform`)).status).toBe(400);
    expect((await admin.call("POST", path, { body: {} })).status).toBe(404);
  });
});

describe("changes of what is laid over git", () => {
  test("are made in turn: none of those that come together is lost", async () => {
    await using admin = await start();
    const content = "rules: [{ id: a, when: request.stream, then: warn }]";
    const names = ["a", "b", "c", "d"];
    const made = await Promise.all(
      names.map((name) => admin.call("POST", "/admin/v1/policies", { body: { id: `db/${name}`, content } })),
    );
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const live = admin.service.live.current.policies.map(({ id }) => id);
    expect(names.every((name) => live.includes(`db/${name}`))).toBe(true);
  });

  test("are in force while the policies folder is broken, over the set that stays live", async () => {
    await using admin = await start();
    await admin.files.write("org/cap.policy.yaml", "rules: [");
    expect((await admin.service.reload()).state).toBe("degraded");
    const body = { policy: "org/cap", reason: "fire", ttl_seconds: 60 };
    const made = await admin.call("POST", "/admin/v1/break-glass", { body });
    expect(made.status).toBe(201);
    const [entry] = admin.service.live.current.policies.flatMap(({ provenance }) => provenance?.breakGlass ?? []);
    expect(entry?.id).toBe(made.json().id);
    expect(admin.service.status().state).toBe("degraded");
  });

  test("that need a check wait for a policy set that is in order", async () => {
    await using admin = await startTestAdmin({ "org/cap.policy.yaml": "rules: [" });
    const body = { policy: "org/cap", reason: "fire", ttl_seconds: 60 };
    const refused = await admin.call("POST", "/admin/v1/break-glass", { body });
    expect([refused.status, refused.json().detail]).toEqual([409, expect.stringContaining("No policy set is live")]);
  });
});
