import { type RawBuilder, sql } from "kysely";
import type {
  UsageFilter,
  UsageGroup,
  UsageGroupTotals,
  UsageLedger,
  UsageMetrics,
  UsageTotals,
} from "../core/usage.ts";
import type { Engine } from "./engine.ts";
import { type Rollup, valueExpression } from "./rollup.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** What the ledger is summed up to as its rows are added. */
export const usageRollup: Rollup = {
  table: "usage_rollups",
  by: ["org", "team", "app", "env", "key_id", "surface", "provider", "model", "decision"],
  period: { column: "day", of: "ts", ms: dayMs },
  sums: [
    { column: "requests", how: "count", of: "" },
    { column: "prompt_tokens", how: "sum", of: "prompt_tokens" },
    { column: "completion_tokens", how: "sum", of: "completion_tokens" },
    { column: "total_tokens", how: "sum", of: "total_tokens" },
    { column: "cached_tokens", how: "sum", of: "cached_tokens" },
    { column: "cache_write_tokens", how: "sum", of: "cache_write_tokens" },
    { column: "reasoning_tokens", how: "sum", of: "reasoning_tokens" },
    { column: "cost_nano_usd", how: "sum", of: "cost_nano_usd" },
    { column: "unpriced_requests", how: "missing", of: "cost_nano_usd" },
    { column: "failed_requests", how: "failed", of: "status" },
    { column: "latency_ms", how: "sum", of: "latency_ms" },
    { column: "ttft_ms", how: "sum", of: "ttft_ms" },
  ],
};

/**
 * Sums over the ledger: from the daily sums wherever days are whole and nothing is asked that they do not have, from the
 * rows themselves for the rest. One statement each, so that what it adds up is of one moment.
 */
export function createUsageSums({ db }: Engine): Pick<UsageLedger, "totals" | "grouped" | "metrics"> {
  return {
    async totals(filter) {
      const { rows } = await sql<Sums>`select ${sums} from (${sources(filter, [])}) as parts`.execute(db);
      return toTotals(rows[0]!);
    },

    async grouped(filter, by, limit) {
      const names = by.map((group) => sql.ref(`by_${group}`));
      const { rows } = await sql<Sums>`
        select ${sql.join([...names, sums])} from (${sources(filter, by)}) as parts
        group by ${sql.join(names)} order by requests desc, ${sql.join(names)} limit ${limit}`.execute(db);
      return rows.map(
        (row): UsageGroupTotals => ({
          ...toTotals(row),
          group: Object.fromEntries(by.map((group) => [group, toGroupValue(group, Reflect.get(row, `by_${group}`))])),
        }),
      );
    },

    async metrics(filter, interval) {
      const time = sql.ref(`by_${interval}`);
      const denied = sql`sum(case when decision = 'deny' then requests else 0 end) as denied`;
      const { rows } = await sql<MetricSums>`
        select ${time} as start, ${denied}, ${sums} from (${sources(filter, [interval])}) as parts
        group by ${time} order by ${time}`.execute(db);
      return rows.map((row) => toMetrics(row, interval === "day" ? dayMs : hourMs));
    },
  };
}

/** Databases give sums of big numbers as numbers or as text; of no rows at all they give null. */
type Sum = number | string | null;
type Sums = Readonly<Record<string, Sum>>;
type MetricSums = Sums & { readonly start: number | string };

const sums = sql.join(usageRollup.sums.map(({ column }) => sql.raw(`sum(${column}) as ${column}`)));

/** Rows whose sums are those that are asked for, with the columns of {@link usageRollup} and `by_…` for each group. */
function sources(filter: UsageFilter, by: readonly UsageGroup[]): RawBuilder<unknown> {
  const { from, to } = filter;
  const ledger = (part: UsageFilter) => ledgerRows(part, by);
  if (filter.requestId !== undefined || filter.userHash !== undefined || by.includes("user") || by.includes("hour")) {
    return ledger(filter);
  }
  const first = from === undefined ? undefined : Math.ceil(from / dayMs) * dayMs;
  const end = to === undefined ? undefined : Math.floor(to / dayMs) * dayMs;
  if (first !== undefined && end !== undefined && first >= end) return ledger(filter);
  const parts = [rollupRows(filter, by, first, end)];
  if (first !== undefined && from! < first) parts.push(ledger({ ...filter, to: first }));
  if (end !== undefined && end < to!) parts.push(ledger({ ...filter, from: end }));
  return sql.join(parts, sql` union all `);
}

function ledgerRows(filter: UsageFilter, by: readonly UsageGroup[]): RawBuilder<unknown> {
  const values = usageRollup.sums.map((sum) => sql.raw(`${valueExpression(sum)} as ${sum.column}`));
  const groups = by.map((group) => {
    // Literals, not parameters: a database must see that the selected and the grouped expression are the same one.
    if (group === "day") return sql.raw(`ts - ts % ${dayMs} as by_day`);
    if (group === "hour") return sql.raw(`ts - ts % ${hourMs} as by_hour`);
    return sql.raw(`${columnOf(group)} as by_${group}`);
  });
  const wanted = equalities(filter);
  if (filter.requestId !== undefined) wanted.push(sql`request_id = ${filter.requestId}`);
  if (filter.userHash !== undefined) wanted.push(sql`user_hash = ${filter.userHash}`);
  if (filter.from !== undefined) wanted.push(sql`ts >= ${filter.from}`);
  if (filter.to !== undefined) wanted.push(sql`ts < ${filter.to}`);
  return sql`select ${sql.join([sql.ref("decision"), ...groups, ...values])} from usage${where(wanted)}`;
}

function rollupRows(
  filter: UsageFilter,
  by: readonly UsageGroup[],
  first: number | undefined,
  end: number | undefined,
): RawBuilder<unknown> {
  const values = usageRollup.sums.map(({ column }) => sql.ref(column));
  const groups = by.map((group) =>
    sql.raw(`${group === "day" || group === "hour" ? "day" : columnOf(group)} as by_${group}`),
  );
  const wanted = equalities(filter);
  if (first !== undefined) wanted.push(sql`day >= ${first}`);
  if (end !== undefined) wanted.push(sql`day < ${end}`);
  return sql`select ${sql.join([sql.ref("decision"), ...groups, ...values])} from usage_rollups${where(wanted)}`;
}

/** Conditions on what both tables have. */
function equalities(filter: UsageFilter): RawBuilder<unknown>[] {
  const { org, team, app, env, key: key_id, model, provider, decision } = filter;
  return Object.entries({ org, team, app, env, key_id, model, provider, decision }).flatMap(([column, value]) =>
    value === undefined ? [] : [sql`${sql.ref(column)} = ${value}`],
  );
}

function where(conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return conditions.length === 0 ? sql`` : sql` where ${sql.join(conditions, sql` and `)}`;
}

function columnOf(group: Exclude<UsageGroup, "day" | "hour">): string {
  return group === "key" ? "key_id" : group === "user" ? "user_hash" : group;
}

function toTotals(row: Sums): UsageTotals {
  return {
    requests: Number(row.requests ?? 0),
    promptTokens: Number(row.prompt_tokens ?? 0),
    completionTokens: Number(row.completion_tokens ?? 0),
    cachedTokens: Number(row.cached_tokens ?? 0),
    reasoningTokens: Number(row.reasoning_tokens ?? 0),
    totalTokens: Number(row.total_tokens ?? 0),
    costNanoUsd: Number(row.cost_nano_usd ?? 0),
    unpricedRequests: Number(row.unpriced_requests ?? 0),
  };
}

function toMetrics(row: MetricSums, ms: number): UsageMetrics {
  const totals = toTotals(row);
  const mean = (sum: Sum | undefined) => (totals.requests === 0 ? 0 : Number(sum ?? 0) / totals.requests);
  const from = Number(row.start);
  return {
    ...totals,
    from,
    to: from + ms,
    deniedRequests: Number(row.denied ?? 0),
    failedRequests: Number(row.failed_requests ?? 0),
    meanLatencyMs: mean(row.latency_ms),
    meanTtftMs: mean(row.ttft_ms),
  };
}

function toGroupValue(group: UsageGroup, value: unknown): string {
  if (group === "day") return new Date(Number(value)).toISOString().slice(0, 10);
  if (group === "hour") return new Date(Number(value)).toISOString();
  return String(value);
}
