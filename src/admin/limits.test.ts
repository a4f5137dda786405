import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeCounterKey } from "../core/counter-keys.ts";
import { emptyFacts } from "../core/facts.ts";
import type { LimitUnit, LimitWindow, Reservation } from "../core/limits.ts";
import { SluiceError } from "../errors.ts";
import { append, usageRow } from "../store/testing.ts";
import { startTestAdmin } from "./testing.ts";

type Admin = Awaited<ReturnType<typeof startTestAdmin>>;

const owner = { id: "default", timeZone: "UTC" };

function reservation(policy: string, unit: LimitUnit, parts: string, amount: number, max: number): Reservation {
  const window: LimitWindow = unit === "concurrency" ? { sliding: 60 } : { every: "day" };
  const name = "every" in window ? window.every : String(window.sliding);
  const key = `default|${policy}|${name}/${unit}|${unit}|${name}${parts}`;
  return { key, unit, window, max, amount, onStoreDown: "local" };
}

/** Counters of two policies: one request of each application is open, one was settled. */
async function fill({ counters }: Admin): Promise<void> {
  const of = (app: string) => [
    reservation("org/budget", "usd", `|app=${app}`, 20_000, 50_000_000),
    reservation("org/budget", "tokens", `|app=${app}`, 500, 100_000),
    reservation("org/rate", "requests", `|app=${app}|user="ann | bob"`, 1, 60),
    reservation("org/rate", "concurrency", "", 1, 10),
  ];
  for (const app of ["chat", "batch"]) {
    await counters.reserve(`${app}-open`, owner, of(app));
    await counters.reserve(`${app}-done`, owner, of(app));
    await counters.settle(`${app}-done`, { usd: 12_345, tokens: 300 });
  }
}

const chatUsd = "default|org/budget|day/usd|usd|day|app=chat";

async function listAll(admin: Admin, query: string) {
  const all: { key: string }[] = [];
  let next: string | null = "";
  do {
    const page = await admin.call("GET", `/admin/v1/limits?${query}${next ? `&cursor=${next}` : ""}`);
    expect(page.status).toBe(200);
    all.push(...page.json().data);
    next = page.json().next;
  } while (next !== null);
  return all;
}

describe("counters", () => {
  test("are listed with what is used, held and left, money in dollars, and when they begin anew", async () => {
    await using admin = await startTestAdmin();
    await fill(admin);
    const [usd] = await listAll(admin, "policy=org/budget&app=chat&unit=usd");
    expect<unknown>(usd).toEqual({
      key: chatUsd,
      org: "default",
      policy: "org/budget",
      limit: "day/usd",
      unit: "usd",
      window: "day",
      per: { app: "chat" },
      value: 0.032345,
      held: 0.02,
      max: 50,
      remaining: 49.967655,
      reset_seconds: 43_200,
      resets_at: "2026-02-01T00:00:00.000Z",
    });
  });

  test.each([
    ["", 7],
    ["org=default", 7],
    ["policy=org/budget", 4],
    ["policy=org/rate", 3],
    ["policy=org/bud", 0],
    ["app=chat", 3],
    ["unit=concurrency", 1],
    ["user=ann%20%7C%20bob", 2],
    ["user=ann", 0],
    ["app=chat&unit=tokens", 1],
  ])("are selected by %p, page by page as at once", async (query, count) => {
    await using admin = await startTestAdmin();
    await fill(admin);
    const keys = (found: { key: string }[]) => found.map(({ key }) => key).sort();
    const all = keys(await listAll(admin, query));
    expect(all).toHaveLength(count);
    for (const limit of [1, 2, 3]) expect(keys(await listAll(admin, `${query}&limit=${limit}`))).toEqual(all);
  });

  test.each([
    ["/admin/v1/limits?org=nobody", 404],
    ["/admin/v1/limits?cursor=x", 400],
    ["/admin/v1/limits?unit=apples", 400],
    ["/admin/v1/limits?ap=chat", 400],
    ["/admin/v1/limits/spend?per=nothing", 400],
    ["/admin/v1/limits/spend?cursor=x", 400],
    ["/admin/v1/limits/spend?org=nobody", 404],
  ])("%s is %d", async (path, status) => {
    await using admin = await startTestAdmin();
    expect((await admin.call("GET", path)).status).toBe(status);
  });

  test("while their store is away are 503", async () => {
    await using admin = await startTestAdmin();
    admin.counters.inspect = () => {
      throw new SluiceError("store_unavailable");
    };
    const answer = await admin.call("GET", "/admin/v1/limits");
    expect([answer.status, answer.json().code]).toEqual([503, "store_unavailable"]);
  });
});

describe("a counter that is reset", () => {
  test("begins at zero, what was open charges it no more, and who did it and why is kept", async () => {
    await using admin = await startTestAdmin();
    await fill(admin);
    const body = { key: chatUsd, reason: "charged twice" };
    const answer = await admin.call("POST", "/admin/v1/limits/reset", { body });
    expect([answer.status, answer.json()]).toEqual([
      200,
      { ...body, actor: "admin-key", reset_at: "2026-01-31T12:00:00.000Z" },
    ]);
    await admin.counters.settle("chat-open", { usd: 20_000 });
    expect(await listAll(admin, "app=chat&unit=usd")).toEqual([]);
    expect(await listAll(admin, "app=batch&unit=usd")).toHaveLength(1);
    const trail = await admin.store.audit.list({ limit: 5, after: null }, { subject: `counter ${chatUsd}` });
    expect(trail.data).toMatchObject([{ actor: "admin-key", action: "reset", detail: { reason: "charged twice" } }]);
    expect(admin.logger.lines.join("\n")).toContain("a counter was reset");
    expect((await admin.call("POST", "/admin/v1/limits/reset", { body })).status).toBe(404);
  });

  test.each([
    [{ key: "default|org/none|day/usd|usd|day", reason: "x" }, 404],
    [{ key: "nobody|org/budget|day/usd|usd|day|app=chat", reason: "x" }, 404],
    [{ key: "no key at all", reason: "x" }, 404],
    [{ key: chatUsd }, 400],
    [{ key: chatUsd, reason: " " }, 400],
    [{ key: "", reason: "x" }, 400],
  ])("must be one, with a reason: %p", async (body, status) => {
    await using admin = await startTestAdmin();
    await fill(admin);
    expect((await admin.call("POST", "/admin/v1/limits/reset", { body })).status).toBe(status);
    expect(await listAll(admin, "")).toHaveLength(7);
  });
});

describe("spend", () => {
  const hash = (name: string) => createHash("sha256").update(name).digest("hex").slice(0, 32);
  const day = 86_400_000;

  async function spend(admin: Admin, query: string) {
    const answer = await admin.call("GET", `/admin/v1/limits/spend?${query}`);
    expect(answer.status).toBe(200);
    return answer.json().data as { scope: Record<string, string>; cost_usd: number; reserved_usd: number | null }[];
  }

  async function withLedger() {
    const admin = await startTestAdmin();
    await fill(admin);
    const ts = admin.clock.ms;
    await append(admin.store, {
      usage: [
        usageRow({ app: "chat", ts, userHash: hash("ann | bob"), costNanoUsd: 12_345_678 }),
        usageRow({ app: "chat", ts: ts - 2 * day, costNanoUsd: 1 }),
        usageRow({ app: "batch", ts, model: "claude-haiku-4-5", costNanoUsd: null }),
        // Last month.
        usageRow({ app: "chat", ts: ts - 31 * day, costNanoUsd: 9e9 }),
      ],
    });
    return admin;
  }

  test("is what the ledger has of the period, with what open requests hold beside it", async () => {
    await using admin = await withLedger();
    expect(await spend(admin, "")).toEqual([
      {
        org: "default",
        scope: { app: "chat" },
        from: "2026-01-01T00:00:00.000Z",
        to: "2026-02-01T00:00:00.000Z",
        requests: 2,
        total_tokens: 1000,
        cost_usd: 0.012345679,
        unpriced_requests: 0,
        reserved_usd: 0.02,
        reserved_tokens: 500,
      },
      expect.objectContaining({
        scope: { app: "batch" },
        cost_usd: 0,
        unpriced_requests: 1,
        reserved_usd: 0.02,
      }),
    ] as never);
    const [today] = await spend(admin, "period=day&app=chat");
    expect(today).toMatchObject({ requests: 1, cost_usd: 0.012345678, from: "2026-01-31T00:00:00.000Z" });
  });

  test.each([
    ["per=org", [{ org: "default" }], [0.04]],
    ["per=model", [{ model: "gpt-4o" }, { model: "claude-haiku-4-5" }], [0, 0]],
    ["per=key", [{ key: "k1" }], [0]],
    ["per=team", [{ team: "" }], [0]],
    ["per=user&user=ann%20%7C%20bob", [{ user: hash("ann | bob") }], [0]],
    // With another filter than the scope's own, what limits hold says nothing.
    ["per=model&app=chat", [{ model: "gpt-4o" }], [null]],
  ])("is told %s", async (query, scopes, reserved) => {
    await using admin = await withLedger();
    const found = await spend(admin, query);
    expect(found.map(({ scope }) => scope)).toEqual(scopes as never);
    expect(found.map(({ reserved_usd }) => reserved_usd)).toEqual(reserved);
  });

  test("of a user whose name is too long for a counter's key is told under the hash that the ledger has", async () => {
    await using admin = await startTestAdmin();
    const user = "ann".repeat(100);
    const facts = emptyFacts();
    facts.user.id = user;
    const limit = { name: "n", unit: "usd", window: { every: "day" }, per: ["user"] } as const;
    const key = writeCounterKey("default", "org/budget", limit, facts);
    await admin.counters.reserve("open", owner, [{ ...reservation("org/budget", "usd", "", 20_000, 50_000_000), key }]);
    expect(await spend(admin, "per=user")).toMatchObject([{ scope: { user: hash(user) }, reserved_usd: 0.02 }]);
  });

  test("of who has only open requests is there too, and pages are pages", async () => {
    await using admin = await startTestAdmin();
    await fill(admin);
    const all = await spend(admin, "");
    expect(all.map(({ scope, cost_usd, reserved_usd }) => [scope, cost_usd, reserved_usd])).toEqual([
      [{ app: "batch" }, 0, 0.02],
      [{ app: "chat" }, 0, 0.02],
    ]);
    const first = (await admin.call("GET", "/admin/v1/limits/spend?limit=1")).json();
    const second = (await admin.call("GET", `/admin/v1/limits/spend?limit=1&cursor=${first.next}`)).json();
    expect([...first.data, ...second.data]).toEqual(all);
    expect(second.next).toBeNull();
  });

  test("is told without what is reserved while the counter store is away", async () => {
    await using admin = await withLedger();
    admin.counters.inspect = () => Promise.reject(new SluiceError("store_unavailable"));
    expect((await spend(admin, "app=chat")).map(({ reserved_usd }) => reserved_usd)).toEqual([null]);
  });

  test("is told without what is reserved where there are too many counters to look at, whether they hold something or not", async () => {
    await using admin = await withLedger();
    const users = Array.from({ length: 1_000 }, (_, i) => reservation("org/b", "usd", `|user="u${i}"`, 1, 1e9));
    for (let i = 0; i <= 100; i += 1) {
      const batch = users.map((one) => ({ ...one, key: one.key.replace('"u', `"u${i}-`) }));
      await admin.counters.reserve(`r${i}`, owner, batch);
      await admin.counters.settle(`r${i}`, { usd: 1, tokens: 1 });
    }
    expect((await spend(admin, "app=chat")).map(({ reserved_usd }) => reserved_usd)).toEqual([null]);
  }, 30_000);

  test("of several limits on the same requests counts what they hold once", async () => {
    await using admin = await startTestAdmin();
    const day = reservation("org/a", "usd", "|app=chat", 5_000, 1e9);
    const perUser = (user: string) => reservation("org/b", "usd", `|app=chat|user="${user}"`, 4_000, 1e9);
    await admin.counters.reserve("r1", owner, [day, perUser("ann")]);
    await admin.counters.reserve("r2", owner, [perUser("bob")]);
    // Two of one limit add up to more than the other's one.
    expect((await spend(admin, "")).map(({ reserved_usd }) => reserved_usd)).toEqual([0.008]);
  });
});
