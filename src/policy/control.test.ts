import { expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import { createTestLogger, temporaryStore } from "../store/testing.ts";
import { createOverlayKeeper } from "./control.ts";
import { createPolicyService } from "./service.ts";
import { testFolder, testOptions } from "./testing.ts";

const content = (code: string) => `rules: [{ then: deny, code: ${code} }]\n`;

/** Two gateways over one database and one folder. */
async function pair() {
  const store = await temporaryStore();
  const folder = await testFolder({ "org/a.policy.yaml": "rules: [{ then: warn, code: git }]\n" });
  const start = async () => {
    const state = { away: false, compiled: 0 };
    const policyStore = {
      ...store.policyStore,
      overlay: (now: number) =>
        state.away ? Promise.reject(new Error("the database is away")) : store.policyStore.overlay(now),
    };
    const logger = createTestLogger();
    const { clock } = store;
    const keeper = await createOverlayKeeper({ store: policyStore, clock, logger });
    const service = await createPolicyService({
      ...testOptions(folder.dir),
      logger,
      watch: false,
      overlay: keeper.overlay,
    });
    keeper.follow({
      loaded: service.loaded,
      refresh: () => {
        state.compiled += 1;
        return service.refresh();
      },
    });
    const codes = () =>
      evaluate(service.live.current.policies, "request", emptyFacts())
        .findings.map(({ code }) => code)
        .sort();
    const create = (id: string, code: string) => {
      const input = { id, content: content(code), status: "active", enabled: true } as const;
      return keeper.changeAtOnce(() => store.policyStore.createPolicy(input, "ann"));
    };
    return { keeper, service, state, codes, create };
  };
  const [a, b] = [await start(), await start()];
  return {
    a,
    b,
    store,
    async [Symbol.asyncDispose]() {
      for (const one of [a, b]) {
        await one.keeper.close();
        await one.service.close();
      }
      await folder[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test("what another process stored is in force after a reload, and compiled only when there is something new", async () => {
  await using to = await pair();
  const { a, b } = to;
  await a.create("db/one", "one");
  expect(b.codes()).toEqual(["git"]);
  await b.keeper.reload();
  expect(b.codes()).toEqual(["git", "one"]);
  expect(b.state.compiled).toBe(1);
  await b.keeper.reload();
  await a.keeper.reload();
  expect([a.state.compiled, b.state.compiled]).toEqual([1, 1]);
});

test("a reload that cannot read drops nothing, and the next one puts the same into force", async () => {
  await using to = await pair();
  const { a, b } = to;
  await a.create("db/one", "one");
  await b.keeper.reload();
  await a.create("db/two", "two");
  b.state.away = true;
  await expect(b.keeper.reload()).rejects.toThrow("the database is away");
  expect(b.codes()).toEqual(["git", "one"]);
  expect(b.keeper.overlay().policies).toHaveLength(1);
  b.state.away = false;
  await b.keeper.reload();
  expect(b.codes()).toEqual(["git", "one", "two"]);
});

test("what was read meanwhile without being put into force is put into force by a reload", async () => {
  await using to = await pair();
  const { a, b } = to;
  await a.create("db/one", "one");
  // Nothing had expired: this only reads.
  await b.keeper.sweep();
  expect(b.keeper.overlay().policies).toHaveLength(1);
  expect(b.codes()).toEqual(["git"]);
  await b.keeper.reload();
  expect(b.codes()).toEqual(["git", "one"]);
});
