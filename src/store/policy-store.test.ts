import { describe, expect } from "bun:test";
import { emptyOverlay } from "../core/overlay.ts";
import { temporaryStore, testEngines as test } from "./testing.ts";

const page = { limit: 2, after: null };
const draft = { id: "db/cap", content: "rules: []", status: "draft", enabled: true } as const;
const hour = 3_600_000;

describe("database policies", () => {
  test("are kept with how they stood after each change and who made it", async () => {
    await using store = await temporaryStore();
    const { policyStore: policies, clock } = store;
    expect(await policies.createPolicy(draft, "ann")).toMatchObject({ ...draft, version: 1, actor: "ann" });
    clock.ms += 1000;
    const by = { actor: "bob", action: "update" };
    const changed = await policies.changePolicy("db/cap", { content: "rules: [1]", status: "active" }, 1, by);
    expect(changed).toMatchObject({
      outcome: "changed",
      value: { version: 2, content: "rules: [1]", status: "active" },
    });
    expect(await policies.changePolicy("db/cap", { enabled: false }, 1, by)).toEqual({ outcome: "stale", version: 2 });
    expect(await policies.changePolicy("db/none", { enabled: false }, null, by)).toEqual({ outcome: "missing" });
    await policies.changePolicy("db/cap", { enabled: false }, null, { actor: "eve", action: "disable" });

    const first = await policies.versions("db/cap", page);
    expect(first.data).toMatchObject([
      { version: 3, enabled: false, action: "disable", actor: "eve" },
      { version: 2, enabled: true, action: "update", actor: "bob", at: clock.ms },
    ]);
    const second = await policies.versions("db/cap", { limit: 2, after: first.next });
    expect(second).toMatchObject({ data: [{ version: 1, content: "rules: []", action: "create" }], next: null });
    expect(await policies.findVersion("db/cap", 1)).toMatchObject({ content: "rules: []", actor: "ann" });
    expect(await policies.findVersion("db/cap", 9)).toBeNull();
  });

  test("have an id of their own, which is free again when they are deleted, and go on counting versions", async () => {
    await using store = await temporaryStore();
    const { policyStore: policies, clock } = store;
    await policies.createPolicy(draft, "ann");
    await expect(policies.createPolicy(draft, "bob")).rejects.toThrow("There is a policy 'db/cap' already.");
    await policies.attach("db/cap", "chat", {}, null, "ann");
    expect(await policies.removePolicy("db/cap", 7, "ann")).toEqual({ outcome: "stale", version: 1 });
    expect(await policies.removePolicy("db/cap", null, "ann")).toMatchObject({ outcome: "changed" });
    expect(await policies.findPolicy("db/cap")).toBeNull();
    expect(await policies.overlay(clock.ms)).toEqual(emptyOverlay);
    expect(await policies.createPolicy(draft, "ann")).toMatchObject({ version: 3 });
  });
});

describe("bindings and settings", () => {
  test("are written, changed for the version that was read, and taken away", async () => {
    await using store = await temporaryStore();
    const { policyStore, clock } = store;
    expect(await policyStore.attach("org/cap", "chat", { cap: 5 }, null, "ann")).toMatchObject({
      outcome: "changed",
      value: { policy: "org/cap", application: "chat", params: { cap: 5 }, version: 1 },
    });
    expect(await policyStore.attach("org/cap", "chat", {}, 4, "ann")).toEqual({ outcome: "stale", version: 1 });
    expect(await policyStore.tune("org/cap", "", { params: { cap: 9 } }, null, "ann")).toMatchObject({
      value: { params: { cap: 9 }, mode: null, version: 1 },
    });
    await policyStore.tune("org/cap", "", { mode: "warn" }, 1, "ann");
    expect(await policyStore.findSetting("org/cap", "")).toMatchObject({
      params: { cap: 9 },
      mode: "warn",
      version: 2,
    });
    expect(await policyStore.findSetting("org/cap", "chat")).toBeNull();

    const overlay = await policyStore.overlay(clock.ms);
    expect(overlay.bindings).toMatchObject([{ policy: "org/cap", application: "chat" }]);
    expect(overlay.settings).toMatchObject([{ policy: "org/cap", application: "" }]);
    expect(await policyStore.detach("org/cap", "chat", 8, "ann")).toEqual({ outcome: "stale", version: 1 });
    expect(await policyStore.detach("org/cap", "chat", 1, "ann")).toMatchObject({ outcome: "changed" });
    expect(await policyStore.detach("org/cap", "chat", null, "ann")).toEqual({ outcome: "missing" });
    expect((await policyStore.overlay(clock.ms)).bindings).toEqual([]);
    expect(await policyStore.attach("org/cap", "chat", {}, null, "ann")).toMatchObject({ value: { params: {} } });
  });
});

describe("break-glass and maintenance", () => {
  const wanted = {
    policy: "org/cap",
    rule: "over",
    scope: { env: ["prod"] },
    action: "allow",
    reason: "fire",
  } as const;

  test("are open until they are ended or their time has come, and each end is told once", async () => {
    await using store = await temporaryStore();
    const { policyStore, clock } = store;
    const short = await policyStore.beginBreakGlass({ ...wanted, expiresAt: clock.ms + hour }, "ann");
    const long = await policyStore.beginBreakGlass({ ...wanted, expiresAt: clock.ms + 2 * hour }, "ann");
    expect((await policyStore.overlay(clock.ms)).breakGlass).toEqual([short, long]);
    expect(await policyStore.endBreakGlass(long.id, "bob")).toMatchObject({ endedAt: clock.ms, endedBy: "bob" });
    expect(await policyStore.endBreakGlass(long.id, "bob")).toBeNull();

    clock.ms += hour;
    expect((await policyStore.overlay(clock.ms)).breakGlass).toEqual([]);
    expect(await policyStore.endBreakGlass(short.id, "bob")).toBeNull();
    expect(await policyStore.expire(clock.ms)).toMatchObject([{ id: short.id, endedAt: clock.ms, endedBy: "" }]);
    expect(await policyStore.expire(clock.ms)).toEqual([]);
    const closed = await policyStore.listBreakGlass({ limit: 1, after: null }, { state: "closed", policy: "org/cap" });
    expect(closed.data.map(({ id }) => id)).toEqual([long.id]);
    const rest = await policyStore.listBreakGlass({ limit: 1, after: closed.next }, { state: "closed" });
    expect(rest).toMatchObject({ data: [{ id: short.id, rule: "over", scope: { env: ["prod"] } }], next: null });
    expect(await policyStore.listBreakGlass(page, { state: "open" })).toEqual({ data: [], next: null });
  });

  test("of maintenance there is one at a time", async () => {
    await using store = await temporaryStore();
    const { policyStore, clock } = store;
    expect(await policyStore.endMaintenance("ann")).toBeNull();
    const input = {
      scope: {},
      message: "back soon",
      retryAfterSeconds: 60,
      reason: "upgrade",
      expiresAt: clock.ms + 1,
    };
    const first = await policyStore.beginMaintenance(input, "ann");
    const replacing = policyStore.beginMaintenance({ ...input, message: "later" }, "bob");
    // There is no moment without one.
    for (let i = 0; i < 20; i += 1) expect((await policyStore.overlay(clock.ms)).maintenance).not.toBeNull();
    const second = await replacing;
    expect((await policyStore.overlay(clock.ms)).maintenance).toEqual(second);
    expect(await policyStore.endMaintenance("ann")).toMatchObject({ id: second.id, endedBy: "ann" });
    expect((await policyStore.overlay(clock.ms)).maintenance).toBeNull();

    const trail = await store.audit.list({ limit: 200, after: null }, {});
    expect(trail.data.map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
      ["ann", "end", second.id],
      ["bob", "begin", second.id],
      ["bob", "end", first.id],
      ["ann", "begin", first.id],
    ]);
  });
});

test("who changed what can be read, of one policy or of all", async () => {
  await using store = await temporaryStore();
  const { policyStore } = store;
  await policyStore.createPolicy(draft, "ann");
  await policyStore.tune("org/cap", "chat", { mode: "enforce" }, null, "bob");
  const all = await store.audit.list({ limit: 1, after: null }, {});
  expect(all.data).toMatchObject([{ actor: "bob", action: "tune", detail: { application: "chat", mode: "enforce" } }]);
  const rest = await store.audit.list({ limit: 1, after: all.next }, {});
  expect(rest.data).toMatchObject([{ actor: "ann", action: "create", subject: "db/cap" }]);
  const ofOne = await store.audit.list({ limit: 5, after: null }, { subject: "org/cap" });
  expect(ofOne.data).toHaveLength(1);
});
