import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UsageFilter, UsageGroup } from "../src/core/usage.ts";
import { openStore, type Store } from "../src/store/store.ts";
import { decisionRow, usageRow } from "../src/store/testing.ts";
import { median, quantile } from "./calm.ts";
import { body, policies } from "./e2e.ts";
import type { Figure } from "./report.ts";
import type { Servers } from "./servers.ts";
import { compareThroughput } from "./throughput.ts";

const day = 86_400_000;
const batchSize = 2048;

/** Measures records: how fast they are stored, what that costs the gateway, and how fast they are read. */
export async function measureRecords(quick: boolean): Promise<Figure[]> {
  // The gateway first: a million rows that were just written still keep the disk busy.
  const gateway = await measureGateway(quick);
  return [...(await measureStore(quick)), ...gateway];
}

async function measureStore(quick: boolean): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const store = await openStore({ path: join(dir, "sluice.db"), clock: Date });
  try {
    const seconds = quick ? 1 : 10;
    let stored = 0;
    const from = performance.now();
    while (performance.now() - from < seconds * 1000) {
      // Every call with a decision that has a record of its own: most have none.
      await fill(store, stored, batchSize / 2, true);
      stored += batchSize;
    }
    const perSecond = stored / ((performance.now() - from) / 1000);

    const rows = quick ? 30_000 : 1_000_000;
    for (let i = stored; i < rows; i += batchSize) await fill(store, i, batchSize, false);
    const pages = await timesOfPages(store, quick ? 100 : 1_000);
    const sums = await timesOfSums(store);
    const many = rows.toLocaleString("en-US");
    return [
      { name: "records.stored_per_second", value: perSecond, unit: "/s", note: `SQLite, for ${seconds} s` },
      { name: "records.page_p99", value: quantile(pages, 0.99), unit: "ms", note: `50 of ${many} ledger rows` },
      { name: "records.page_p50", value: quantile(pages, 0.5), unit: "ms" },
      { name: "records.sums_max", value: Math.max(...sums), unit: "ms", note: `sums of ${many} ledger rows by day` },
    ];
  } finally {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Stores rows of 90 days, 20 applications and 5 models. */
function fill({ records }: Store, first: number, count: number, decisions: boolean): Promise<void> {
  const start = Date.UTC(2026, 0, 1);
  const of = (n: number) => {
    const ts = start + ((n * 7_919) % 90) * day + ((n * 104_729) % day);
    const requestId = `req_${Bun.randomUUIDv7("base64url", ts)}`;
    return { ts, requestId, org: `org${n % 2}`, app: `app${n % 20}`, model: `model${n % 5}` };
  };
  const all = Array.from({ length: count }, (_, i) => of(first + i));
  return records.append({
    usage: all.map((one) => records.encodeUsage(usageRow(one))).join(","),
    decisions: decisions ? all.map((one) => records.encodeDecision(decisionRow(one))).join(",") : "",
  });
}

/** Milliseconds of pages all over the list: of all rows, of an application's and of a time's. */
async function timesOfPages({ usage }: Store, count: number): Promise<number[]> {
  const start = Date.UTC(2026, 0, 1);
  const filters: readonly UsageFilter[] = [{}, { app: "app7" }, { from: start + 30 * day, to: start + 31 * day }];
  const times: number[] = [];
  const cursors: (string | null)[] = filters.map(() => null);
  for (let i = 0; i < count; i += 1) {
    const at = i % filters.length;
    const from = performance.now();
    const { next } = await usage.list({ limit: 50, after: cursors[at]! }, filters[at]!);
    times.push(performance.now() - from);
    cursors[at] = next;
  }
  return times;
}

/** Milliseconds of what people ask for most: totals, and sums by model, by day and by application, each several times. */
async function timesOfSums({ usage }: Store): Promise<number[]> {
  const start = Date.UTC(2026, 0, 1);
  const filters: readonly UsageFilter[] = [{}, { app: "app7" }, { from: start + 10 * day, to: start + 40 * day }];
  const groups: readonly (readonly UsageGroup[])[] = [["model"], ["day"], ["app", "model"], ["org", "day"]];
  const times: number[] = [];
  const time = async (act: () => Promise<unknown>) => {
    const taken: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const from = performance.now();
      await act();
      taken.push(performance.now() - from);
    }
    times.push(median(taken));
  };
  for (const filter of filters) {
    await time(() => usage.totals(filter));
    await time(() => usage.metrics(filter, "day"));
    for (const by of groups) await time(() => usage.grouped(filter, by, 1000));
  }
  return times;
}

/** A gateway that records beside one whose records nobody takes, in turns. */
async function measureGateway(quick: boolean): Promise<Figure[]> {
  const begin = async (servers: Servers) => {
    const echo = await servers.startEcho();
    return {
      recorded: await servers.startSluice(echo, policies),
      unrecorded: await servers.startSluice(echo, policies, { program: "bench/unrecorded.ts" }),
    };
  };
  const names = ["recorded", "unrecorded"] as const;
  const { perSecond, ratio, note } = await compareThroughput({ names, begin, body, warmUp: 40_000, quick });
  return [
    { name: "records.gateway_per_second", value: perSecond.recorded, unit: "/s" },
    { name: "records.gateway_unrecorded_per_second", value: perSecond.unrecorded, unit: "/s" },
    {
      name: "records.gateway_vs_unrecorded",
      value: ratio,
      unit: "ratio",
      note: `five policies, beside records off; ${note}`,
    },
  ];
}
