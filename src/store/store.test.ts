import { describe, expect } from "bun:test";
import fc from "fast-check";
import { decisionIdOf } from "../core/decision.ts";
import type { RecordedFacts } from "../core/recorded-facts.ts";
import type { Page, PageRequest } from "../core/resources.ts";
import { unrestricted } from "../core/restrictions.ts";
import type { Application } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import { append, decisionRow, temporaryStore, testEngines as test, testStart, usageRow } from "./testing.ts";

const firstPage: PageRequest = { limit: 50, after: null };

async function readAll<T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<T[]> {
  const all: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> = await list({ limit, after });
    all.push(...page.data);
    after = page.next;
  } while (after !== null);
  return all;
}

const labels = {};
const plain = {
  revision: "sha256:test",
  outcome: "ok",
  tally: { decided: 1, notApplicable: 2, errors: 0 },
  micros: 7.125,
} as const;
const chat = { organisation: "default", team: "", name: "chat", labels };

describe("a new store", () => {
  test("has the organisation 'default' in UTC and no application", async () => {
    await using store = await temporaryStore();
    expect((await store.organisations.list(firstPage)).data).toEqual([
      {
        id: "default",
        name: "Default",
        timeZone: "UTC",
        labels: {},
        version: 1,
        createdAt: testStart,
        updatedAt: testStart,
      },
    ]);
    expect(await store.organisations.find("other")).toBeNull();
    expect(await store.applications.any()).toBe(false);
    expect(await store.ping()).toBe(true);
  });

  test("keeps what refers to something from referring to nothing", async () => {
    await using store = await temporaryStore();
    await expect(store.keys.insert({ ...key("k1"), application: "nowhere" }, "ann")).rejects.toThrow(/foreign key/i);
  });

  test("makes a shared secret once", async () => {
    await using store = await temporaryStore();
    const [a, b] = await Promise.all([store.sharedSecret("x"), store.sharedSecret("x")]);
    expect(a).toMatch(/^[0-9a-f]{64}$/);
    expect(b).toBe(a);
    expect(await store.sharedSecret("y")).not.toBe(a);
  });
});

describe("applications", () => {
  test("get a readable id from their name, made unique where it is taken", async () => {
    await using store = await temporaryStore();
    const ids: string[] = [];
    for (const name of ["Batch Eval", "batch-eval", "日本", "  ", "ümlaut/42"]) {
      ids.push((await store.applications.create({ ...chat, name }, "ann")).id);
    }
    expect(ids[0]).toBe("batch-eval");
    expect(ids[1]).toMatch(/^batch-eval-[a-z0-9]{6}$/);
    expect(ids[2]).toMatch(/^app-[a-z0-9]{6}$/);
    expect(ids[3]).toMatch(/^app-[a-z0-9]{6}$/);
    expect(ids[4]).toBe("u-mlaut-42");
  });

  test("cannot share a name inside an organisation", async () => {
    await using store = await temporaryStore();
    await store.applications.create(chat, "ann");
    await expect(store.applications.create(chat, "ann")).rejects.toThrow(
      "The organisation has an application named 'chat'.",
    );
    const other = await store.applications.create({ ...chat, name: "other" }, "ann");
    await expect(store.applications.update(other.id, { name: "chat" }, null, "ann")).rejects.toThrow(SluiceError);
  });

  test("are found by id before name, and by a name only when it is one application's", async () => {
    await using store = await temporaryStore();
    const first = await store.applications.create({ ...chat, name: "One" }, "ann");
    const second = await store.applications.create({ ...chat, name: "one" }, "ann");
    expect((await store.applications.resolve("one"))?.id).toBe(first.id);
    expect((await store.applications.resolve("One"))?.id).toBe(first.id);
    expect((await store.applications.resolve(second.id))?.id).toBe(second.id);
    expect(await store.applications.resolve("none")).toBeNull();
  });

  test("change only for who has read the version that stands", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    store.clock.ms += 1000;
    const team = await store.teams.ensure("default", "growth", "ann");
    const changed = await store.applications.update(
      id,
      { disabled: true, team: team.id, labels: { tier: "free" } },
      1,
      "ann",
    );
    expect(changed).toEqual({
      outcome: "changed",
      value: {
        id,
        organisation: "default",
        team: "growth",
        name: "chat",
        labels: { tier: "free" },
        disabled: true,
        version: 2,
        createdAt: testStart,
        updatedAt: testStart + 1000,
      },
    });
    expect(await store.applications.update(id, { disabled: false }, 1, "ann")).toEqual({
      outcome: "stale",
      version: 2,
    });
    expect(await store.applications.remove(id, 1, "ann")).toEqual({ outcome: "stale", version: 2 });
    expect(await store.applications.update("none", {}, null, "ann")).toEqual({ outcome: "missing" });
    expect((await store.applications.update(id, { team: "" }, null, "ann")) as { value: Application }).toMatchObject({
      value: { team: "", disabled: true, version: 3 },
    });
  });

  test("of two changes to the same version, one wins", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map((i) => store.applications.update(id, { labels: { i: String(i) } }, 1, "ann")),
    );
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["changed", "stale", "stale", "stale"]);
  });

  test("that are deleted are gone with their keys, and their id is not given again", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    await store.keys.insert(key("k1", id), "ann");
    expect(await store.applications.remove(id, null, "ann")).toMatchObject({ outcome: "changed" });
    expect(await store.applications.find(id)).toBeNull();
    expect(await store.applications.resolve("chat")).toBeNull();
    expect((await store.applications.list(firstPage)).data).toEqual([]);
    expect(await store.applications.any()).toBe(true);
    expect(await store.applications.remove(id, null, "ann")).toEqual({ outcome: "missing" });
    expect((await store.keys.find("k1"))?.revokedAt).toBe(testStart);
    expect(await store.keys.holder("k1")).toBeNull();
    expect((await store.applications.create(chat, "ann")).id).not.toBe(id);
  });
});

describe("teams", () => {
  test("are made when first named, then found by id or name", async () => {
    await using store = await temporaryStore();
    const made = await store.teams.ensure("default", "Growth Team", "ann");
    expect(made).toMatchObject({ id: "growth-team", name: "Growth Team", organisation: "default" });
    expect(await store.teams.ensure("default", "Growth Team", "ann")).toEqual(made);
    expect(await store.teams.ensure("default", "growth-team", "ann")).toEqual(made);
    expect(await store.teams.find("growth-team")).toEqual(made);
  });
});

describe("keys", () => {
  test("are kept with all they have, listed by application, and revoked for ever", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    const other = await store.applications.create({ ...chat, name: "other" }, "ann");
    const kept = { ...key("k1", id), expiresAt: testStart + 5, name: "backend" };
    await store.keys.insert(kept, "ann");
    await store.keys.insert(key("k2", other.id), "ann");
    expect(await store.keys.find("k1")).toEqual(kept);
    expect((await store.keys.list(firstPage, { application: id })).data).toEqual([kept]);
    expect((await store.keys.holder("k1"))?.application.id).toBe(id);
    expect((await store.keys.revoke("k1", 7, "ann"))?.revokedAt).toBe(7);
    expect((await store.keys.revoke("k1", 8, "ann"))?.revokedAt).toBe(7);
    expect(await store.keys.revoke("none", 8, "ann")).toBeNull();
  });

  test("remember the latest use, whatever the order in which uses are stored", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    await store.keys.insert(key("k1", id), "ann");
    await store.keys.touch(new Map([["k1", 20]]));
    await store.keys.touch(
      new Map([
        ["k1", 10],
        ["gone", 30],
      ]),
    );
    expect((await store.keys.find("k1"))?.lastUsedAt).toBe(20);
  });
});

describe("records", () => {
  test("come back as they went in, and once when they are stored twice", async () => {
    await using store = await temporaryStore();
    const usage = [usageRow(), usageRow({ costNanoUsd: null, stream: true, decision: "deny", code: "token_cap" })];
    const decisions = [decisionRow()];
    await append(store, { usage, decisions });
    await append(store, { usage, decisions });
    const listed = await readAll((page) => store.usage.list(page, {}), 10);
    expect(listed.sort(byRequest)).toEqual([...usage].sort(byRequest));
    const [decision, ...rest] = (await store.decisions.list(firstPage, {})).data;
    expect(rest).toEqual([]);
    expect(decision).toEqual({
      decisionId: decisions[0]!.decisionId,
      requestId: decisions[0]!.requestId,
      ts: testStart,
      phase: "request",
      revision: "sha256:test",
      org: "default",
      app: "chat",
      env: "prod",
      key: "k1",
      surface: "chat",
      model: "gpt-4o",
      effect: "deny",
      outcome: "ok",
      code: "token_cap",
      tally: { decided: 2, notApplicable: 1, errors: 0 },
      reasons: [
        {
          policy: "org/cap",
          rule: "over",
          kind: "hit",
          mode: "enforce",
          effect: "deny",
          would: "deny",
          code: "token_cap",
          message: "asked for 21000 tokens, the cap is 16000",
        },
      ],
      modifications: [],
      micros: 14.5,
      facts: null,
    });
  });

  test("of decisions keep what the rules read, when that was handed over", async () => {
    await using store = await temporaryStore();
    const facts = {
      looks: [{ "request.bytes": 12, now: "2026-01-31T12:00:00.000Z", "user.id": "0f" }, { "request.bytes": 9 }],
      masked: ["user.id"],
      limits: [{ policy: "org/rate", limit: "requests", used: 5, resetSeconds: 3 }],
    } as const satisfies RecordedFacts;
    await append(store, { decisions: [decisionRow({ facts })] });
    expect((await store.decisions.list(firstPage, {})).data).toMatchObject([{ facts }]);
  });

  test("of plain decisions stand in the ledger and are listed with the others", async () => {
    await using store = await temporaryStore();
    const { request: _, ...usage } = usageRow({ decision: "deny", code: "upstream_unreachable", request: plain });
    const decisions = [
      decisionRow({ requestId: usage.requestId, phase: "usage" }),
      decisionRow({ phase: "request", ts: testStart + 1 }),
    ];
    await append(store, { usage: [{ ...usage, request: plain }, usageRow()], decisions });
    await append(store, { usage: [{ ...usage, request: plain }] });
    const ids = async (filter: Parameters<typeof store.decisions.list>[1]) =>
      (await store.decisions.list(firstPage, filter)).data.map(({ decisionId }) => decisionId);
    const id = decisionIdOf(usage.requestId, "request");
    expect(await ids({})).toEqual([decisions[1]!.decisionId, decisions[0]!.decisionId, id]);
    expect(await ids({ requestId: usage.requestId })).toEqual([decisions[0]!.decisionId, id]);
    expect(await ids({ decision: "allow" })).toEqual([id]);
    expect(await ids({ decisionId: decisions[0]!.decisionId })).toEqual([decisions[0]!.decisionId]);
    expect(await ids({ decisionId: id, phase: "usage" })).toEqual([]);
    expect(await ids({ decisionId: "nonsense" })).toEqual([]);
    expect((await store.decisions.list(firstPage, { decisionId: id })).data).toEqual([
      {
        ...plain,
        decisionId: id,
        requestId: usage.requestId,
        ts: testStart,
        phase: "request",
        org: "default",
        app: "chat",
        env: "prod",
        key: "k1",
        surface: "chat",
        model: "gpt-4o",
        effect: "allow",
        code: "",
        reasons: [],
        modifications: [],
        facts: null,
      },
    ]);
    expect((await store.usage.list(firstPage, { requestId: usage.requestId })).data).toEqual([usage]);
  });

  test("of modifications keep operation and path but no value", async () => {
    await using store = await temporaryStore();
    const finding = decisionRow().decision.findings[0]!;
    const modifications = [{ op: "set", path: "messages", value: "planted prompt" }] as const;
    const decision = {
      ...decisionRow().decision,
      effect: "modify" as const,
      findings: [{ ...finding, effect: "modify" as const, modifications }],
    };
    await append(store, { decisions: [decisionRow({ decision })] });
    const [read] = (await store.decisions.list(firstPage, {})).data;
    expect(read?.modifications).toEqual([{ op: "set", path: "messages" }]);
    expect(JSON.stringify(read)).not.toContain("planted");
  });

  test("are filtered by what they are about and by time", async () => {
    await using store = await temporaryStore();
    const a = usageRow({ app: "a", ts: 100, model: "m1" });
    const b = usageRow({ app: "b", ts: 200, model: "m2", decision: "deny" });
    await append(store, {
      usage: [a, b],
      decisions: [decisionRow({ app: "a" }), decisionRow({ app: "b", phase: "usage" })],
    });
    const ids = async (filter: Parameters<typeof store.usage.list>[1]) =>
      (await store.usage.list(firstPage, filter)).data.map(({ app }) => app);
    expect(await ids({})).toEqual(["b", "a"]);
    expect(await ids({ app: "a" })).toEqual(["a"]);
    expect(await ids({ requestId: b.requestId })).toEqual(["b"]);
    expect(await ids({ from: 100, to: 200 })).toEqual(["a"]);
    expect(await ids({ model: "m2", decision: "deny" })).toEqual(["b"]);
    expect(await ids({ org: "other" })).toEqual([]);
    expect((await store.decisions.list(firstPage, { app: "b", phase: "usage" })).data).toHaveLength(1);
    expect((await store.decisions.list(firstPage, { decision: "allow" })).data).toHaveLength(0);
  });

  test("add up exactly, in whole and by group", async () => {
    await using store = await temporaryStore();
    const day = 86_400_000;
    await append(store, {
      usage: [
        usageRow({ model: "a", ts: 0, costNanoUsd: 1 }),
        usageRow({ model: "a", ts: day, costNanoUsd: 2 }),
        usageRow({ model: "b", ts: day + 3_600_000, costNanoUsd: null }),
      ],
    });
    const sums = { promptTokens: 400, completionTokens: 100, cachedTokens: 50, reasoningTokens: 0, totalTokens: 500 };
    expect(await store.usage.totals({ model: "a" })).toEqual({
      requests: 2,
      promptTokens: 800,
      completionTokens: 200,
      cachedTokens: 100,
      reasoningTokens: 0,
      totalTokens: 1000,
      costNanoUsd: 3,
      unpricedRequests: 0,
    });
    expect(await store.usage.grouped({}, ["model", "day"], 10)).toEqual([
      { group: { model: "a", day: "1970-01-01" }, requests: 1, ...sums, costNanoUsd: 1, unpricedRequests: 0 },
      { group: { model: "a", day: "1970-01-02" }, requests: 1, ...sums, costNanoUsd: 2, unpricedRequests: 0 },
      { group: { model: "b", day: "1970-01-02" }, requests: 1, ...sums, costNanoUsd: 0, unpricedRequests: 1 },
    ]);
    expect((await store.usage.grouped({}, ["hour"], 10)).map(({ group }) => group.hour)).toEqual([
      "1970-01-01T00:00:00.000Z",
      "1970-01-02T00:00:00.000Z",
      "1970-01-02T01:00:00.000Z",
    ]);
    expect((await store.usage.grouped({}, ["model"], 1)).map(({ group }) => group)).toEqual([{ model: "a" }]);
    expect((await store.usage.totals({ app: "nobody" })).requests).toBe(0);
  });

  test("can be added while a change is under way, and none falls into it", async () => {
    await using store = await temporaryStore();
    const { id } = await store.applications.create(chat, "ann");
    const changes = Array.from({ length: 20 }, (_, i) =>
      store.applications.update(id, { labels: { i: String(i) } }, null, "ann"),
    );
    const batches = Array.from({ length: 20 }, () => append(store, { usage: [usageRow()] }));
    await Promise.all([...changes, ...batches]);
    expect((await store.usage.totals({})).requests).toBe(20);
    expect((await store.applications.find(id))?.version).toBe(21);
  });

  test("of a store that was closed are refused, not lost in silence", async () => {
    const store = await temporaryStore();
    await store[Symbol.asyncDispose]();
    await expect(append(store, { usage: [usageRow()] })).rejects.toThrow("the database is closed");
    expect(await store.ping()).toBe(false);
  });
});

describe("pages", () => {
  test("give every row once, whatever their size and however many rows share a time", async () => {
    await using store = await temporaryStore();
    const rows = Array.from({ length: 60 }, (_, i) => ({
      ts: testStart + (i % 7),
      requestId: `req_${i % 30}`,
    }));
    await append(store, {
      usage: rows.map((row, i) => usageRow({ ...row, requestId: `req_${i}`, ...(i < 20 && { request: plain }) })),
      decisions: rows.map((row, i) => decisionRow({ ...row, phase: i < 30 ? "response" : "usage" })),
    });
    for (let i = 0; i < 12; i += 1) await store.applications.create({ ...chat, name: `app ${i}` }, "ann");
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 70 }), async (limit) => {
        const usage = await readAll((page) => store.usage.list(page, {}), limit);
        expect(new Set(usage.map(({ requestId }) => requestId)).size).toBe(60);
        expect(usage).toHaveLength(60);
        expect(usage.map(({ ts }) => ts)).toEqual(usage.map(({ ts }) => ts).sort((a, b) => b - a));
        const decisions = await readAll((page) => store.decisions.list(page, {}), limit);
        expect(new Set(decisions.map(({ decisionId }) => decisionId)).size).toBe(80);
        expect(decisions).toHaveLength(80);
        expect(decisions.map(({ ts }) => ts)).toEqual(decisions.map(({ ts }) => ts).sort((a, b) => b - a));
        expect(await readAll((page) => store.applications.list(page), limit)).toHaveLength(12);
      }),
      { numRuns: 12 },
    );
  });

  test("refuse any cursor that they did not give", async () => {
    await using store = await temporaryStore();
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.base64String(), fc.json().map(encode)), async (after) => {
        const refusal = await store.usage.list({ limit: 5, after }, {}).then(
          () => "listed",
          (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
        );
        // Texts that happen to be a time and an id are positions like any other.
        expect(["invalid_input", "listed"]).toContain(refusal);
      }),
    );
    await expect(store.usage.list({ limit: 5, after: encode('["x","y"]') }, {})).rejects.toThrow(
      "The cursor is not one",
    );
  });
});

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function byRequest(a: { requestId: string }, b: { requestId: string }): number {
  return a.requestId < b.requestId ? -1 : 1;
}

function key(id: string, application = "chat") {
  return {
    id,
    application,
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
