import { describe, expect, test } from "bun:test";
import type { ModelStates } from "../core/models.ts";
import { temporaryStore } from "../store/testing.ts";
import { createCatalogue, type ProviderConfig } from "./catalogue.ts";
import { createModelSwitch } from "./model-switch.ts";

const providers = new Map<string, ProviderConfig>([
  ["openai", { kind: "openai", api_key: "sk" }],
  ["anthropic", { kind: "anthropic", api_key: "sk" }],
]);
const models = new Map([
  ["fast", { targets: [{ provider: "openai", model: "gpt-4o-mini" }] }],
  [
    "either",
    {
      targets: [
        { provider: "openai", model: "gpt-4o-mini" },
        { provider: "anthropic", model: "claude-haiku-4-5" },
      ],
    },
  ],
]);
const off = { enabled: false, reason: "it makes things up", actor: "ann" };
const on = { enabled: true, reason: "", actor: "ann" };

async function start() {
  const store = await temporaryStore();
  const all = createCatalogue({ providers, models });
  const open = (states: ModelStates = store.modelStates) => createModelSwitch(all, states);
  const dispose = () => store[Symbol.asyncDispose]();
  return { store, all, open, [Symbol.asyncDispose]: dispose };
}

describe("a model that is switched off", () => {
  test("is asked under no name, however it is spelt, and is there again when it is switched on", async () => {
    await using at = await start();
    const models = await at.open();
    const { catalogue } = models;
    const names = ["gpt-4o-mini", "GPT-4o-Mini", "fast"];
    for (const name of names) expect(catalogue.resolve(name, "chat")).not.toBeNull();
    expect(await models.change("gpt-4o-mini", off, null)).toMatchObject({ outcome: "changed", value: { version: 1 } });
    for (const name of names) {
      expect([name, catalogue.resolve(name, "chat")]).toEqual([name, null]);
      expect(models.isOff(name)).toBe(true);
    }
    expect(catalogue.resolve("gpt-4o", "chat")).not.toBeNull();
    const enabled = new Map(catalogue.list().map((model) => [model.id, model.enabled]));
    expect(["gpt-4o-mini", "fast", "either", "gpt-4o"].map((id) => enabled.get(id))).toEqual([
      false,
      false,
      true,
      true,
    ]);

    await models.change("gpt-4o-mini", on, null);
    for (const name of names) expect(catalogue.resolve(name, "chat")).toEqual(at.all.resolve(name, "chat"));
    expect(catalogue.list()).toEqual(at.all.list());
  });

  test("leaves a name with further targets to those", async () => {
    await using at = await start();
    const models = await at.open();
    const { catalogue } = models;
    await models.change("gpt-4o-mini", off, null);
    expect(catalogue.resolve("either", "chat")).toBeNull();
    const route = catalogue.resolve("either", "messages");
    expect(route?.targets.map(({ model }) => model)).toEqual(["claude-haiku-4-5"]);
    expect([route?.target, route?.model]).toEqual([route?.targets[0], route?.targets[0]?.info]);
  });

  test("of a name of the configuration leaves the model that it leads to", async () => {
    await using at = await start();
    const models = await at.open();
    await models.change("fast", off, null);
    expect(models.catalogue.resolve("fast", "chat")).toBeNull();
    expect(models.catalogue.resolve("gpt-4o-mini", "chat")).not.toBeNull();
  });
});

describe("the states of models", () => {
  test("outlive the process, and tell who changed what for which version", async () => {
    await using at = await start();
    const first = await at.open();
    await first.change("gpt-4o", off, 0);
    expect(await first.change("gpt-4o", on, 0)).toEqual({ outcome: "stale", version: 1 });
    const second = await at.open();
    expect(second.isOff("gpt-4o")).toBe(true);
    expect(second.find("gpt-4o")).toMatchObject({ ...off, version: 1 });
    expect(await second.change("gpt-4o", on, 1)).toMatchObject({ outcome: "changed", value: { version: 2 } });
    const { data } = await at.store.audit.list({ limit: 5, after: null }, { subject: "model gpt-4o" });
    expect(data.map(({ action, actor, detail }) => [action, actor, detail])).toEqual([
      ["enable", "ann", { reason: "" }],
      ["disable", "ann", { reason: "it makes things up" }],
    ]);
  });

  test("of another replica are obeyed after a reload, which drops nothing when it cannot read", async () => {
    await using at = await start();
    const a = await at.open();
    let away = false;
    const all = () => (away ? Promise.reject(new Error("the database is away")) : at.store.modelStates.all());
    const b = await at.open({ ...at.store.modelStates, all });
    await a.change("gpt-4o", off, null);
    expect(b.isOff("gpt-4o")).toBe(false);
    await b.reload();
    expect(b.isOff("gpt-4o")).toBe(true);
    await a.change("gpt-4o", on, null);
    away = true;
    await expect(b.reload()).rejects.toThrow("the database is away");
    expect(b.isOff("gpt-4o")).toBe(true);
    away = false;
    await b.reload();
    expect(b.isOff("gpt-4o")).toBe(false);
  });

  test("read before a change of this process do not undo it", async () => {
    await using at = await start();
    const models = await at.open();
    const reloading = models.reload();
    const changing = models.change("gpt-4o", off, null);
    await Promise.all([reloading, changing]);
    expect(models.isOff("gpt-4o")).toBe(true);
  });
});
