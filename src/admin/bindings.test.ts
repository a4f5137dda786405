import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const files = {
  "org/cap.policy.yaml": `
scope: { apps: [batch] }
params: { cap: { type: int, default: 100, min: 10, max: 200, tunable: true }, fixed: { type: int, default: 1 } }
rules: [{ id: over, when: request.bytes > params.cap + params.fixed, then: deny }]
`,
  "org/soft.policy.yaml": "mode: warn\nrules: [{ id: a, when: request.stream, then: deny }]",
  "org/hard.policy.yaml": "rules: [{ id: a, when: request.stream, then: deny }]",
  "sluice.yaml": "locked: [org/hard]",
};
const path = "/admin/v1/applications/chat/policies";

async function start() {
  const admin = await startTestAdmin(files);
  await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
  await admin.call("POST", "/admin/v1/applications", { body: { name: "batch" } });
  return admin;
}
type Admin = Awaited<ReturnType<typeof start>>;

async function effective(admin: Admin, app: string, id: string) {
  const { data } = (await admin.call("GET", `/admin/v1/policies/effective?app=${app}`)).json();
  return data.filter((policy: { id: string }) => policy.id === id);
}

describe("policies of applications", () => {
  test("are attached, seen in effect with where their values come from, and detached", async () => {
    await using admin = await start();
    const made = await admin.call("POST", path, { body: { policy: "org/cap", params: { cap: 50 } } });
    expect([made.status, made.headers.get("etag"), made.headers.get("location")]).toEqual([
      201,
      '"1"',
      "/admin/v1/applications/chat/policies/org%2Fcap",
    ]);
    expect(made.json()).toMatchObject({
      application: "chat",
      policy: "org/cap",
      params: { cap: 50 },
      actor: "admin-key",
    });
    expect((await admin.call("GET", path)).json()).toMatchObject({ data: [{ policy: "org/cap" }], next: null });
    expect(await effective(admin, "chat", "org/cap")).toMatchObject([
      {
        origin: "git",
        attached_to: ["chat"],
        params: [
          { name: "cap", value: 50, from: "binding" },
          { name: "fixed", value: 1, from: "default" },
        ],
      },
    ]);
    expect(await effective(admin, "batch", "org/cap")).toMatchObject([{ params: [{ value: 100 }, { value: 1 }] }]);

    const put = await admin.call("PUT", `${path}/org/cap`, {
      body: { params: { cap: 60 } },
      headers: { "if-match": '"1"' },
    });
    expect([put.status, put.headers.get("etag"), put.json().params]).toEqual([200, '"2"', { cap: 60 }]);
    const read = await admin.call("GET", `${path}/org%2Fcap`);
    expect([read.status, read.headers.get("etag")]).toEqual([200, '"2"']);
    const stale = await admin.call("DELETE", `${path}/org/cap`, { headers: { "if-match": '"1"' } });
    expect(stale.status).toBe(412);
    expect((await admin.call("DELETE", `${path}/org/cap`)).status).toBe(204);
    expect(await effective(admin, "chat", "org/cap")).toEqual([]);
    expect((await admin.call("DELETE", `${path}/org/cap`)).status).toBe(404);
    expect((await admin.call("GET", `${path}/org/cap`)).status).toBe(404);
  });

  test("can be many, on many applications, and are listed page by page", async () => {
    await using admin = await start();
    for (const policy of ["org/cap", "org/soft"]) await admin.call("POST", path, { body: { policy } });
    await admin.call("POST", path.replace("chat", "batch"), { body: { policy: "org/cap" } });
    const first = (await admin.call("GET", `${path}?limit=1`)).json();
    const second = (await admin.call("GET", `${path}?limit=1&cursor=${first.next}`)).json();
    expect([first.data[0].policy, second.data[0].policy, second.next]).toEqual(["org/cap", "org/soft", null]);
    const { data } = (await admin.call("GET", "/admin/v1/policies")).json();
    expect(data.find(({ id }: { id: string }) => id === "org/cap").attached_to).toEqual(["batch", "chat"]);
  });

  test.each([
    ["that are not there", { policy: "org/none" }, 404, "There is no policy 'org/none'"],
    ["with values out of bounds", { policy: "org/cap", params: { cap: 900 } }, 422, "accepted: 10 to 200"],
    ["with values that may not be tuned", { policy: "org/cap", params: { fixed: 2 } }, 422, "may not be tuned"],
    ["with values of another type", { policy: "org/cap", params: { cap: "much" } }, 422, "expected an integer"],
    ["with params they do not have", { policy: "org/cap", params: { cop: 20 } }, 422, "did you mean 'cap'?"],
    ["that are locked", { policy: "org/hard" }, 422, "C062"],
  ])("%s are not attached", async (_name, body, status, detail) => {
    await using admin = await start();
    const refused = await admin.call("POST", path, { body });
    expect([refused.status, refused.json().detail]).toEqual([status, expect.stringContaining(detail)]);
    expect((await admin.call("GET", path)).json().data).toEqual([]);
  });

  test("are attached once, to applications that are there, and not when they are deprecated", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { policy: "org/soft" } });
    expect((await admin.call("POST", path, { body: { policy: "org/soft" } })).status).toBe(409);
    const nowhere = await admin.call("POST", path.replace("chat", "none"), { body: { policy: "org/soft" } });
    expect(nowhere.status).toBe(404);
    expect((await admin.call("GET", path.replace("chat", "none"))).status).toBe(404);
    const content = "rules: [{ id: a, when: request.stream, then: warn }]";
    await admin.call("POST", "/admin/v1/policies", { body: { id: "db/old", content, status: "deprecated" } });
    const old = await admin.call("PUT", `${path}/db/old`);
    expect([old.status, old.json().detail]).toEqual([409, expect.stringContaining("deprecated")]);
  });
});

describe("tuning", () => {
  const policies = "/admin/v1/policies";

  test("sets params for all or for one application, and says what is declared", async () => {
    await using admin = await start();
    const all = await admin.call("PUT", `${policies}/org/cap/params`, { body: { params: { cap: 40 } } });
    expect([all.status, all.headers.get("etag")]).toEqual([200, '"1"']);
    expect(all.json()).toEqual({
      policy: "org/cap",
      application: null,
      mode: null,
      params: { cap: 40 },
      declared: [
        { name: "cap", type: "int", default: 100, min: 10, max: 200, tunable: true },
        { name: "fixed", type: "int", default: 1, min: null, max: null, tunable: false },
      ],
      actor: "admin-key",
    });
    const body = { params: { cap: 30 }, application: "batch" };
    expect((await admin.call("PUT", `${policies}/org%2Fcap/params`, { body })).json().application).toBe("batch");
    expect(await effective(admin, "batch", "org/cap")).toMatchObject([
      { params: [{ value: 30, from: "tuned for the application" }, { from: "default" }] },
    ]);
    const headers = { "if-match": '"7"' };
    expect((await admin.call("PUT", `${policies}/org/cap/params`, { body, headers })).status).toBe(412);
    const read = await admin.call("GET", `${policies}/org/cap/params?application=batch`);
    expect([read.status, read.headers.get("etag"), read.json().params]).toEqual([200, '"1"', { cap: 30 }]);
    expect((await admin.call("GET", `${policies}/org/none/params`)).status).toBe(404);
  });

  test("out of bounds is refused with the bounds, and changes nothing", async () => {
    await using admin = await start();
    const refused = await admin.call("PUT", `${policies}/org/cap/params`, { body: { params: { cap: 201 } } });
    expect(refused.json()).toMatchObject({
      status: 422,
      code: "policy_refused",
      problems: [{ code: "C061", item: "setting of org/cap", message: expect.stringContaining("accepted: 10 to 200") }],
    });
    expect((await admin.call("GET", `${policies}/org/cap/params`)).json().params).toEqual({});
  });

  test("makes a mode stricter, never looser than git says, and can be taken back", async () => {
    await using admin = await start();
    const put = (id: string, body: object) => admin.call("PUT", `${policies}/${id}/mode`, { body });
    expect((await put("org/soft", { mode: "enforce" })).json()).toMatchObject({ mode: "enforce" });
    expect(await effective(admin, "chat", "org/soft")).toMatchObject([{ mode: "enforce", mode_from: "tuned" }]);
    const looser = await put("org/soft", { mode: "audit" });
    expect([looser.status, looser.json().problems[0].code]).toEqual([422, "C063"]);
    expect((await put("org/hard", { mode: "enforce" })).json().problems[0].code).toBe("C062");
    expect((await put("org/soft", { mode: null })).json().mode).toBeNull();
    expect(await effective(admin, "chat", "org/soft")).toMatchObject([{ mode: "warn", mode_from: "file" }]);
    expect((await put("org/none", { mode: "enforce" })).status).toBe(404);
    expect((await put("org/soft", { mode: "loud" })).status).toBe(400);
  });

  test("makes no mode looser than it is for all, where an operator of one organisation tunes it", async () => {
    await using admin = await start();
    const named = { name: "one", role: "author", organisation: "default" };
    const { key } = (await admin.call("POST", "/admin/v1/admin-keys", { body: named })).json();
    const content = "rules: [{ id: no, when: request.stream, then: deny }]\n";
    await admin.call("POST", policies, { body: { id: "db/no", content } });
    await admin.call("PUT", `${policies}/org/soft/mode`, { body: { mode: "enforce" } });
    const put = async (id: string, mode: string | null) => {
      const answer = await admin.call("PUT", `${policies}/${id}/mode`, { key, body: { mode, application: "chat" } });
      return [answer.status, answer.json().code];
    };
    for (const id of ["db/no", "org/soft"]) {
      expect(await put(id, "audit")).toEqual([403, "insufficient_scope"]);
      expect(await put(id, "warn")).toEqual([403, "insufficient_scope"]);
      expect(await put(id, "enforce")).toEqual([200, undefined]);
      expect(await put(id, null)).toEqual([200, undefined]);
      expect(await effective(admin, "chat", id)).toMatchObject([{ mode: "enforce" }]);
    }
    const audited = await admin.call("PUT", `${policies}/db/no/mode`, { body: { mode: "audit", application: "chat" } });
    expect(audited.status).toBe(200);
  });
});
