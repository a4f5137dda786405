import { type SelectQueryBuilder, sql } from "kysely";
import type { UsageRow } from "../core/ports.ts";
import type { UsageFilter, UsageLedger } from "../core/usage.ts";
import { type Engine, encodeRow, type Insert, toThousandths } from "./engine.ts";
import { readCursor, toPage } from "./paging.ts";
import type { Row, Tables } from "./tables.ts";
import { createUsageSums, usageRollup } from "./usage-sums.ts";

const columns = [
  "ts",
  "request_id",
  "org",
  "team",
  "app",
  "env",
  "key_id",
  "user_hash",
  "surface",
  "provider",
  "model",
  "served_model",
  "stream",
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "cached_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "cost_nano_usd",
  "price_date",
  "provenance",
  "request_bytes",
  "response_bytes",
  "latency_ms",
  "ttft_ms",
  "status",
  "decision",
  "code",
  "revision",
  "outcome",
  "decided",
  "not_applicable",
  "errors",
  "micros",
] as const satisfies readonly (keyof Tables["usage"])[];

/** Encoded ledger rows as they are added to the database. */
export function insertUsage(rows: string): Insert {
  return { table: "usage", columns, rows, rollup: usageRollup };
}

/** Reads the ledger from the database. */
export function createUsageLedger(engine: Engine): UsageLedger {
  const { db } = engine;
  return {
    async list(page, filter) {
      let query = matching(db.selectFrom("usage"), filter)
        .selectAll()
        .orderBy("ts", "desc")
        .orderBy("request_id", "desc")
        .limit(page.limit + 1);
      const after = readCursor(page, ["number", "string"]);
      if (after !== null) {
        query = query.where(sql<boolean>`(ts, request_id) < (${after[0]}, ${after[1]})`);
      }
      return toPage(await query.execute(), page, toUsageRow, (row) => [row.ts, row.request_id]);
    },

    ...createUsageSums(engine),
  };
}

type UsageQuery<O> = SelectQueryBuilder<Tables, "usage", O>;

/** `query` narrowed to what the filter selects. */
function matching<O>(query: UsageQuery<O>, filter: UsageFilter): UsageQuery<O> {
  const wanted: readonly (readonly [keyof Tables["usage"], string | undefined])[] = [
    ["request_id", filter.requestId],
    ["org", filter.org],
    ["team", filter.team],
    ["app", filter.app],
    ["env", filter.env],
    ["key_id", filter.key],
    ["user_hash", filter.userHash],
    ["model", filter.model],
    ["provider", filter.provider],
    ["decision", filter.decision],
  ];
  let narrowed = query;
  for (const [column, value] of wanted) {
    if (value !== undefined) narrowed = narrowed.where(column, "=", value);
  }
  if (filter.from !== undefined) narrowed = narrowed.where("ts", ">=", filter.from);
  if (filter.to !== undefined) narrowed = narrowed.where("ts", "<", filter.to);
  return narrowed;
}

/** Encodes a ledger row. Written out rather than looked up by name: this runs for every request. */
export function encodeUsage(row: UsageRow): string {
  const { usage, request } = row;
  return encodeRow([
    row.ts,
    row.requestId,
    row.org,
    row.team,
    row.app,
    row.env,
    row.key,
    row.userHash,
    row.surface,
    row.provider,
    row.model,
    row.servedModel,
    row.stream ? 1 : 0,
    usage.promptTokens,
    usage.completionTokens,
    usage.totalTokens,
    usage.cachedTokens,
    usage.cacheWriteTokens,
    usage.reasoningTokens,
    row.costNanoUsd,
    row.priceDate,
    row.provenance,
    row.requestBytes,
    row.responseBytes,
    toThousandths(row.latencyMs),
    toThousandths(row.ttftMs),
    row.status,
    row.decision,
    row.code,
    request === undefined ? null : request.revision,
    request === undefined ? null : request.outcome,
    request === undefined ? null : request.tally.decided,
    request === undefined ? null : request.tally.notApplicable,
    request === undefined ? null : request.tally.errors,
    request === undefined ? null : toThousandths(request.micros),
  ]);
}

function toUsageRow(row: Row<"usage">): UsageRow {
  return {
    requestId: row.request_id,
    ts: row.ts,
    org: row.org,
    team: row.team,
    app: row.app,
    env: row.env,
    key: row.key_id,
    userHash: row.user_hash,
    surface: row.surface as UsageRow["surface"],
    provider: row.provider,
    model: row.model,
    servedModel: row.served_model,
    stream: row.stream !== 0,
    usage: {
      promptTokens: row.prompt_tokens,
      completionTokens: row.completion_tokens,
      totalTokens: row.total_tokens,
      cachedTokens: row.cached_tokens,
      cacheWriteTokens: row.cache_write_tokens,
      reasoningTokens: row.reasoning_tokens,
    },
    costNanoUsd: row.cost_nano_usd,
    priceDate: row.price_date,
    provenance: row.provenance as UsageRow["provenance"],
    requestBytes: row.request_bytes,
    responseBytes: row.response_bytes,
    latencyMs: row.latency_ms,
    ttftMs: row.ttft_ms,
    status: row.status,
    decision: row.decision as UsageRow["decision"],
    code: row.code,
  };
}
