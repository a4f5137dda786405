import { describe, expect } from "bun:test";
import { type ChangeSignals, type Changes, type ChangeTopic, changeTopics } from "../../core/changes.ts";
import type { GatewayKey } from "../../core/keys.ts";
import { unrestricted } from "../../core/restrictions.ts";
import { openStore, type Store } from "../store.ts";
import { createTestLogger, TestClock, testStart } from "../testing.ts";
import { temporaryDatabase, testEngines as test } from "../testing-engines.ts";

const chat = { organisation: "default", team: "", name: "chat", labels: {} };

function key(id: string): GatewayKey {
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
  };
}

/** Signals of a pair of replicas, which a test can cut. */
function wire() {
  const ends: { onSignal: () => void }[] = [];
  const state = { connected: true, sent: 0 };
  const end = (): ChangeSignals => {
    const own: (typeof ends)[number] = { onSignal: () => undefined };
    ends.push(own);
    return {
      send() {
        state.sent += 1;
        if (state.connected) for (const other of ends) if (other !== own) other.onSignal();
      },
      listen(next) {
        own.onSignal = next;
      },
      get channel() {
        return { name: "a wire", connected: state.connected };
      },
      close: async () => undefined,
    };
  };
  return { state, end };
}

/** What a replica heard of, by topic. */
class Heard {
  readonly batches: [ChangeTopic, readonly string[] | null][] = [];
  readonly results: string[] = [];
  #woken: () => void = () => undefined;

  listenTo(changes: Changes): this {
    for (const topic of changeTopics) {
      changes.subscribe(topic, (subjects) => {
        this.batches.push([topic, subjects && [...subjects].sort()]);
        this.#woken();
      });
    }
    return this;
  }

  /** Resolves once there are so many batches. */
  async until(count: number): Promise<typeof this.batches> {
    while (this.batches.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#woken = resolve;
      await promise;
    }
    return this.batches;
  }
}

async function replicas(options: { pollMs?: number; signals?: boolean } = {}) {
  const database = await temporaryDatabase();
  const clock = new TestClock();
  const logger = createTestLogger();
  const { state, end } = wire();
  const counted: string[] = [];
  const metrics = {
    change: (topic: string, result: string) => void counted.push(`${topic} ${result}`),
    changePollFailed: () => void counted.push("poll failed"),
  };
  const stores: Store[] = [];
  const followers: Changes[] = [];
  const open = async () => {
    const store = await openStore({ ...database.location, clock });
    const { pollMs = 60_000, signals = true } = options;
    const changes = await store.follow({ logger, metrics, pollMs, ...(signals && { signals: end() }) });
    stores.push(store);
    followers.push(changes);
    return { store, changes };
  };
  const [a, b] = [await open(), await open()];
  return {
    a,
    b,
    open,
    run: database.run,
    clock,
    logger,
    wire: state,
    counted,
    async [Symbol.asyncDispose]() {
      for (const follower of followers) await follower.close();
      for (const store of stores) await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe("what one replica changes", () => {
  test("others hear at once when there are signals, each kind under its topic, and itself not at all", async () => {
    await using fleet = await replicas();
    const { a, b } = fleet;
    const heard = new Heard().listenTo(b.changes);
    const own = new Heard().listenTo(a.changes);
    await a.store.applications.create(chat, "ann");
    await a.store.keys.insert(key("k1"), "ann");
    await heard.until(1);
    await a.store.keys.revoke("k1", testStart, "ann");
    await heard.until(2);
    await a.store.applications.update("chat", { disabled: true }, null, "ann");
    await heard.until(3);
    await a.store.applications.remove("chat", null, "ann");
    await heard.until(4);
    const policy = { id: "db/p", content: "rules: []", status: "active", enabled: true } as const;
    await a.store.policyStore.createPolicy(policy, "ann");
    await heard.until(5);
    await a.store.policyStore.attach("db/p", "chat", {}, null, "ann");
    await heard.until(6);
    await a.changes.publish("revision", "sha256:1");
    expect(await heard.until(7)).toEqual([
      ["key", ["k1"]],
      ["key", ["k1"]],
      ["application", ["chat"]],
      ["application", ["chat"]],
      ["policy", ["db/p"]],
      ["policy", ["db/p"]],
      ["revision", ["sha256:1"]],
    ]);
    expect(own.batches).toEqual([]);
  });

  test("is found by looking when a signal is lost", async () => {
    await using fleet = await replicas({ pollMs: 20 });
    fleet.wire.connected = false;
    const heard = new Heard().listenTo(fleet.b.changes);
    await fleet.a.changes.publish("model", "gpt-4o");
    expect(await heard.until(1)).toEqual([["model", ["gpt-4o"]]]);
    expect(fleet.b.changes.health().detail).toContain("a wire (not connected: within a poll)");
  });

  test("is announced with it or not at all", async () => {
    await using fleet = await replicas();
    await fleet.a.store.applications.create(chat, "ann");
    await fleet.a.store.keys.insert(key("k1"), "ann");
    const { sent } = fleet.wire;
    await expect(fleet.a.store.keys.insert(key("k1"), "ann")).rejects.toThrow();
    await fleet.a.store.keys.revoke("unknown", testStart, "ann");
    expect(await fleet.a.store.applications.update("chat", { disabled: true }, 7, "ann")).toMatchObject({
      outcome: "stale",
    });
    expect(fleet.wire.sent).toBe(sent);
    expect(await fleet.run("select topic, subject from changes")).toEqual([{ topic: "key", subject: "k1" }]);
  });

  test("before somebody obeys the topic waits for them", async () => {
    await using fleet = await replicas({ pollMs: 10 });
    await fleet.a.changes.publish("key", "k1");
    await fleet.a.changes.publish("model", "m");
    const models = new Promise((resolve) => fleet.b.changes.subscribe("model", (ids) => resolve([...ids!])));
    expect(await models).toEqual(["m"]);
    const keys = new Promise((resolve) => fleet.b.changes.subscribe("key", (ids) => resolve([...ids!])));
    expect(await keys).toEqual(["k1"]);
  });

  test("is everything for who missed more than is kept apart, and for who finds another database", async () => {
    await using fleet = await replicas({ signals: false, pollMs: 10 });
    const heard = new Heard().listenTo(fleet.b.changes);
    await fleet.run("update change_count set last_seq = 5000");
    expect(await heard.until(changeTopics.length)).toEqual(changeTopics.map((topic) => [topic, null]));
    await fleet.run("update change_count set last_seq = 3");
    await heard.until(2 * changeTopics.length);
    // A row between two others is gone.
    await fleet.run("update change_count set last_seq = 5");
    await fleet.run("insert into changes values (5, 'key', 'k', 'x', 0)");
    const all = await heard.until(3 * changeTopics.length);
    expect(all.every(([, subjects]) => subjects === null)).toBe(true);
  });

  test("is kept bounded in the database", async () => {
    await using fleet = await replicas({ signals: false });
    await fleet.run("update change_count set last_seq = 20000");
    await fleet.run("insert into changes values (9000, 'key', 'old', 'x', 0), (10002, 'key', 'kept', 'x', 0)");
    await fleet.a.changes.publish("key", "new");
    const left = await fleet.run("select subject from changes order by seq");
    expect(left.map(({ subject }) => subject)).toEqual(["kept", "new"]);
  });
});

describe("a handler", () => {
  test("runs once at a time; what comes meanwhile is joined", async () => {
    await using fleet = await replicas();
    const batches: (readonly string[])[] = [];
    const gate = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    fleet.b.changes.subscribe("key", async (ids) => {
      batches.push([...ids!].sort());
      if (batches.length === 1) await gate.promise;
      else done.resolve();
    });
    await fleet.a.changes.publish("key", "k1");
    while (batches.length === 0) await Bun.sleep(1);
    for (const id of ["k2", "k3", "k2"]) await fleet.a.changes.publish("key", id);
    // Another topic does not wait for it.
    await fleet.a.changes.publish("model", "m");
    await new Promise((resolve) => fleet.b.changes.subscribe("model", resolve as () => void));
    gate.resolve();
    await done.promise;
    expect(batches).toEqual([["k1"], ["k2", "k3"]]);
  });

  test("that fails gets the same again, with what came since, and health tells of it", async () => {
    await using fleet = await replicas({ pollMs: 10 });
    const batches: (readonly string[])[] = [];
    const done = Promise.withResolvers<void>();
    let away = true;
    fleet.b.changes.subscribe("policy", (ids) => {
      batches.push([...ids!].sort());
      if (away) throw new Error("the database is away");
      done.resolve();
    });
    await fleet.a.changes.publish("policy", "p1");
    while (fleet.b.changes.health().state === "ready") await Bun.sleep(1);
    expect(fleet.b.changes.health().detail).toBe("policy: the database is away");
    await fleet.a.changes.publish("policy", "p2");
    while (!batches.at(-1)?.includes("p2")) await Bun.sleep(1);
    away = false;
    await done.promise;
    expect(batches[0]).toEqual(["p1"]);
    expect(batches.at(-1)).toEqual(["p1", "p2"]);
    await Bun.sleep(0);
    expect(fleet.b.changes.health().state).toBe("ready");
    expect(fleet.counted).toContain("policy failed");
    expect(fleet.counted.at(-1)).toBe("policy applied");
    expect(fleet.logger.lines.filter((line) => line.includes("could not be obeyed"))).toHaveLength(1);
  });
});

describe("a store that is away", () => {
  test("drops nothing, is told of once, and what changed meanwhile is heard of afterwards", async () => {
    await using fleet = await replicas({ pollMs: 10 });
    const heard = new Heard().listenTo(fleet.b.changes);
    await fleet.run("alter table change_count rename to away");
    await fleet.a.changes.publish("key", "k1");
    while (fleet.counted.filter((line) => line === "poll failed").length < 6) await Bun.sleep(1);
    fleet.clock.ms += 60_000;
    expect(fleet.b.changes.health()).toMatchObject({ state: "degraded", detail: expect.stringContaining("60 s") });
    expect(heard.batches).toEqual([]);
    await fleet.run("alter table away rename to change_count");
    // Announced by its own process as soon as that can be.
    expect(await heard.until(1)).toEqual([["key", ["k1"]]]);
    while (fleet.b.changes.health().state !== "ready") await Bun.sleep(1);
    const told = fleet.logger.lines.filter((line) => line.includes("could not be read"));
    expect(told.length).toBeLessThanOrEqual(2);
  });

  test("is asked a bounded number of times, however many signals come", async () => {
    await using fleet = await replicas();
    let reads = 0;
    const { b } = fleet;
    b.changes.subscribe("key", () => {
      reads += 1;
    });
    const began = performance.now();
    for (let i = 0; i < 300; i += 1) await fleet.a.changes.publish("key", `k${i}`);
    const seen = new Promise<void>((resolve) => b.changes.subscribe("model", () => resolve()));
    await fleet.a.changes.publish("model", "last");
    await seen;
    const most = (performance.now() - began) / 5 + 2;
    expect(reads).toBeLessThanOrEqual(most);
  });
});
