import { t } from "elysia";
import { hashCounted } from "../core/counter-keys.ts";
import { hashName } from "../core/name-hash.ts";
import type { Organisation } from "../core/tenants.ts";
import type { UsageFilter, UsageTotals } from "../core/usage.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { allOrganisations, countersOf } from "./limit-counters.ts";
import { problems } from "./problems.ts";
import { confine } from "./reach.ts";
import {
  defined,
  found,
  listOf,
  listQuery,
  oneOf,
  routes,
  type Shown,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import { applicationId } from "./usage.ts";

const scopes = ["org", "team", "app", "env", "key", "user", "model", "provider"] as const;
type SpendScope = (typeof scopes)[number];

const periods = ["hour", "day", "week", "month"] as const;

const spendSchema = t.Object(
  {
    org: t.String(),
    scope: t.Record(t.String(), t.String(), {
      description: "Whose spending it is. Users are as in the ledger: a hash of their name.",
    }),
    from: time("Beginning of the period, in the organisation's time zone."),
    to: time("Its end."),
    requests: t.Integer({ description: "Calls in the ledger, refused and failed ones included." }),
    total_tokens: t.Integer(),
    cost_usd: t.Number({ description: "Of the calls that have a price." }),
    unpriced_requests: t.Integer({ description: "Calls whose cost is unknown." }),
    reserved_usd: t.Union([t.Number(), t.Null()], {
      description:
        "What open requests hold of limits in usd now, not in cost_usd yet; null when that cannot be told, as while Redis is away.",
    }),
    reserved_tokens: t.Union([t.Number(), t.Null()], { description: "The same of limits in tokens." }),
  },
  {
    examples: [
      {
        org: "default",
        scope: { app: "chat" },
        from: "2026-01-01T00:00:00.000Z",
        to: "2026-02-01T00:00:00.000Z",
        requests: 5120,
        total_tokens: 2483112,
        cost_usd: 31.447218,
        unpriced_requests: 0,
        reserved_usd: 0.0164,
        reserved_tokens: 4096,
      },
    ],
  },
);

const filterMembers = {
  org: t.Optional(t.String({ description: "Only this organisation; each one has its own calendar." })),
  team: t.Optional(t.String({ description: "Id of the team." })),
  app: t.Optional(t.String({ description: "Id or name of the application." })),
  env: t.Optional(t.String({ description: "The environment of the gateway key." })),
  key: t.Optional(t.String({ description: "Id of the gateway key." })),
  user: t.Optional(t.String({ description: "The end user's name." })),
  model: t.Optional(t.String({ description: "The model that clients named." })),
  provider: t.Optional(t.String({ description: "The provider that answered." })),
};

/** `/limits/spend`. */
export function spendRoutes(deps: AdminDeps) {
  return routes("/limits").get(
    "/spend",
    async ({ query, request }) => {
      const { per = "app", period = "month" } = query;
      const org = confine(request, query.org);
      if (org === null) throw new SluiceError("not_found", { resource: "organisation", id: query.org ?? "" });
      const { limit, after } = toPageRequest(query);
      const start = readOffset(after);
      const app = await applicationId(deps, request, query.app);
      const asked = { ...query, app, user: query.user && hashName(query.user) };
      // Who just got an answer is in the sums, though rows are stored after the answer.
      await deps.recorder.flush();
      const orgs =
        org === undefined
          ? await allOrganisations(deps)
          : [found(await deps.organisations.find(org), "organisation", org)];
      const all: Spend[] = [];
      for (const one of orgs) all.push(...(await spendOf(deps, one, per, period, asked)));
      all.sort((a, b) => b.cost_usd - a.cost_usd || b.requests - a.requests || (nameOf(a) < nameOf(b) ? -1 : 1));
      const data = all.slice(start, start + limit);
      const next = start + limit < all.length ? Buffer.from(String(start + limit)).toString("base64url") : null;
      return { data, next };
    },
    {
      query: listQuery({
        per: t.Optional(oneOf(scopes, { description: "What is summed up by; app when absent." })),
        period: t.Optional(oneOf(periods, { description: "The current one; month when absent." })),
        ...filterMembers,
      }),
      response: { 200: listOf(spendSchema), ...problems(404) },
      detail: needing("usage:read", {
        tags: ["Limits"],
        summary: "Tell what was spent in the current period, the dearest first",
        description:
          "From the ledger, with what open requests have reserved beside it. Reserved is what the limits that are kept per this scope hold; of several, the largest.",
        operationId: "listSpend",
      }),
    },
  );
}

type Spend = Shown<typeof spendSchema>;
type Filters = { readonly [K in keyof typeof filterMembers]?: string | undefined };

/** Most groups of one organisation, those with the most requests first. */
const maxGroups = 10_000;

async function spendOf(
  deps: AdminDeps,
  org: Organisation,
  per: SpendScope,
  period: (typeof periods)[number],
  filters: Filters,
): Promise<Spend[]> {
  const { start, end } = deps.windowOf(deps.clock.now(), period, org.timeZone);
  const { team, app, env, key, user, model, provider } = filters;
  const filter: UsageFilter = {
    ...defined({ team, app, env, key, userHash: user, model, provider }),
    org: org.id,
    from: start,
    to: end,
  };
  const groups = await deps.usage.grouped(filter, [per], maxGroups);
  const spent = new Map<string, UsageTotals>(groups.map((one) => [one.group[per] ?? "", one]));
  // What limits hold is known by what they are kept per: with other filters than the scope's own it says nothing.
  const others = scopes.filter((scope) => scope !== "org" && scope !== per && filters[scope] !== undefined);
  const reserved = others.length > 0 ? null : await reservedOf(deps, org, per);
  for (const name of reserved?.keys() ?? []) {
    const wanted = filters[per];
    if (!spent.has(name) && (wanted === undefined || wanted === name)) spent.set(name, nothing);
  }
  return [...spent].map(([name, totals]) => ({
    org: org.id,
    scope: { [per]: name },
    from: showTime(start),
    to: showTime(end),
    requests: totals.requests,
    total_tokens: totals.totalTokens,
    cost_usd: totals.costNanoUsd / 1e9,
    unpriced_requests: totals.unpricedRequests,
    reserved_usd: reserved && (reserved.get(name)?.usd ?? 0) / 1e6,
    reserved_tokens: reserved && (reserved.get(name)?.tokens ?? 0),
  }));
}

const nothing: UsageTotals = {
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  totalTokens: 0,
  costNanoUsd: 0,
  unpricedRequests: 0,
};

/** Most counters that are looked at for one organisation. */
const maxCounters = 100_000;
const look = 1_000;

type Reserved = { readonly usd: number; readonly tokens: number };

/**
 * What open requests hold, by the scope's values. Each limit holds for all its requests, so of several limits the
 * largest counts and not the sum. `null` when the store is away, or holds too many counters to look at them all.
 */
async function reservedOf(
  deps: AdminDeps,
  org: Organisation,
  per: SpendScope,
): Promise<ReadonlyMap<string, Reserved> | null> {
  const sums = new Map<string, { readonly name: string; readonly unit: "usd" | "tokens"; held: number }>();
  const known = new Set<string>();
  let cursor: string | null = null;
  let looked = 0;
  do {
    let page: Awaited<ReturnType<typeof countersOf>>;
    try {
      page = await countersOf(deps, org, { cursor, limit: look });
    } catch (error) {
      if (error instanceof SluiceError && error.code === "store_unavailable") return null;
      throw error;
    }
    looked += page.counters.length;
    for (const { key, counter } of page.counters) {
      const { unit, held } = counter;
      const value = per === "org" ? org.id : key.per[per];
      // A store may tell of a counter twice.
      if (value === undefined || held === 0 || (unit !== "usd" && unit !== "tokens") || known.has(counter.key))
        continue;
      known.add(counter.key);
      const name = per === "user" ? hashCounted(value) : value;
      const id = JSON.stringify([key.policy, key.name, key.window, unit, name]);
      const sum = sums.get(id) ?? { name, unit, held: 0 };
      sum.held += held;
      sums.set(id, sum);
    }
    if (looked > maxCounters) return null;
    cursor = page.next;
  } while (cursor !== null);
  const reserved = new Map<string, Reserved>();
  for (const { name, unit, held } of sums.values()) {
    const before = reserved.get(name) ?? { usd: 0, tokens: 0 };
    reserved.set(name, { ...before, [unit]: Math.max(before[unit], held) });
  }
  return reserved;
}

function nameOf({ org, scope }: Spend): string {
  return `${org} ${Object.values(scope)[0]}`;
}

function readOffset(after: string | null): number {
  if (after === null) return 0;
  const text = Buffer.from(after, "base64url").toString("utf8");
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
}
