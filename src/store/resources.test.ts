import { describe, expect } from "bun:test";
import type { GatewayKey } from "../core/keys.ts";
import type { Page, PageRequest } from "../core/resources.ts";
import { unrestricted } from "../core/restrictions.ts";
import { temporaryStore, testEngines as test, testStart } from "./testing.ts";

const actor = "ann";
const acme = { name: "Acme", timeZone: "Europe/Berlin", labels: { plan: "gold" } };
const chat = { organisation: "default", team: "", name: "chat", labels: {} };
const settings = { ...unrestricted, labels: {}, disabled: false, strict: false, keepsText: false };

function key(id: string, over: Partial<GatewayKey> = {}): GatewayKey {
  return {
    id,
    application: "chat",
    env: "prod",
    name: "",
    secretHash: "00",
    lastFour: "abcd",
    createdAt: testStart,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    version: 1,
    restriction: unrestricted,
    replacedBy: "",
    ...over,
  };
}

/** All of a list, read in pages of one. */
async function all<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await list({ limit: 1, after });
    found.push(...page.data);
    after = page.next;
  } while (after !== null);
  return found;
}

describe("organisations", () => {
  test("are made, changed and deleted, and the audit log says by whom", async () => {
    await using store = await temporaryStore();
    const { organisations, audit } = store;
    const made = await organisations.create(acme, actor);
    expect(made).toMatchObject({ id: "acme", name: "Acme", timeZone: "Europe/Berlin", version: 1 });
    expect(await organisations.find("acme")).toEqual(made);
    const changed = await organisations.update("acme", { timeZone: "UTC", labels: {} }, 1, actor);
    expect(changed).toMatchObject({ outcome: "changed", value: { timeZone: "UTC", labels: {}, version: 2 } });
    expect(await organisations.update("acme", { name: "x" }, 1, actor)).toEqual({ outcome: "stale", version: 2 });
    expect(await organisations.remove("acme", 1, actor)).toEqual({ outcome: "stale", version: 2 });
    expect(await organisations.remove("acme", 2, actor)).toMatchObject({ outcome: "changed" });
    expect(await organisations.find("acme")).toBeNull();
    expect(await organisations.remove("acme", null, actor)).toEqual({ outcome: "missing" });
    const { data } = await audit.list({ limit: 10, after: null }, { organisation: "acme" });
    expect(data.map(({ action, subject, actor: by }) => [action, subject, by])).toEqual([
      ["delete", "organisation acme", actor],
      ["change", "organisation acme", actor],
      ["create", "organisation acme", actor],
    ]);
  });

  test("cannot share a name, and a deleted one's id is not given again though its name is free", async () => {
    await using store = await temporaryStore();
    await store.organisations.create(acme, actor);
    await expect(store.organisations.create(acme, actor)).rejects.toThrow("There is an organisation named 'Acme'");
    const other = await store.organisations.create({ ...acme, name: "Other" }, actor);
    await expect(store.organisations.update(other.id, { name: "Acme" }, null, actor)).rejects.toThrow("named 'Acme'");
    await store.organisations.remove("acme", null, actor);
    expect((await store.organisations.create(acme, actor)).id).toMatch(/^acme-[a-z0-9]{6}$/);
  });

  test("stay while something is in them, and the default one always", async () => {
    await using store = await temporaryStore();
    const { organisations, teams, applications } = store;
    await organisations.create(acme, actor);
    const app = await applications.create({ ...chat, organisation: "acme" }, actor);
    await expect(organisations.remove("acme", null, actor)).rejects.toThrow("it has 1 applications, 0 teams");
    await applications.remove(app.id, null, actor);
    const team = await teams.create({ organisation: "acme", name: "Growth", labels: {} }, actor);
    await expect(organisations.remove("acme", null, actor)).rejects.toThrow("0 applications, 1 teams");
    expect(await organisations.find("acme")).not.toBeNull();
    await teams.remove(team.id, null, actor);
    expect(await organisations.remove("acme", null, actor)).toMatchObject({ outcome: "changed" });
    await expect(organisations.remove("default", null, actor)).rejects.toThrow("it stays");
  });

  test("that are deleted while something is put in: one of the two is refused, always", async () => {
    await using store = await temporaryStore();
    for (let i = 0; i < 8; i += 1) {
      const { id } = await store.organisations.create({ ...acme, name: `o${i}` }, actor);
      const outcomes = await Promise.allSettled([
        store.organisations.remove(id, null, actor),
        store.applications.create({ ...chat, name: `a${i}`, organisation: id }, actor),
      ]);
      const gone = (await store.organisations.find(id)) === null;
      expect(outcomes.map(({ status }) => status)).toEqual(
        gone ? ["fulfilled", "rejected"] : ["rejected", "fulfilled"],
      );
    }
  });

  test("are listed in any of the orders, in pages, without gaps", async () => {
    await using store = await temporaryStore();
    for (const name of ["Zeta", "Beta", "Alpha"]) {
      store.clock.ms += 1000;
      await store.organisations.create({ ...acme, name }, actor);
    }
    const names = async (order: "name" | "-name" | "created_at" | "-created_at" | "id" | "-id") =>
      (await all((page) => store.organisations.list(page, { order }))).map(({ id }) => id);
    expect(await names("name")).toEqual(["alpha", "beta", "default", "zeta"]);
    expect(await names("-name")).toEqual(["zeta", "default", "beta", "alpha"]);
    expect(await names("created_at")).toEqual(["default", "zeta", "beta", "alpha"]);
    expect(await names("-created_at")).toEqual(["alpha", "beta", "zeta", "default"]);
    expect(await names("id")).toEqual(["alpha", "beta", "default", "zeta"]);
    expect((await store.organisations.list({ limit: 9, after: null }, { name: "Beta" })).data).toHaveLength(1);
    await expect(
      store.organisations.list({ limit: 1, after: Buffer.from('["a"]').toString("base64url") }),
    ).rejects.toThrow("cursor");
  });
});

describe("teams", () => {
  test("are made, changed and deleted inside their organisation", async () => {
    await using store = await temporaryStore();
    const { teams, organisations } = store;
    await organisations.create(acme, actor);
    const made = await teams.create({ organisation: "default", name: "Growth", labels: { a: "b" } }, actor);
    expect(made).toMatchObject({ id: "growth", organisation: "default", labels: { a: "b" }, version: 1 });
    const input = { organisation: "default", name: "Growth", labels: {} };
    await expect(teams.create(input, actor)).rejects.toThrow("has a team named 'Growth'");
    expect((await teams.create({ ...input, organisation: "acme" }, actor)).id).toMatch(/^growth-/);
    await expect(teams.create({ ...input, organisation: "none" }, actor)).rejects.toThrow("no organisation 'none'");
    expect(await teams.update("growth", { name: "Growing" }, 1, actor)).toMatchObject({ value: { version: 2 } });
    expect(await teams.update("growth", { name: "x" }, 1, actor)).toEqual({ outcome: "stale", version: 2 });
    expect((await all((page) => teams.list(page, { organisation: "default" }))).map(({ name }) => name)).toEqual([
      "Growing",
    ]);
    expect(await teams.remove("growth", 2, actor)).toMatchObject({ outcome: "changed" });
    expect(await teams.find("growth")).toBeNull();
    expect((await teams.ensure("default", "Growing", actor)).id).toBe("growing");
  });

  test("stay while they have applications", async () => {
    await using store = await temporaryStore();
    const { teams, applications } = store;
    const team = await teams.ensure("default", "growth", actor);
    await applications.create({ ...chat, team: team.id }, actor);
    await expect(teams.remove(team.id, null, actor)).rejects.toThrow("it has 1 applications");
    await applications.update("chat", { team: "" }, null, actor);
    expect(await teams.remove(team.id, null, actor)).toMatchObject({ outcome: "changed" });
    await expect(applications.update("chat", { team: team.id }, null, actor)).rejects.toThrow("no team 'growth'");
    await expect(applications.create({ ...chat, name: "x", team: team.id }, actor)).rejects.toThrow("no team 'growth'");
  });
});

describe("what an application is in an environment", () => {
  test("is set, changed and taken away, and its versions go on", async () => {
    await using store = await temporaryStore();
    const { environments } = store;
    await store.applications.create(chat, actor);
    expect(await environments.put("none", "prod", settings, null, actor)).toEqual({ outcome: "missing" });
    const models = ["gpt-4o*"];
    const put = await environments.put("chat", "dev", { ...settings, models, strict: true }, 0, actor);
    expect(put).toMatchObject({ outcome: "changed", value: { env: "dev", models, strict: true, version: 1 } });
    expect(await environments.put("chat", "dev", settings, 0, actor)).toEqual({ outcome: "stale", version: 1 });
    await environments.put("chat", "prod", { ...settings, networks: ["10.0.0.0/8"] }, null, actor);
    expect((await all((page) => environments.list("chat", page))).map(({ env }) => env)).toEqual(["dev", "prod"]);
    expect(await environments.remove("chat", "dev", 7, actor)).toEqual({ outcome: "stale", version: 1 });
    expect(await environments.remove("chat", "dev", 1, actor)).toMatchObject({ outcome: "changed" });
    expect(await environments.remove("chat", "dev", null, actor)).toEqual({ outcome: "missing" });
    expect(await environments.find("chat", "dev")).toBeNull();
    expect(await environments.put("chat", "dev", settings, 0, actor)).toMatchObject({ value: { version: 3 } });
  });

  test("is part of what its keys are held to, and of no other's", async () => {
    await using store = await temporaryStore();
    await store.applications.create(chat, actor);
    await store.keys.insert(key("k1"), actor);
    await store.keys.insert(key("k2", { env: "dev" }), actor);
    await store.environments.put("chat", "dev", { ...settings, disabled: true }, null, actor);
    expect((await store.keys.holder("k1"))?.config).toBeNull();
    expect((await store.keys.holder("k2"))?.config).toMatchObject({ env: "dev", disabled: true });
  });
});

describe("keys", () => {
  test("keep what they may be used for, and change it member by member", async () => {
    await using store = await temporaryStore();
    await store.applications.create(chat, actor);
    const restriction = { surfaces: ["chat"] as const, models: ["gpt-4o*"], networks: ["10.0.0.0/8"] };
    await store.keys.insert(key("k1", { restriction }), actor);
    expect((await store.keys.find("k1"))?.restriction).toEqual(restriction);
    const changed = await store.keys.update("k1", { name: "new", restriction: { models: null } }, 1, actor);
    const kept = { ...restriction, models: null };
    expect(changed).toMatchObject({ outcome: "changed", value: { name: "new", restriction: kept, version: 2 } });
    expect(await store.keys.find("k1")).toMatchObject({ name: "new", restriction: kept, version: 2 });
    expect(await store.keys.update("k1", { name: "x" }, 1, actor)).toEqual({ outcome: "stale", version: 2 });
    expect(await store.keys.update("none", {}, null, actor)).toEqual({ outcome: "missing" });
    await store.keys.revoke("k1", testStart, actor);
    await expect(store.keys.update("k1", { expiresAt: null }, null, actor)).rejects.toThrow("for ever");
  });

  test("rotate once: the old one ends with the overlap and names its successor", async () => {
    await using store = await temporaryStore();
    await store.applications.create(chat, actor);
    await store.keys.insert(key("k1"), actor);
    const rotation = { until: testStart + 1000, expiresAt: null, version: null, actor };
    const rotated = await store.keys.rotate("k1", key("k2"), rotation);
    expect(rotated).toMatchObject({ value: { id: "k1", replacedBy: "k2", expiresAt: testStart + 1000, version: 2 } });
    expect(await store.keys.find("k2")).toMatchObject({ replacedBy: "", expiresAt: null });
    await expect(store.keys.rotate("k1", key("k3"), rotation)).rejects.toThrow("replaced by 'k2' already");
    expect(await store.keys.find("k3")).toBeNull();
    expect(await store.keys.rotate("none", key("k3"), rotation)).toEqual({ outcome: "missing" });
    expect(await store.keys.rotate("k2", key("k3"), { ...rotation, version: 9 })).toEqual({
      outcome: "stale",
      version: 1,
    });
    await store.keys.insert(key("k4", { expiresAt: testStart + 10 }), actor);
    expect(await store.keys.rotate("k4", key("k5"), rotation)).toMatchObject({ value: { expiresAt: testStart + 10 } });
    await store.keys.insert(key("k6", { expiresAt: testStart }), actor);
    await expect(store.keys.rotate("k6", key("k7"), rotation)).rejects.toThrow("has expired");
    await store.keys.revoke("k2", testStart, actor);
    await expect(store.keys.rotate("k2", key("k8"), rotation)).rejects.toThrow("was revoked");
  });

  test("rotated by several at once get one successor", async () => {
    await using store = await temporaryStore();
    await store.applications.create(chat, actor);
    await store.keys.insert(key("k0"), actor);
    const rotation = { until: testStart + 1000, expiresAt: null, version: null, actor };
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((i) => store.keys.rotate("k0", key(`k${i}`), rotation)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await all((page) => store.keys.list(page, { application: "chat" }))).toHaveLength(2);
  });

  test("are selected by organisation, environment and what became of them", async () => {
    await using store = await temporaryStore();
    await store.organisations.create(acme, actor);
    await store.applications.create(chat, actor);
    const other = await store.applications.create({ ...chat, organisation: "acme", name: "other" }, actor);
    await store.keys.insert(key("k1"), actor);
    await store.keys.insert(key("k2", { env: "dev", expiresAt: testStart }), actor);
    await store.keys.insert(key("k3", { application: other.id, createdAt: testStart + 1 }), actor);
    await store.keys.revoke("k3", testStart, actor);
    const ids = async (filter: Parameters<typeof store.keys.list>[1]) =>
      (await all((page) => store.keys.list(page, filter))).map(({ id }) => id);
    expect(await ids({ organisation: "acme" })).toEqual(["k3"]);
    expect(await ids({ organisation: "default", env: "dev" })).toEqual(["k2"]);
    expect(await ids({ status: "active" })).toEqual(["k1"]);
    expect(await ids({ status: "expired" })).toEqual(["k2"]);
    expect(await ids({ status: "revoked" })).toEqual(["k3"]);
    expect(await ids({ order: "-created_at" })).toEqual(["k3", "k2", "k1"]);
  });
});

describe("idempotency keys", () => {
  const request = (id: string, fingerprint = "f", operator = "ann") => ({ id, operator, fingerprint });

  test("are claimed by one, answered, and stand for one request", async () => {
    await using store = await temporaryStore();
    const { idempotency } = store;
    const claims = await Promise.all([1, 2, 3, 4].map(() => idempotency.claim(request("a"))));
    expect(claims.map(({ state }) => state).sort()).toEqual(["claimed", "running", "running", "running"]);
    expect(await idempotency.claim(request("a"))).toEqual({ state: "running", since: testStart });
    expect(await idempotency.claim(request("a", "g"))).toEqual({ state: "other" });
    await idempotency.answer("a", "sealed");
    await idempotency.release("a");
    expect(await idempotency.claim(request("a"))).toEqual({ state: "answered", sealed: "sealed" });
    expect(await idempotency.claim(request("b"))).toEqual({ state: "claimed" });
    await idempotency.release("b");
    expect(await idempotency.claim(request("b"))).toEqual({ state: "claimed" });
  });

  test("are forgotten after a day", async () => {
    await using store = await temporaryStore();
    await store.idempotency.claim(request("a"));
    store.clock.ms += 24 * 3_600_000 - 1;
    expect((await store.idempotency.claim(request("a"))).state).toBe("running");
    store.clock.ms += 1;
    expect((await store.idempotency.claim(request("a", "g"))).state).toBe("claimed");
  });
});
