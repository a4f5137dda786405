import type { Decision } from "./decision.ts";
import type { UsageRow } from "./ports.ts";
import type { Page, PageRequest } from "./resources.ts";

/** Selects ledger rows. Times are milliseconds; `from` is included, `to` is not. */
export interface UsageFilter {
  readonly requestId?: string;
  readonly org?: string;
  readonly team?: string;
  readonly app?: string;
  readonly env?: string;
  readonly key?: string;
  /** As {@link UsageRow.userHash}. */
  readonly userHash?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly decision?: Decision["effect"];
  readonly from?: number;
  readonly to?: number;
}

/** What usage can be summed by. Users are their hashes; `day` and `hour` are UTC. */
export const usageGroups = [
  "org",
  "team",
  "app",
  "env",
  "key",
  "user",
  "model",
  "provider",
  "surface",
  "day",
  "hour",
] as const;

/** One of the {@link usageGroups}. */
export type UsageGroup = (typeof usageGroups)[number];

/** Sums over ledger rows. */
export interface UsageTotals {
  readonly requests: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
  readonly reasoningTokens: number;
  readonly totalTokens: number;
  /** Of the requests that have a price. */
  readonly costNanoUsd: number;
  /** Requests whose cost is unknown because their model has no price. */
  readonly unpricedRequests: number;
}

/** The sums of one group: the values it stands for, and its totals. `day` and `hour` are ISO 8601. */
export interface UsageGroupTotals extends UsageTotals {
  readonly group: Readonly<Partial<Record<UsageGroup, string>>>;
}

/** The sums of one hour or day, and how its requests went. */
export interface UsageMetrics extends UsageTotals {
  /** Its beginning, and its end, which it does not include. */
  readonly from: number;
  readonly to: number;
  readonly deniedRequests: number;
  /** Those that were answered with a status of 500 or more. */
  readonly failedRequests: number;
  readonly meanLatencyMs: number;
  /** Until the first byte of the answer. */
  readonly meanTtftMs: number;
}

/** Reads the usage ledger. */
export interface UsageLedger {
  /** Newest first. */
  list(page: PageRequest, filter: UsageFilter): Promise<Page<UsageRow>>;
  totals(filter: UsageFilter): Promise<UsageTotals>;
  /** At most `limit` groups, those with the most requests first. */
  grouped(filter: UsageFilter, by: readonly UsageGroup[], limit: number): Promise<readonly UsageGroupTotals[]>;
  /** The hours or days (UTC) in which there were requests, oldest first. */
  metrics(filter: UsageFilter, interval: "hour" | "day"): Promise<readonly UsageMetrics[]>;
}
