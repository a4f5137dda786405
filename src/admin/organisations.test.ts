import { describe, expect, test } from "bun:test";
import { startTestAdmin } from "./testing.ts";

const path = "/admin/v1/organisations";

describe("organisations", () => {
  test("are created, changed with the ETag that was read, and deleted once they are empty", async () => {
    await using admin = await startTestAdmin();
    const body = { name: "Acme", time_zone: "Europe/Berlin", labels: { plan: "gold" } };
    const created = await admin.call("POST", path, { body });
    expect([created.status, created.headers.get("location"), created.headers.get("etag")]).toEqual([
      201,
      `${path}/acme`,
      '"1"',
    ]);
    expect(created.json()).toMatchObject({ id: "acme", ...body });
    const patch = (change: object, ifMatch: string) =>
      admin.call("PATCH", `${path}/acme`, { body: change, headers: { "if-match": ifMatch } });
    expect((await patch({ time_zone: "UTC" }, '"1"')).json()).toMatchObject({ time_zone: "UTC", name: "Acme" });
    expect((await patch({ time_zone: "UTC" }, '"1"')).status).toBe(412);

    const made = await admin.call("POST", "/admin/v1/applications", {
      body: { name: "chat", organisation: "acme", team: "growth" },
    });
    const refused = await admin.call("DELETE", `${path}/acme`);
    expect([refused.status, refused.json().code]).toEqual([409, "conflict"]);
    expect(refused.json().detail).toContain("is not empty: it has 1 applications, 1 teams and 0 admin keys");
    await admin.call("DELETE", `/admin/v1/applications/${made.json().id}`);
    await admin.call("DELETE", `/admin/v1/teams/${made.json().team}`);
    expect((await admin.call("DELETE", `${path}/acme`, { headers: { "if-match": '"1"' } })).status).toBe(412);
    expect((await admin.call("DELETE", `${path}/acme`)).status).toBe(204);
    expect((await admin.call("GET", `${path}/acme`)).status).toBe(404);
    expect((await admin.call("DELETE", `${path}/default`)).status).toBe(409);
  });

  test.each(["Nowhere/City", "+02:00", "", "UTC; drop", "2", "GMT+25"])(
    "refuse what is no time zone: %p",
    async (zone) => {
      await using admin = await startTestAdmin();
      const refused = await admin.call("POST", path, { body: { name: "x", time_zone: zone } });
      expect([refused.status, refused.json().code]).toEqual([400, "invalid_input"]);
    },
  );

  test("are known in another case of a zone's name by the zone's own", async () => {
    await using admin = await startTestAdmin();
    const made = await admin.call("POST", path, { body: { name: "x", time_zone: "europe/berlin" } });
    expect(made.json().time_zone).toBe("Europe/Berlin");
  });

  test("with another time zone or labels are obeyed by the next request of their keys", async () => {
    await using admin = await startTestAdmin();
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat" } });
    const { key } = (await admin.call("POST", "/admin/v1/keys", { body: { application: "chat" } })).json();
    expect((await admin.directory.identify(key)).org.timeZone).toBe("UTC");
    await admin.call("PATCH", `${path}/default`, { body: { time_zone: "Asia/Tokyo", labels: { plan: "gold" } } });
    expect((await admin.directory.identify(key)).org).toEqual({
      id: "default",
      labels: { plan: "gold" },
      timeZone: "Asia/Tokyo",
    });
  });

  test("are sorted and filtered", async () => {
    await using admin = await startTestAdmin();
    for (const name of ["Beta", "Alpha"]) await admin.call("POST", path, { body: { name } });
    const ids = async (query: string) =>
      (await admin.call("GET", `${path}?${query}`)).json().data.map(({ id }: { id: string }) => id);
    expect(await ids("sort=-name")).toEqual(["default", "beta", "alpha"]);
    expect(await ids("name=Beta")).toEqual(["beta"]);
    expect((await admin.call("GET", `${path}?sort=colour`)).status).toBe(400);
    const page = (await admin.call("GET", `${path}?sort=-name&limit=1`)).json();
    expect(await ids(`sort=-name&limit=1&cursor=${page.next}`)).toEqual(["beta"]);
  });
});

describe("teams", () => {
  test("are created, changed and deleted once they are empty", async () => {
    await using admin = await startTestAdmin();
    const created = await admin.call("POST", "/admin/v1/teams", { body: { name: "Growth" } });
    expect([created.status, created.json()]).toEqual([
      201,
      expect.objectContaining({ id: "growth", organisation: "default", labels: {} }),
    ]);
    expect((await admin.call("POST", "/admin/v1/teams", { body: { name: "Growth" } })).status).toBe(409);
    expect((await admin.call("POST", "/admin/v1/teams", { body: { name: "x", organisation: "no" } })).status).toBe(400);
    await admin.call("POST", "/admin/v1/applications", { body: { name: "chat", team: "growth" } });
    const refused = await admin.call("DELETE", "/admin/v1/teams/growth");
    expect([refused.status, refused.json().detail]).toEqual([
      409,
      "The team 'growth' is not empty: it has 1 applications. Put them into another team or delete them.",
    ]);
    const listed = await admin.call("GET", "/admin/v1/applications?team=growth&disabled=false&sort=-created_at");
    expect(listed.json().data).toMatchObject([{ id: "chat" }]);
    await admin.call("PATCH", "/admin/v1/applications/chat", { body: { team: "" } });
    const path = "/admin/v1/teams/growth";
    const renamed = await admin.call("PATCH", path, { body: { name: "Growing" }, headers: { "if-match": '"1"' } });
    expect(renamed.json()).toMatchObject({ id: "growth", name: "Growing" });
    expect((await admin.call("DELETE", path, { headers: { "if-match": '"1"' } })).status).toBe(412);
    expect((await admin.call("DELETE", path)).status).toBe(204);
    expect((await admin.call("GET", path)).status).toBe(404);
  });
});
