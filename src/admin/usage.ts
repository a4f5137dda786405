import { t } from "elysia";
import { effects } from "../core/decision.ts";
import type { UsageRow } from "../core/ports.ts";
import type { PageRequest } from "../core/resources.ts";
import { type UsageFilter, type UsageMetrics, type UsageTotals, usageGroups } from "../core/usage.ts";
import { SluiceError } from "../errors.ts";
import { asCsv, csvQuery, listAsCsv, tableAsCsv, wantsCsv } from "./csv.ts";
import type { AdminDeps } from "./deps.ts";
import { problems } from "./problems.ts";
import { confine, resolveReached } from "./reach.ts";
import {
  defined,
  listOf,
  listQuery,
  oneOf,
  readNames,
  readSpan,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

/** Most groups of one summary. */
const maxGroups = 1000;

const filterMembers = {
  app: t.Optional(t.String({ description: "Id or name of the application." })),
  org: t.Optional(t.String({ description: "Id of the organisation." })),
  team: t.Optional(t.String({ description: "Id of the team." })),
  env: t.Optional(t.String({ description: "The environment of the gateway key." })),
  key: t.Optional(t.String({ description: "Id of the gateway key." })),
  model: t.Optional(t.String({ description: "The model that clients named." })),
  provider: t.Optional(t.String({ description: "The provider that answered." })),
  decision: t.Optional(oneOf(effects, { description: "What the policies came to." })),
  from: t.Optional(t.String({ description: "Earliest time, included: 2026-01-31 or 2026-01-31T12:00:00Z." })),
  to: t.Optional(t.String({ description: "Latest time, not included." })),
};

const totalsMembers = {
  requests: t.Integer({ description: "Calls, refused and failed ones included." }),
  prompt_tokens: t.Integer(),
  completion_tokens: t.Integer(),
  cached_tokens: t.Integer({ description: "Part of the prompt tokens." }),
  reasoning_tokens: t.Integer({ description: "Part of the completion tokens." }),
  total_tokens: t.Integer(),
  cost_usd: t.Number({ description: "Of the calls that have a price." }),
  unpriced_requests: t.Integer({ description: "Calls whose cost is unknown: their model has no price." }),
};

const totalsExample = {
  requests: 3,
  prompt_tokens: 1200,
  completion_tokens: 310,
  cached_tokens: 0,
  reasoning_tokens: 0,
  total_tokens: 1510,
  cost_usd: 0.0061,
  unpriced_requests: 0,
};

const summarySchema = t.Object(
  {
    ...totalsMembers,
    groups: t.Optional(
      t.Array(t.Object({ group: t.Record(t.String(), t.String()), ...totalsMembers }), {
        description: `The sums by group, most requests first, at most ${maxGroups}; when group_by was given.`,
      }),
    ),
  },
  { examples: [{ ...totalsExample, groups: [{ group: { model: "gpt-4o" }, ...totalsExample }] }] },
);

const count = (description: string) => t.Union([t.Integer(), t.Null()], { description });

const recordSchema = t.Object(
  {
    request_id: t.String(),
    ts: time("When the request arrived."),
    org: t.String(),
    team: t.String(),
    app: t.String(),
    env: t.String(),
    key: t.String({ description: "Id of the gateway key." }),
    user_hash: t.String({ description: "Stands for the end user; empty without one." }),
    surface: t.String(),
    provider: t.String(),
    model: t.String({ description: "The model that the client named." }),
    served_model: t.String({ description: "The model that the provider says answered." }),
    stream: t.Boolean(),
    prompt_tokens: t.Integer(),
    completion_tokens: t.Integer(),
    cached_tokens: count("Prompt tokens read from the provider's cache; null when not reported."),
    cache_write_tokens: count("Prompt tokens written to the provider's cache; null when not reported."),
    reasoning_tokens: count("Completion tokens spent on reasoning; null when not reported."),
    total_tokens: t.Integer(),
    cost_usd: t.Union([t.Number(), t.Null()], { description: "Null when the model has no price." }),
    price_date: t.String({ description: "When the price was collected; empty without one." }),
    provenance: t.String({ description: "Where the counts come from: provider, estimated or partial." }),
    request_bytes: t.Integer(),
    response_bytes: t.Integer(),
    latency_ms: t.Number(),
    ttft_ms: t.Number({ description: "Time to the first byte of the answer." }),
    status: t.Integer({ description: "The HTTP status that the client got." }),
    decision: oneOf([...effects, ""], { description: "What the policies came to; empty when none was asked." }),
    code: t.String({ description: "Why it was refused or failed; empty for a success." }),
  },
  {
    examples: [
      {
        request_id: "01jb2m0c7zq3",
        ts: "2026-01-31T12:00:00.000Z",
        org: "default",
        team: "",
        app: "chat",
        env: "prod",
        key: "k3v9q0x2pzm7a1bc",
        user_hash: "",
        surface: "chat",
        provider: "openai",
        model: "gpt-4o",
        served_model: "gpt-4o-2024-08-06",
        stream: false,
        prompt_tokens: 400,
        completion_tokens: 100,
        cached_tokens: 0,
        cache_write_tokens: null,
        reasoning_tokens: 0,
        total_tokens: 500,
        cost_usd: 0.002,
        price_date: "2026-01-01",
        provenance: "provider",
        request_bytes: 1800,
        response_bytes: 900,
        latency_ms: 812.4,
        ttft_ms: 812.4,
        status: 200,
        decision: "allow",
        code: "",
      },
    ],
  },
);

const summaryQuery = t.Object(
  {
    ...filterMembers,
    group_by: t.Optional(t.String({ description: `Comma-separated, of: ${usageGroups.join(", ")}.` })),
    ...csvQuery,
  },
  { additionalProperties: false },
);

const recordsQuery = listQuery({
  request_id: t.Optional(t.String({ description: "The call with this id." })),
  ...filterMembers,
  ...csvQuery,
});

const dayMs = 86_400_000;
const defaultSpanMs = { hour: dayMs, day: 30 * dayMs } as const;
const longestSpanMs = { hour: 31 * dayMs, day: 3660 * dayMs } as const;

const metricsQuery = t.Object(
  { ...filterMembers, interval: t.Optional(oneOf(["day", "hour"], { description: "day when absent." })) },
  { additionalProperties: false },
);

const metricsMembers = {
  ...totalsMembers,
  denied_requests: t.Integer(),
  failed_requests: t.Integer({ description: "Answered with a status of 500 or more." }),
  mean_latency_ms: t.Number(),
  mean_ttft_ms: t.Number({ description: "Until the first byte of the answer." }),
};

const metricsSchema = t.Object(
  {
    interval: oneOf(["day", "hour"]),
    from: time("Where it begins."),
    to: time("Where it ends."),
    data: t.Array(t.Object({ from: time("Included."), to: time("Not included."), ...metricsMembers })),
  },
  {
    examples: [
      {
        interval: "day",
        from: "2026-01-01T00:00:00.000Z",
        to: "2026-01-31T12:00:00.000Z",
        data: [
          {
            from: "2026-01-31T00:00:00.000Z",
            to: "2026-02-01T00:00:00.000Z",
            ...totalsExample,
            denied_requests: 1,
            failed_requests: 0,
            mean_latency_ms: 812.4,
            mean_ttft_ms: 120.5,
          },
        ],
      },
    ],
  },
);

const tags = ["Usage"];

/** `/usage`. */
export function usageRoutes(deps: AdminDeps) {
  const summaryAsCsv = async (query: Shown<typeof summaryQuery>, request: Request): Promise<Response> => {
    const by = readNames("group_by", query.group_by, usageGroups);
    const filter = await readFilter(deps, query, request);
    await deps.recorder.flush();
    const columns = Object.keys(totalsMembers);
    if (by.length === 0) return tableAsCsv("usage-summary", columns, [showTotals(await deps.usage.totals(filter))]);
    const groups = await deps.usage.grouped(filter, by, maxGroups);
    const rows = groups.map((entry) => ({ ...entry.group, ...showTotals(entry) }));
    return tableAsCsv("usage-summary", [...by, ...columns], rows);
  };

  const recordsAsCsv = async (query: Shown<typeof recordsQuery>, request: Request): Promise<Response> => {
    const filter = await readFilter(deps, query, request);
    await deps.recorder.flush();
    const read = (page: PageRequest) => deps.usage.list(page, filter);
    return listAsCsv("usage-records", recordSchema, { request, query, logger: deps.logger }, read, showRecord);
  };

  const summarize = async (query: Shown<typeof summaryQuery>, request: Request) => {
    const by = readNames("group_by", query.group_by, usageGroups);
    const filter = await readFilter(deps, query, request);
    // Who just got an answer finds its row here, though rows are stored after the answer.
    await deps.recorder.flush();
    const totals = showTotals(await deps.usage.totals(filter));
    if (by.length === 0) return totals;
    const groups = await deps.usage.grouped(filter, by, maxGroups);
    return { ...totals, groups: groups.map((entry) => ({ group: { ...entry.group }, ...showTotals(entry) })) };
  };

  const list = async (query: Shown<typeof recordsQuery>, request: Request) => {
    const filter = await readFilter(deps, query, request);
    await deps.recorder.flush();
    return showPage(await deps.usage.list(toPageRequest(query), filter), showRecord);
  };

  return routes("/usage")
    .get(
      "/summary",
      ({ query, request }) =>
        wantsCsv(request, query.format) ? summaryAsCsv(query, request) : summarize(query, request),
      {
        query: summaryQuery,
        response: { 200: summarySchema, ...problems() },
        detail: needing("usage:read", { ...asCsv, tags, summary: "Sum up usage", operationId: "summarizeUsage" }),
      },
    )
    .get(
      "/metrics",
      async ({ query, request }) => {
        const filter = await readFilter(deps, query, request);
        const interval = query.interval ?? "day";
        const to = filter.to ?? deps.clock.now();
        const from = filter.from ?? to - defaultSpanMs[interval];
        if (to - from > longestSpanMs[interval]) {
          const problem = `The time from 'from' to 'to' is too long for the interval '${interval}'; at most ${longestSpanMs[interval] / dayMs} days.`;
          throw new SluiceError("invalid_input", { problem });
        }
        await deps.recorder.flush();
        const metrics = await deps.usage.metrics({ ...filter, from }, interval);
        return { interval, from: showTime(from), to: showTime(to), data: metrics.map(showMetrics) };
      },
      {
        query: metricsQuery,
        response: { 200: metricsSchema, ...problems() },
        detail: needing("usage:read", {
          tags,
          summary: "Read how usage went over time",
          description:
            "Hours or days (UTC) without requests are left out. The 24 hours or 30 days before 'to' when 'from' is absent; at most 31 days of hours, or 3660 days.",
          operationId: "readUsageMetrics",
        }),
      },
    )
    .get(
      "/records",
      ({ query, request }) => (wantsCsv(request, query.format) ? recordsAsCsv(query, request) : list(query, request)),
      {
        query: recordsQuery,
        response: { 200: listOf(recordSchema), ...problems() },
        detail: needing("usage:read", {
          ...asCsv,
          tags,
          summary: "List ledger rows, newest first",
          operationId: "listUsageRecords",
        }),
      },
    );
}

type FilterQuery = { [K in keyof typeof filterMembers]?: string } & { request_id?: string };

/** No organisation has this id; the empty one is that of calls whose key was not valid. */
const noOrganisation = "?";

async function readFilter(deps: AdminDeps, query: FilterQuery, request: Request): Promise<UsageFilter> {
  return defined({
    requestId: query.request_id,
    org: confine(request, query.org) ?? (query.org === undefined ? undefined : noOrganisation),
    team: query.team,
    app: await applicationId(deps, request, query.app),
    env: query.env,
    key: query.key,
    model: query.model,
    provider: query.provider,
    decision: query.decision as UsageFilter["decision"],
    ...readSpan(query),
  });
}

/** The id that an application's records have; also of one that was deleted, whose name is known no more. */
export async function applicationId(
  deps: Pick<AdminDeps, "applications">,
  request: Request,
  idOrName: string | undefined,
): Promise<string | undefined> {
  if (idOrName === undefined) return undefined;
  return (await resolveReached(deps, request, idOrName))?.id ?? idOrName;
}

const nanoPerUsd = 1e9;

function showTotals(totals: UsageTotals): Omit<Shown<typeof summarySchema>, "groups"> {
  return {
    requests: totals.requests,
    prompt_tokens: totals.promptTokens,
    completion_tokens: totals.completionTokens,
    cached_tokens: totals.cachedTokens,
    reasoning_tokens: totals.reasoningTokens,
    total_tokens: totals.totalTokens,
    cost_usd: totals.costNanoUsd / nanoPerUsd,
    unpriced_requests: totals.unpricedRequests,
  };
}

function showMetrics(metrics: UsageMetrics): Shown<typeof metricsSchema>["data"][number] {
  return {
    from: showTime(metrics.from),
    to: showTime(metrics.to),
    ...showTotals(metrics),
    denied_requests: metrics.deniedRequests,
    failed_requests: metrics.failedRequests,
    mean_latency_ms: toTenths(metrics.meanLatencyMs),
    mean_ttft_ms: toTenths(metrics.meanTtftMs),
  };
}

function showRecord(row: UsageRow): Shown<typeof recordSchema> {
  const { usage } = row;
  return {
    request_id: row.requestId,
    ts: showTime(row.ts),
    org: row.org,
    team: row.team,
    app: row.app,
    env: row.env,
    key: row.key,
    user_hash: row.userHash,
    surface: row.surface,
    provider: row.provider,
    model: row.model,
    served_model: row.servedModel,
    stream: row.stream,
    prompt_tokens: usage.promptTokens,
    completion_tokens: usage.completionTokens,
    cached_tokens: usage.cachedTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    reasoning_tokens: usage.reasoningTokens,
    total_tokens: usage.totalTokens,
    cost_usd: row.costNanoUsd === null ? null : row.costNanoUsd / nanoPerUsd,
    price_date: row.priceDate,
    provenance: row.provenance,
    request_bytes: row.requestBytes,
    response_bytes: row.responseBytes,
    latency_ms: toTenths(row.latencyMs),
    ttft_ms: toTenths(row.ttftMs),
    status: row.status,
    decision: row.decision,
    code: row.code,
  };
}

/** Clocks tell more digits than they know. */
function toTenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
