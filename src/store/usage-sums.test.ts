import { expect } from "bun:test";
import type { UsageRow } from "../core/ports.ts";
import type { UsageFilter, UsageGroup } from "../core/usage.ts";
import { append, temporaryStore, testEngines as test, usageRow } from "./testing.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 2, 1);

/** The same every time. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomRows(random: (below: number) => number, count: number): UsageRow[] {
  return Array.from({ length: count }, () =>
    usageRow({
      ts: start + random(5 * day),
      org: `org${random(2)}`,
      team: ["", "growth"][random(2)]!,
      app: `app${random(3)}`,
      key: `k${random(3)}`,
      userHash: `u${random(4)}`,
      model: `m${random(3)}`,
      costNanoUsd: random(5) === 0 ? null : random(1_000_000_000),
      decision: (["allow", "warn", "modify", "deny"] as const)[random(4)]!,
      status: [200, 403, 500, 502][random(4)]!,
      latencyMs: random(8000) / 8,
      usage: {
        promptTokens: random(1000),
        completionTokens: random(1000),
        totalTokens: random(2000),
        cachedTokens: random(2) === 0 ? null : random(100),
        cacheWriteTokens: null,
        reasoningTokens: random(100),
      },
    }),
  );
}

const fieldOf: Readonly<Record<Exclude<UsageGroup, "day" | "hour">, (row: UsageRow) => string>> = {
  org: (row) => row.org,
  team: (row) => row.team,
  app: (row) => row.app,
  env: (row) => row.env,
  key: (row) => row.key,
  user: (row) => row.userHash,
  model: (row) => row.model,
  provider: (row) => row.provider,
  surface: (row) => row.surface,
};

function groupOf(row: UsageRow, by: UsageGroup): string {
  if (by === "day") return new Date(row.ts).toISOString().slice(0, 10);
  if (by === "hour") return new Date(row.ts - (row.ts % 3_600_000)).toISOString();
  return fieldOf[by](row);
}

function totalsOf(rows: readonly UsageRow[]) {
  const sum = (value: (row: UsageRow) => number | null) => rows.reduce((total, row) => total + (value(row) ?? 0), 0);
  return {
    requests: rows.length,
    promptTokens: sum(({ usage }) => usage.promptTokens),
    completionTokens: sum(({ usage }) => usage.completionTokens),
    cachedTokens: sum(({ usage }) => usage.cachedTokens),
    reasoningTokens: sum(({ usage }) => usage.reasoningTokens),
    totalTokens: sum(({ usage }) => usage.totalTokens),
    costNanoUsd: sum(({ costNanoUsd }) => costNanoUsd),
    unpricedRequests: rows.filter(({ costNanoUsd }) => costNanoUsd === null).length,
  };
}

function selects({ org, app, model, decision, userHash, from, to }: UsageFilter, row: UsageRow): boolean {
  return (
    (org ?? row.org) === row.org &&
    (app ?? row.app) === row.app &&
    (model ?? row.model) === row.model &&
    (decision ?? row.decision) === row.decision &&
    (userHash ?? row.userHash) === row.userHash &&
    (from ?? 0) <= row.ts &&
    row.ts < (to ?? Number.POSITIVE_INFINITY)
  );
}

const filters: readonly UsageFilter[] = [
  {},
  { org: "org1" },
  { app: "app2", model: "m0", decision: "deny" },
  { userHash: "u1" },
  { from: start + day, to: start + 3 * day },
  { from: start + day / 3 },
  { to: start + 3.5 * day, app: "app0" },
  { from: start + 1.25 * day, to: start + 3.75 * day },
  { from: start + 1.25 * day, to: start + 1.5 * day },
  { from: start + 1.25 * day, to: start + 2.25 * day },
  { from: start + 9 * day },
];

const groupings: readonly (readonly UsageGroup[])[] = [
  ["org"],
  ["app", "model"],
  ["day"],
  ["hour"],
  ["user"],
  ["day", "key"],
];

test("sums are those of the ledger's rows, however they were stored and whatever is asked for", async () => {
  await using store = await temporaryStore();
  const random = createRandom(7);
  const rows = randomRows(random, 600);
  // In batches, some of which come again, as a whole or with others: as after a commit that nobody heard of.
  for (let i = 0; i < rows.length; i += 60) {
    await append(store, { usage: rows.slice(i, i + 60) });
    if (random(2) === 0) await append(store, { usage: rows.slice(Math.max(0, i - 30), i + 60) });
  }
  await Promise.all([append(store, { usage: rows }), append(store, { usage: rows.toReversed() })]);

  for (const filter of filters) {
    const wanted = rows.filter((row) => selects(filter, row));
    expect(await store.usage.totals(filter)).toEqual(totalsOf(wanted));
    for (const by of groupings) {
      const expected = Map.groupBy(wanted, (row) => JSON.stringify(by.map((group) => groupOf(row, group))));
      const found = await store.usage.grouped(filter, by, 10_000);
      const named = found.map(({ group, ...totals }) => [JSON.stringify(by.map((one) => group[one])), totals] as const);
      expect(new Map(named)).toEqual(new Map([...expected].map(([key, of]) => [key, totalsOf(of)])));
      expect(found.map(({ requests }) => requests)).toEqual(
        [...found].sort((a, b) => b.requests - a.requests).map(({ requests }) => requests),
      );
    }
    for (const [interval, ms] of [
      ["day", day],
      ["hour", 3_600_000],
    ] as const) {
      const expected = Map.groupBy(wanted, (row) => row.ts - (row.ts % ms));
      const starts = [...expected.keys()].sort((a, b) => a - b);
      const found = await store.usage.metrics(filter, interval);
      expect(found.map(({ from }) => from)).toEqual(starts);
      for (const { from, to, deniedRequests, failedRequests, meanLatencyMs, meanTtftMs, ...totals } of found) {
        const of = expected.get(from)!;
        expect(totals).toEqual(totalsOf(of));
        expect(to).toBe(from + ms);
        expect(deniedRequests).toBe(of.filter(({ decision }) => decision === "deny").length);
        expect(failedRequests).toBe(of.filter(({ status }) => status >= 500).length);
        expect(meanLatencyMs).toBeCloseTo(of.reduce((sum, row) => sum + row.latencyMs, 0) / of.length, 6);
        expect(meanTtftMs).toBeCloseTo(100.5, 6);
      }
    }
  }
}, 60_000);

test("a batch that fails leaves the sums as they were", async () => {
  await using store = await temporaryStore();
  await append(store, { usage: [usageRow({ ts: start })] });
  const broken = {
    usage: store.records.encodeUsage(usageRow({ ts: start })),
    decisions: '["a row of too few columns"]',
  };
  const outcome = await store.records.append(broken).then(
    () => "stored",
    () => "refused",
  );
  expect(outcome).toBe("refused");
  expect((await store.usage.totals({})).requests).toBe(1);
  expect((await store.usage.list({ limit: 5, after: null }, {})).data).toHaveLength(1);
});

test("the rows that an earlier version stored are summed up when it is brought up to date", async () => {
  await using store = await temporaryStore();
  const rows = randomRows(createRandom(3), 50);
  await append(store, { usage: rows });
  const migration = await Bun.file(new URL("../../schema/sql/0007_records.sql", import.meta.url)).text();
  const statement = migration.slice(migration.indexOf("insert into usage_rollups"));
  const before = await store.database.run(
    "select * from usage_rollups order by day, org, team, app, key_id, model, decision",
  );
  await store.database.run("delete from usage_rollups", statement.slice(0, statement.indexOf(";")));
  expect(
    await store.database.run("select * from usage_rollups order by day, org, team, app, key_id, model, decision"),
  ).toEqual(before as Record<string, unknown>[]);
  expect(await store.usage.totals({})).toEqual(totalsOf(rows));
});
