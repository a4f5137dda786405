import { describe, expect } from "bun:test";
import type { ModelDefinition } from "../core/models.ts";
import { temporaryStore, testEngines as test, testStart } from "./testing.ts";

const definition: ModelDefinition = {
  targets: [{ provider: "azure-eu", model: "gpt-4o", priority: 1, weight: 100, reasoning: null }],
  price: { input: 1.5, output: 6, cachedInput: 0.5, cacheWrite: null, date: "configured" },
  priceWaived: false,
};
const waived: ModelDefinition = { targets: definition.targets, price: null, priceWaived: true };
const off = { enabled: false, reason: "too dear", actor: "ann" };

describe("models of the database", () => {
  test("are kept as they were given, changed and removed", async () => {
    await using store = await temporaryStore();
    const { databaseModels } = store;
    const made = await databaseModels.create("support/chat", definition, "ann");
    const at = { createdAt: testStart, updatedAt: testStart };
    expect(made).toEqual({ id: "support/chat", ...definition, actor: "ann", version: 1, ...at });
    expect(await databaseModels.all()).toEqual([made]);
    store.clock.ms += 1000;
    const changed = await databaseModels.replace("support/chat", waived, 1, "bob");
    const after = { id: "support/chat", ...waived, actor: "bob", version: 2, ...at, updatedAt: testStart + 1000 };
    expect(changed).toEqual({ outcome: "changed", value: after });
    expect(await databaseModels.all()).toEqual([after]);
    expect(await databaseModels.remove("support/chat", 2, "ann")).toMatchObject({ outcome: "changed" });
    expect(await databaseModels.all()).toEqual([]);
  });

  test("are not made twice, and those that are not there are neither changed nor removed", async () => {
    await using store = await temporaryStore();
    const both = await Promise.allSettled([
      store.databaseModels.create("a", definition, "ann"),
      store.databaseModels.create("a", waived, "bob"),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "conflict" } });
    expect(await store.databaseModels.replace("b", definition, null, "ann")).toEqual({ outcome: "missing" });
    expect(await store.databaseModels.remove("b", null, "ann")).toEqual({ outcome: "missing" });
  });

  test("have one version with their switch, which never stands for two things", async () => {
    await using store = await temporaryStore();
    const { databaseModels: models, modelStates: states } = store;
    await models.create("gpt-4o", definition, "ann");
    await states.change("gpt-4o", off, 1);
    expect(await models.replace("gpt-4o", waived, 1, "ann")).toEqual({ outcome: "stale", version: 2 });
    expect(await states.change("gpt-4o", off, 1)).toEqual({ outcome: "stale", version: 2 });
    expect(await models.remove("gpt-4o", 1, "ann")).toEqual({ outcome: "stale", version: 2 });
    await models.replace("gpt-4o", waived, 2, "ann");
    await models.remove("gpt-4o", 3, "ann");
    // The name is its vendor's again, and as switched as it was.
    expect(await states.all()).toMatchObject([{ id: "gpt-4o", enabled: false, reason: "too dear", version: 4 }]);
    await models.create("gpt-4o", definition, "ann");
    expect(await states.change("gpt-4o", { ...off, enabled: true }, 4)).toEqual({ outcome: "stale", version: 5 });
  });

  test("are changed once of two changes for the same version", async () => {
    await using store = await temporaryStore();
    await store.databaseModels.create("a", definition, "ann");
    const both = await Promise.all([
      store.databaseModels.replace("a", waived, 1, "ann"),
      store.modelStates.change("a", off, 1),
    ]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(["changed", "stale"]);
  });

  test("have their changes noted, by whom and what", async () => {
    await using store = await temporaryStore();
    await store.databaseModels.create("a", definition, "ann");
    await store.modelStates.change("a", off, null);
    await store.databaseModels.remove("a", null, "bob");
    const { data } = await store.audit.list({ limit: 10, after: null }, { subject: "model a" });
    expect(data.map(({ action, actor }) => [action, actor])).toEqual([
      ["delete", "bob"],
      ["disable", "ann"],
      ["create", "ann"],
    ]);
    expect(data.at(-1)?.detail).toEqual({ ...definition });
    expect(await store.audit.verify()).toMatchObject({ valid: true });
  });
});
