import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RedisServer, redisIsMissing, startRedis } from "../../limits/redis/testing.ts";
import { freshDatabase, type PostgresDatabase, postgresIsMissing } from "../postgres-harness.ts";
import { type Act, acts, answers, delayOf, passes, startThree, ttl } from "./acts-harness.ts";
import { type Fleet, type Replica, startFleet } from "./fleet-harness.ts";

setDefaultTimeout(60_000);

/** How long another replica may take to obey when it hears of a change at once. */
const atOnceMs = 250;
/** The default interval with all its jitter, and what obeying takes. */
const nextPollMs = 1_200 + atOnceMs;

/** The middle of three rounds: a machine that does other things as well may stall any one of them. */
async function medianOf(round: () => Promise<number>): Promise<number> {
  return [await round(), await round(), await round()].sort((x, y) => x - y)[1]!;
}

const status = async (replica: Replica) => (await replica.admin("GET", "status")).json;
const partOf = async (replica: Replica, name: string) =>
  (await status(replica)).parts.find((part: { name: string }) => part.name === name);

describe.skipIf(redisIsMissing !== undefined)(
  `three gateways with one database and Redis ${redisIsMissing ?? ""}`,
  () => {
    let redis: RedisServer;
    let fleet: Fleet;
    beforeAll(async () => {
      redis = await startRedis();
      fleet = await startThree("--redis-url", redis.url, "--redis-breaker-open-seconds", "0.3");
    });
    afterAll(async () => {
      await fleet?.[Symbol.asyncDispose]();
      await redis?.[Symbol.asyncDispose]();
    });

    const connected = async (replica: Replica, wanted: boolean) => {
      for (;;) {
        const { detail } = await partOf(replica, "replicas");
        if (detail.includes("at once") && detail.includes("not connected") !== wanted) return;
        await Bun.sleep(5);
      }
    };

    test("know of each other", async () => {
      for (const replica of fleet.replicas) {
        while ((await status(replica)).replicas !== 3) await Bun.sleep(20);
        expect(await partOf(replica, "redis")).toMatchObject({
          state: "ready",
          detail: expect.stringContaining("3 replicas"),
        });
        await connected(replica, true);
      }
    });

    test("obey a key that is minted, and one that is revoked, at once", async () => {
      const delay = await medianOf(async () => {
        const { json } = await fleet.replicas[0]!.admin("POST", "keys", { application: "demo" });
        for (const replica of fleet.replicas) expect((await replica.ask(json.key)).status).toBe(200);
        return delayOf(
          fleet,
          (a) => a.admin("POST", `keys/${json.id}/revoke`),
          async (other) => (await other.ask(json.key)).code === "invalid_key",
        );
      });
      expect(delay).toBeLessThan(atOnceMs);
    });

    test("obey a key that is rotated without an overlap, and one that is held to other models, at once", async () => {
      const [a] = fleet.replicas;
      const mint = async () => (await a!.admin("POST", "keys", { application: "demo" })).json;
      const delays = await medianOf(async () => {
        const { id, key } = await mint();
        for (const replica of fleet.replicas) expect((await replica.ask(key)).status).toBe(200);
        let successor = "";
        const rotated = await delayOf(
          fleet,
          async () => {
            const answer = await a!.admin("POST", `keys/${id}/rotate`, { overlap_seconds: 0 });
            successor = answer.json.key;
            return answer;
          },
          async (other) => (await other.ask(key)).code === "expired_key",
        );
        for (const replica of fleet.replicas) expect((await replica.ask(successor)).status).toBe(200);
        const held = await mint();
        for (const replica of fleet.replicas) expect((await replica.ask(held.key)).status).toBe(200);
        const restricted = await delayOf(
          fleet,
          () => a!.admin("PATCH", `keys/${held.id}`, { models: ["echo"] }),
          async (other) => (await other.ask(held.key)).code === "model_not_allowed",
        );
        return Math.max(rotated, restricted);
      });
      expect(delays).toBeLessThan(atOnceMs);
    });

    test("end the overlap of a rotated key at the same moment", async () => {
      const [a, ...others] = fleet.replicas;
      const { id, key } = (await a!.admin("POST", "keys", { application: "demo" })).json;
      for (const replica of fleet.replicas) expect((await replica.ask(key)).status).toBe(200);
      const { json } = await a!.admin("POST", `keys/${id}/rotate`, { overlap_seconds: 1 });
      const end = Date.parse(json.replaces.expires_at);
      for (const replica of others) {
        const begun = Date.now();
        const { status } = await replica.ask(key);
        // A request that ended before the overlap did was let in; one that began after it was not.
        if (Date.now() < end) expect(status).toBe(200);
        if (begun >= end) expect(status).toBe(401);
      }
      for (const replica of others) while ((await replica.ask(key)).status === 200) await Bun.sleep(1);
      expect(Date.now()).toBeGreaterThanOrEqual(end);
      for (const replica of fleet.replicas) {
        expect(await replica.ask(key)).toEqual({ status: 401, code: "expired_key" });
        expect((await replica.ask(json.key)).status).toBe(200);
      }
    });

    test.each(acts.map((act) => [act.name, act] as const))("obey %s at once, and its end", async (_, act) => {
      const ends: number[] = [];
      const begins = await medianOf(async () => {
        const begun = await delayOf(fleet, act.make, act.obeyed);
        ends.push(await delayOf(fleet, act.undo, passes));
        return begun;
      });
      expect(begins).toBeLessThan(atOnceMs);
      expect(ends.sort((x, y) => x - y)[1]).toBeLessThan(atOnceMs);
    });

    test("obey a break-glass at once", async () => {
      const [a] = fleet.replicas;
      const deny = { id: "db/deny", content: "rules: [{ then: deny, code: denied }]\n" };
      await delayOf(
        fleet,
        () => a!.admin("POST", "policies", deny),
        async (other) => (await answers(other, fleet)) === "denied",
      );
      let id = "";
      const delay = await delayOf(
        fleet,
        async () => {
          const begun = await a!.admin("POST", "break-glass", { policy: "db/deny", ...ttl });
          id = begun.json.id;
          return begun;
        },
        passes,
      );
      expect(delay).toBeLessThan(2 * atOnceMs);
      await a!.admin("DELETE", `break-glass/${id}`);
      await delayOf(fleet, () => a!.admin("DELETE", "policies/db/deny"), passes);
    });

    test("obey an application that is deleted, and list a model that is off nowhere", async () => {
      const [a, b, c] = fleet.replicas as [Replica, Replica, Replica];
      await a.admin("POST", "applications", { name: "short-lived" });
      const { json } = await b.admin("POST", "keys", { application: "short-lived" });
      for (const replica of fleet.replicas) expect((await replica.ask(json.key)).status).toBe(200);
      const delay = await delayOf(
        fleet,
        () => a.admin("DELETE", "applications/short-lived"),
        async (other) => (await other.ask(json.key)).code === "invalid_key",
      );
      expect(delay).toBeLessThan(2 * atOnceMs);

      const listed = async (replica: Replica) =>
        (await replica.get("/v1/models", fleet.key)).json.data.some((model: { id: string }) => model.id === "echo");
      expect(await Promise.all([a, b, c].map(listed))).toEqual([true, true, true]);
      await c.admin("POST", "models/echo/disable");
      for (const replica of [c, a, b]) while (await listed(replica)) await Bun.sleep(1);
      expect((await b.admin("GET", "models/echo")).json).toMatchObject({ enabled: false, actor: "admin-key" });
      await c.admin("POST", "models/echo/enable");
      for (const replica of [c, a, b]) while (!(await listed(replica))) await Bun.sleep(1);
    });

    test("follow a revision that is activated, and the end of its pin", async () => {
      const [a] = fleet.replicas;
      const first = (await a!.admin("GET", "policies/current")).json.files as string;
      const follows: Act["obeyed"] = async (other) => {
        const { json } = await other.admin("GET", "policies/current");
        return json.pin?.revision === first;
      };
      const delay = await delayOf(
        fleet,
        () => a!.admin("POST", `revisions/${first}/activate`, { reason: "a test" }),
        follows,
      );
      expect(delay).toBeLessThan(2 * atOnceMs);
      for (const replica of fleet.replicas) {
        expect((await replica.admin("GET", "policies/current")).json).toMatchObject({
          files: first,
          pin: { actor: "admin-key", reason: "a test" },
        });
      }
      const free: Act["obeyed"] = async (other) => (await other.admin("GET", "policies/current")).json.pin === null;
      await delayOf(fleet, () => a!.admin("POST", "revisions/latest/activate"), free);
    });

    test("count together, and a counter that one of them resets begins anew for all", async () => {
      const [a, b, c] = fleet.replicas as [Replica, Replica, Replica];
      const model = "gpt-4.1-nano";
      for (const replica of [a, b, c]) expect((await replica.ask(fleet.key, model)).status).toBe(200);
      for (const replica of [a, b, c]) expect((await replica.ask(fleet.key, model)).status).toBe(429);

      const query = "limits?policy=org/limited&app=demo&unit=requests";
      // A call is settled after its answer.
      const counters = async (replica: Replica) => {
        for (;;) {
          const { data } = (await replica.admin("GET", query)).json;
          if (data.every(({ held }: { held: number }) => held === 0)) return data;
        }
      };
      const [counter] = await counters(b);
      expect(counter).toMatchObject({ value: 3, held: 0, max: 3, remaining: 0, window: "month", per: { app: "demo" } });
      expect(await counters(c)).toEqual([
        { ...counter, reset_seconds: expect.any(Number), resets_at: expect.any(String) },
      ]);

      const reset = await b.admin("POST", "limits/reset", { key: counter.key, reason: "a test" });
      expect([reset.status, reset.json.actor]).toEqual([200, "admin-key"]);
      expect(await counters(c)).toEqual([]);
      expect((await a.ask(fleet.key, model)).status).toBe(200);
      expect(await counters(c)).toMatchObject([{ value: 1, remaining: 2 }]);

      // Each replica stores its own rows when it is asked; then all of them are in the sums.
      for (const replica of [a, b, c]) await replica.admin("GET", "limits/spend?per=model");
      const { json } = await c.admin("GET", `limits/spend?per=model&model=${model}`);
      expect(json.data).toMatchObject([{ scope: { model }, requests: 7, reserved_usd: 0, reserved_tokens: 0 }]);
    });

    test("obey by the next poll while Redis is gone or hangs, and at once again afterwards", async () => {
      const [pause, off] = acts as [Act, Act];
      await redis.kill();
      for (const replica of fleet.replicas) await connected(replica, false);
      for (const act of [pause, off, acts[2]!]) {
        expect(await delayOf(fleet, act.make, act.obeyed)).toBeLessThan(nextPollMs);
        expect(await delayOf(fleet, act.undo, passes)).toBeLessThan(nextPollMs);
      }
      await redis.start();
      for (const replica of fleet.replicas) await connected(replica, true);
      const again = await medianOf(async () => {
        const delay = await delayOf(fleet, off.make, off.obeyed);
        await delayOf(fleet, off.undo, passes);
        return delay;
      });
      expect(again).toBeLessThan(atOnceMs);

      redis.hang();
      expect(await delayOf(fleet, pause.make, pause.obeyed)).toBeLessThan(nextPollMs);
      expect(await delayOf(fleet, pause.undo, passes)).toBeLessThan(nextPollMs);
      redis.resume();
      // Nobody was told that anything is wrong with what replicas know.
      for (const replica of fleet.replicas) expect((await partOf(replica, "replicas")).state).toBe("ready");
    });

    test("count what they heard of", async () => {
      const lines = async (replica: Replica) =>
        (await replica.metrics()).split("\n").filter((line) => /^sluice_change(s|_poll)/.test(line));
      for (const replica of fleet.replicas.slice(1)) {
        const heard = (await lines(replica)).map((line) => line.replace(/ [1-9]\d*$/, " n"));
        expect(heard.sort()).toEqual(
          [
            "sluice_change_poll_failures_total 0",
            ...["key", "application", "model", "policy", "revision"].map(
              (topic) => `sluice_changes_total{topic="${topic}",result="applied"} n`,
            ),
          ].sort(),
        );
      }
      // Its own changes a replica obeys as it makes them, not once more.
      expect((await lines(fleet.replicas[0]!)).filter((line) => line.includes("application"))).toEqual([]);
    });
  },
);

// That PostgreSQL is not installed other tests say.
const engines = postgresIsMissing === undefined ? ["SQLite", "PostgreSQL"] : ["SQLite"];
describe.each(engines)("three gateways with one %s database and no Redis", (engine) => {
  let database: PostgresDatabase | undefined;
  let fleet: Fleet;
  beforeAll(async () => {
    database = engine === "SQLite" ? undefined : await freshDatabase();
    const url = database === undefined ? [] : ["--database-url", database.url];
    fleet = await startThree("--replicas-poll-seconds", "0.2", ...url);
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
  });

  test.each(acts.map((act) => [act.name, act] as const))("obey %s by the next poll, and its end", async (_, act) => {
    expect(await delayOf(fleet, act.make, act.obeyed)).toBeLessThan(240 + 2 * atOnceMs);
    expect(await delayOf(fleet, act.undo, passes)).toBeLessThan(240 + 2 * atOnceMs);
    expect(await partOf(fleet.replicas[1]!, "replicas")).toMatchObject({
      detail: expect.stringContaining("every 0.2 s"),
    });
    expect((await status(fleet.replicas[1]!)).replicas).toBeNull();
  });

  test("follow a revision that is pinned, also those that never had it, and the end of its pin", async () => {
    const [a] = fleet.replicas;
    const current = async (replica: Replica) => (await replica.admin("GET", "policies/current")).json;
    const first = (await current(a!)).files as string;
    fleet.writePolicy("org/later.policy.yaml", "description: Later.\nrules: [{ then: deny, code: later }]\n");
    for (const replica of fleet.replicas) while ((await answers(replica, fleet)) !== "later") await Bun.sleep(5);
    await delayOf(fleet, () => a!.admin("POST", `revisions/${first}/activate`, { reason: "a test" }), passes);
    // One that has kept nothing.
    const late = await fleet.start();
    expect(await answers(late, fleet)).toBe(200);
    for (const replica of [...fleet.replicas, late]) {
      expect(await current(replica)).toMatchObject({ files: first, pin: { revision: first, reason: "a test" } });
    }
    await a!.admin("POST", "revisions/latest/activate");
    for (const replica of [...fleet.replicas, late]) {
      while ((await answers(replica, fleet)) !== "later") await Bun.sleep(5);
    }
    late.process.kill("SIGKILL");
    await late.process.exited;
    fleet.removePolicy("org/later.policy.yaml");
    for (const replica of fleet.replicas) while ((await answers(replica, fleet)) !== 200) await Bun.sleep(5);
  });

  test("write and change at the same time: nothing fails, and every call is in the ledger once", async () => {
    const { replicas, key } = fleet;
    const before = (await replicas[0]!.admin("GET", "usage/summary?app=demo&model=gpt-4o-mini")).json.requests;
    const statuses = new Map<number, number>();
    const count = (value: number) => statuses.set(value, (statuses.get(value) ?? 0) + 1);
    const calls = replicas.flatMap((replica) =>
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 60; i += 1) count((await replica.ask(key, "gpt-4o-mini")).status);
      }),
    );
    const changes = replicas.map(async (replica, r) => {
      for (let i = 0; i < 12; i += 1) {
        const { status: made, json } = await replica.admin("POST", "keys", { application: "demo", name: `k${i}` });
        const { status: revoked } = await replica.admin("POST", `keys/${json.id}/revoke`);
        const id = `db/load-${r}-${i}`;
        const content = "rules: [{ when: request.bytes > 9000000, then: deny }]\n";
        const { status: stored } = await replica.admin("POST", "policies", { id, content });
        const { status: gone } = await replica.admin("DELETE", `policies/${id}`);
        expect([made, revoked, stored, gone]).toEqual([201, 200, 201, 204]);
      }
    });
    await Promise.all([...calls, ...changes]);
    expect([...statuses]).toEqual([[200, 3 * 8 * 60]]);
    // Each replica stores its own rows when it is asked; all of them must have.
    for (const replica of replicas) await replica.admin("GET", "usage/summary");
    const after = (await replicas[0]!.admin("GET", "usage/summary?app=demo&model=gpt-4o-mini")).json.requests;
    expect(after - before).toBe(3 * 8 * 60);
    const left = async (replica: Replica) =>
      (await replica.admin("GET", "policies?limit=200")).json.data.some(({ id }: { id: string }) =>
        id.startsWith("db/load"),
      );
    for (const replica of replicas) while (await left(replica)) await Bun.sleep(5);
  });

  test("a replica that joins later finds everything as it is, and one that ends is missed by nobody", async () => {
    const [a, , c] = fleet.replicas as [Replica, Replica, Replica];
    await a.admin("POST", "models/gpt-4.1/disable");
    const late = await fleet.start();
    expect(await late.ask(fleet.key, "gpt-4.1")).toEqual({ status: 404, code: "model_not_found" });
    late.process.kill("SIGKILL");
    await late.process.exited;
    await a.admin("POST", "models/gpt-4.1/enable");
    while ((await c.ask(fleet.key, "gpt-4.1")).status !== 200) await Bun.sleep(5);
  });
});

test("processes that start over an empty folder at the same time agree on one demo application", async () => {
  await using fleet = await startFleet(4);
  for (const replica of fleet.replicas) expect((await replica.ask(fleet.key)).status).toBe(200);
  const { json } = await fleet.replicas[0]!.admin("GET", "applications");
  expect(json.data.map(({ name }: { name: string }) => name)).toEqual(["demo"]);
});
