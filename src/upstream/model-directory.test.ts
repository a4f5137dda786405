import { describe, expect, test } from "bun:test";
import type { ModelDefinition } from "../core/models.ts";
import { temporaryStore } from "../store/testing.ts";
import type { CatalogueOptions, ModelConfig, ProviderConfig } from "./catalogue.ts";
import { createModelDirectory } from "./model-directory.ts";

const providers = new Map<string, ProviderConfig>([
  ["openai", { kind: "openai", api_key: "sk" }],
  ["azure-eu", { kind: "azure", api_key: "sk", base_url: "https://eu.invalid" }],
]);
const models = new Map<string, ModelConfig>([
  ["fast", { targets: [{ provider: "openai", model: "gpt-4o-mini" }] }],
  ["gpt-4.1", { price: { input: 7, output: 9, cachedInput: null, cacheWrite: null, date: "2026-01-01" } }],
]);

const target = (provider: string, model: string) => ({ provider, model, priority: 1, weight: 100, reasoning: null });
const leadsTo = (...targets: ModelDefinition["targets"]): ModelDefinition => ({
  targets,
  price: null,
  priceWaived: false,
});
const deployment = leadsTo(target("azure-eu", "gpt-4o"));

async function start() {
  const store = await temporaryStore();
  const kept = { states: store.modelStates, models: store.databaseModels };
  const open = (options: CatalogueOptions = { providers, models }) => createModelDirectory(options, kept);
  return { store, open, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

describe("a model that is made", () => {
  test("can be asked for at once, here and elsewhere after a reload, until it is deleted", async () => {
    await using at = await start();
    const [here, there] = [await at.open(), await at.open()];
    expect(here.catalogue.resolve("support", "chat")).toBeNull();
    await here.create("support", deployment, "ann");
    const asked = () => here.catalogue.resolve("support", "chat")?.target;
    expect(asked()).toMatchObject({ provider: "azure-eu", kind: "azure", model: "gpt-4o" });
    expect(here.catalogue.list().some(({ id }) => id === "support")).toBe(true);
    expect(there.catalogue.resolve("support", "chat")).toBeNull();
    await there.reload();
    expect(there.catalogue.resolve("support", "chat")?.target.model).toBe("gpt-4o");

    await here.replace("support", leadsTo(target("openai", "gpt-4.1")), null, "bob");
    expect(asked()).toMatchObject({ provider: "openai", model: "gpt-4.1" });
    await there.reload();
    expect(await there.remove("support", null, "ann")).toMatchObject({ outcome: "changed" });
    expect(there.catalogue.resolve("support", "chat")).toBeNull();
    await here.reload();
    expect(asked()).toBeUndefined();
  });

  test("takes a vendor's own name to a deployment, and leaves it to the vendor again", async () => {
    await using at = await start();
    const directory = await at.open();
    const provider = () => directory.catalogue.resolve("gpt-4o", "chat")?.target.provider;
    expect([provider(), directory.source("gpt-4o")]).toEqual(["openai", "vendor"]);
    await directory.create("gpt-4o", deployment, "ann");
    expect([provider(), directory.source("gpt-4o")]).toEqual(["azure-eu", "database"]);
    await directory.remove("gpt-4o", null, "ann");
    expect([provider(), directory.source("gpt-4o")]).toEqual(["openai", "vendor"]);
  });

  test("has the price that it is given, else the configuration's of its target, else the known one", async () => {
    await using at = await start();
    const directory = await at.open();
    const priceOf = (id: string) => directory.catalogue.resolve(id, "chat")?.model.price?.input;
    const price = { input: 1, output: 2, cachedInput: null, cacheWrite: null, date: "configured" };
    await directory.create("a", { ...leadsTo(target("openai", "gpt-4o")), price }, "ann");
    await directory.create("b", leadsTo(target("openai", "gpt-4.1")), "ann");
    await directory.create("c", leadsTo(target("openai", "gpt-4o")), "ann");
    expect(["a", "b", "c"].map(priceOf)).toEqual([1, 7, 2.5]);
  });

  test.each([
    ["nowhere", leadsTo(target("nobody", "x")), "targets.0.provider: there is no provider 'nobody'"],
    ["twice", leadsTo(target("openai", "gpt-4o"), target("openai", "gpt-4o")), "targets.1: is openai/gpt-4o again"],
    ["none", leadsTo(), "targets: must name at least one target"],
    ["dear", leadsTo(target("openai", "our-own-tune")), "Nobody knows what 'dear' costs"],
    ["echo", leadsTo(target("openai", "gpt-4o")), "the model 'echo' is the simulated one"],
    ["fast", deployment, "There is a model 'fast' already"],
    ["Fast", deployment, "There is a model 'fast' already"],
  ])("is refused: %s", async (id, definition, message) => {
    await using at = await start();
    const directory = await at.open();
    await expect(directory.create(id, definition, "ann")).rejects.toThrow(message);
    expect(await at.store.databaseModels.all()).toEqual([]);
  });

  test("needs no price where that is waived", async () => {
    await using at = await start();
    const directory = await at.open();
    const tune = leadsTo(target("openai", "our-own-tune"));
    await directory.create("tune", { ...tune, priceWaived: true }, "ann");
    expect(directory.catalogue.resolve("tune", "chat")?.model.price).toBeNull();
    await expect(directory.replace("tune", tune, null, "ann")).rejects.toThrow("price_waived");
  });

  test("is one that was not made here in no case: those are refused to be changed or deleted", async () => {
    await using at = await start();
    const directory = await at.open();
    for (const id of ["fast", "gpt-4o", "echo"]) {
      await expect(directory.replace(id, deployment, null, "ann")).rejects.toThrow("was not made here");
      await expect(directory.remove(id, null, "ann")).rejects.toThrow("was not made here");
    }
    await expect(directory.remove("nobody", null, "ann")).rejects.toThrow("There is no model 'nobody'");
  });

  test("leads nowhere while its provider is not configured, and does not stand before what the configuration says", async () => {
    await using at = await start();
    await (await at.open()).create("support", deployment, "ann");
    const less = await at.open({ providers: new Map([["openai", providers.get("openai")!]]), models });
    expect([less.catalogue.resolve("support", "chat"), less.made()]).toEqual([null, ["support"]]);
    const taken = new Map([...models, ["Support", models.get("fast")!]]);
    const other = await at.open({ providers, models: taken });
    expect(other.catalogue.resolve("Support", "chat")?.target.model).toBe("gpt-4o-mini");
    expect(other.catalogue.resolve("support", "chat")).toBeNull();
    expect((await at.open()).catalogue.resolve("support", "chat")).not.toBeNull();
  });

  test("is switched as every other one", async () => {
    await using at = await start();
    const directory = await at.open();
    await directory.create("support", deployment, "ann");
    await directory.change("support", { enabled: false, reason: "", actor: "ann" }, 1);
    expect(directory.catalogue.resolve("support", "chat")).toBeNull();
    expect(directory.all.resolve("support", "chat")).not.toBeNull();
  });
});

describe("the version of a model", () => {
  test("grows with every change of any kind, and a change for an older one is refused", async () => {
    await using at = await start();
    const directory = await at.open();
    const seen = [directory.version("gpt-4o")];
    const step = async (act: (version: number) => Promise<unknown>) => {
      const stale = seen.at(-1)! - 1;
      if (stale > 0) expect(await act(stale)).toEqual({ outcome: "stale", version: seen.at(-1)! });
      expect(await act(seen.at(-1)!)).toMatchObject({ outcome: "changed" });
      seen.push(directory.version("gpt-4o"));
    };
    const off = { enabled: false, reason: "", actor: "ann" };
    await step((version) => directory.change("gpt-4o", off, version));
    await directory.create("gpt-4o", deployment, "ann");
    seen.push(directory.version("gpt-4o"));
    await step((version) => directory.replace("gpt-4o", deployment, version, "ann"));
    await step((version) => directory.change("gpt-4o", { ...off, enabled: true }, version));
    await step((version) => directory.remove("gpt-4o", version, "ann"));
    await step((version) => directory.change("gpt-4o", off, version));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test("of two changes that are made for the same one, one is refused", async () => {
    await using at = await start();
    const directory = await at.open();
    await directory.create("support", deployment, "ann");
    const both = await Promise.all([
      directory.replace("support", deployment, 1, "ann"),
      directory.replace("support", deployment, 1, "bob"),
    ]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(["changed", "stale"]);
  });
});
