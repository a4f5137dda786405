import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const big = "description: No large bodies.\nrules: [{ id: big, when: request.bytes > 50, then: deny }]\n";
const files = { "org/cap.policy.yaml": "rules: [{ id: cap, when: request.bytes > 90, then: deny }]" };
const path = "/admin/v1/policies";

const start = () => startTestAdmin(files);
const live = ({ service }: Awaited<ReturnType<typeof start>>) =>
  service.live.current.policies.map(({ id, mode }) => `${id} ${mode}`);

describe("a database policy", () => {
  test("is created with the checks of files, is live when that is answered, and can be read", async () => {
    await using admin = await start();
    const made = await admin.call("POST", path, { body: { id: "db/big", content: big } });
    expect([made.status, made.headers.get("etag"), made.headers.get("location")]).toEqual([
      201,
      '"1"',
      "/admin/v1/policies/db%2Fbig",
    ]);
    expect(made.json()).toMatchObject({
      id: "db/big",
      description: "No large bodies.",
      origin: "database",
      status: "active",
      enabled: true,
      live: true,
      text: big,
      version: 1,
      actor: "admin-key",
    });
    expect(live(admin)).toEqual(["db/big enforce", "org/cap enforce"]);
    const read = await admin.call("GET", `${path}/db/big`);
    expect([read.status, read.headers.get("etag"), read.json()]).toEqual([200, '"1"', made.json()]);
    expect((await admin.call("GET", `${path}?origin=database`)).json().data).toHaveLength(1);
  });

  test("that is wrong is refused with every problem and its place, and nothing is stored", async () => {
    await using admin = await start();
    const content =
      "rules:\n  - { when: request.nope > 1, then: deny }\n  - { when: request.stream, then: deny, message: '{nope}' }\n";
    const refused = await admin.call("POST", path, { body: { id: "db/bad", content } });
    expect([refused.status, refused.type]).toEqual([422, "application/problem+json"]);
    expect(refused.json()).toMatchObject({
      code: "policy_refused",
      problems: [
        { code: "C002", item: "policy db/bad", file: "db/bad.policy.yaml", line: 2, column: 13 },
        { code: "C025", item: "policy db/bad", file: "db/bad.policy.yaml", line: 3 },
      ],
    });
    expect((await admin.call("GET", `${path}/db/bad`)).status).toBe(404);
    const draft = await admin.call("POST", path, { body: { id: "db/bad", content, status: "draft" } });
    expect(draft.status).toBe(422);
  });

  test.each([
    ["an id outside of db/", { id: "org/mine", content: big }, 400],
    ["an id that is taken", { id: "db/there", content: big }, 409],
    ["an unknown status", { id: "db/x", content: big, status: "old" }, 400],
    ["no content", { id: "db/x" }, 400],
  ])("is not created with %s", async (_name, body, status) => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/there", content: big } });
    expect((await admin.call("POST", path, { body })).status).toBe(status);
  });

  test("is refused where the manifest gives the database no place", async () => {
    await using admin = await startTestAdmin({ ...files, "sluice.yaml": "database: { roots: [] }" });
    const refused = await admin.call("POST", path, { body: { id: "db/big", content: big } });
    expect(refused.json()).toMatchObject({ status: 422, problems: [{ code: "C062" }] });
  });

  test("is replaced for the version that was read, and not for an older one", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/big", content: big } });
    const headers = { "if-match": '"1"' };
    const warn = `mode: warn\n${big}`;
    const put = await admin.call("PUT", `${path}/db/big`, { body: { content: warn }, headers });
    expect([put.status, put.headers.get("etag"), live(admin)[0]]).toEqual([200, '"2"', "db/big warn"]);
    const stale = await admin.call("PUT", `${path}/db%2Fbig`, { body: { content: big }, headers });
    expect([stale.status, stale.json().code, live(admin)[0]]).toEqual([412, "stale_etag", "db/big warn"]);
    const wrong = await admin.call("PUT", `${path}/db/big`, { body: { content: "rules: []" } });
    expect([wrong.status, live(admin)[0]]).toEqual([422, "db/big warn"]);
    expect((await admin.call("PUT", `${path}/db/none`, { body: { content: big } })).status).toBe(404);
    const ofGit = await admin.call("PUT", `${path}/org/cap`, { body: { content: big } });
    expect([ofGit.status, ofGit.json().detail]).toEqual([409, expect.stringContaining("is a policy of git")]);
  });

  test("is changed in part: a draft is not live, a deprecated policy is", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/big", content: big, status: "draft" } });
    expect(live(admin)).toEqual(["org/cap enforce"]);
    expect((await admin.call("GET", `${path}/db/big`)).json()).toMatchObject({
      live: false,
      status: "draft",
      text: big,
    });
    const active = await admin.call("PATCH", `${path}/db/big`, { body: { status: "deprecated" } });
    expect(active.json()).toMatchObject({ live: true, status: "deprecated" });
    expect((await admin.call("PATCH", `${path}/db/big`, { body: {} })).status).toBe(400);
  });

  test("is disabled and enabled; a policy of git is not", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/big", content: big } });
    expect((await admin.call("POST", `${path}/db/big/disable`)).json()).toMatchObject({ enabled: false, live: false });
    expect(live(admin)).toEqual(["org/cap enforce"]);
    expect((await admin.call("POST", `${path}/db%2Fbig/enable`)).json()).toMatchObject({ enabled: true, live: true });
    const ofGit = await admin.call("POST", `${path}/org/cap/disable`);
    expect([ofGit.status, ofGit.json().detail]).toEqual([409, expect.stringContaining("Break-glass")]);
    expect((await admin.call("POST", `${path}/db/none/enable`)).status).toBe(404);
  });

  test("keeps its versions, which can be compared and rolled back to", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/big", content: big } });
    await admin.call("PUT", `${path}/db/big`, { body: { content: big.replace("50", "40") } });
    const versions = (await admin.call("GET", `${path}/db/big/versions`)).json();
    expect(
      versions.data.map(({ version, action, actor }: Record<string, unknown>) => [version, action, actor]),
    ).toEqual([
      [2, "update", "admin-key"],
      [1, "create", "admin-key"],
    ]);
    const diff = await admin.call("GET", `${path}/db/big/diff?from=1&to=2`);
    expect(diff.json()).toMatchObject({
      from: 1,
      to: 2,
      change: { id: "db/big", change: "changed", tendency: "tightens" },
    });
    expect((await admin.call("GET", `${path}/db/big/diff?from=1&to=9`)).status).toBe(404);

    const back = await admin.call("POST", `${path}/db/big/rollback`, { body: { version: 1 } });
    expect([back.status, back.json().version, back.json().text]).toEqual([200, 3, big]);
    expect((await admin.call("POST", `${path}/db/big/rollback`, { body: { version: 9 } })).status).toBe(404);
    expect((await admin.call("GET", `${path}/db/none/versions`)).status).toBe(404);
    expect((await admin.call("GET", `${path}/db/big/diff?from=1&to=3`)).json().change).toBeNull();
  });

  test("is deleted with what names it, but not while a break-glass does", async () => {
    await using admin = await start();
    await admin.call("POST", path, { body: { id: "db/big", content: big } });
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    await admin.call("PUT", "/admin/v1/applications/chat/policies/db/big");
    const broken = await admin.call("POST", "/admin/v1/break-glass", {
      body: { policy: "db/big", reason: "fire", ttl_seconds: 60 },
    });
    const held = await admin.call("DELETE", `${path}/db/big`);
    expect([held.status, held.json().problems[0].code]).toEqual([422, "C060"]);
    await admin.call("DELETE", `/admin/v1/break-glass/${broken.json().id}`);
    expect((await admin.call("DELETE", `${path}/db/big`, { headers: { "if-match": '"9"' } })).status).toBe(412);
    expect((await admin.call("DELETE", `${path}/db/big`)).status).toBe(204);
    expect(live(admin)).toEqual(["org/cap enforce"]);
    expect((await admin.call("GET", "/admin/v1/applications/chat/policies")).json().data).toEqual([]);
    expect((await admin.call("DELETE", `${path}/db/big`)).status).toBe(404);
    expect((await admin.call("GET", `${path}/db/big/versions`)).json().data).toHaveLength(2);
  });

  test("can be checked before it is stored", async () => {
    await using admin = await start();
    const check = async (content: string) =>
      (await admin.call("POST", `${path}/validate`, { body: { path: "db/big.policy.yaml", content } })).json();
    expect(await check(big)).toEqual({ valid: true, problems: [], warnings: [] });
    expect(await check("rules: [{ when: nope, then: deny }]")).toMatchObject({
      valid: false,
      problems: [{ code: "C002", file: "db/big.policy.yaml", line: 1, column: 17 }],
    });
    expect(live(admin)).toEqual(["org/cap enforce"]);
  });

  test("that no longer fits after a change of git is left out and told; git decides alone", async () => {
    await using admin = await startTestAdmin({ ...files, "org/lists.data.yaml": "lists: { bad: [m] }" });
    const content = 'rules: [{ id: bad, when: "request.model in data.bad", then: deny }]';
    await admin.call("POST", path, { body: { id: "db/bad", content } });
    expect(live(admin)).toEqual(["db/bad enforce", "org/cap enforce"]);
    await admin.files.write("org/lists.data.yaml", "lists: { worse: [m] }");
    const status = await admin.service.reload();
    expect(live(admin)).toEqual(["org/cap enforce"]);
    expect(status.state).toBe("degraded");
    expect(status.overlayProblems).toMatchObject([{ item: "policy db/bad", at: { file: "db/bad.policy.yaml" } }]);
    expect((await admin.call("GET", `${path}/db/bad`)).json()).toMatchObject({ live: false, enabled: true });
  });
});
