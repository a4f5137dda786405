import { t } from "elysia";
import { type CounterKey, maskCounterKey, readCounterKey } from "../core/counter-keys.ts";
import { type InspectedCounter, type LimitScope, unlimited } from "../core/limits.ts";
import type { Page, PageRequest } from "../core/resources.ts";
import type { Organisation } from "../core/tenants.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { allOrganisations, countersOf, readableAmount } from "./limit-counters.ts";
import { doNoted } from "./noted.ts";
import { actorOf, reaches } from "./operator.ts";
import { problems } from "./problems.ts";
import { confine } from "./reach.ts";
import {
  found,
  listOf,
  listQuery,
  oneOf,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import { applicationId } from "./usage.ts";

const units = ["requests", "tokens", "prompt_tokens", "completion_tokens", "usd", "concurrency"] as const;
const scopes = ["team", "app", "env", "key", "user", "model", "provider"] as const;

const counterSchema = t.Object(
  {
    key: t.String({ description: "Names the counter, to reset it." }),
    org: t.String(),
    policy: t.String(),
    limit: t.String({ description: "Which limit of the policy." }),
    unit: oneOf(units, { description: "Amounts of usd are US dollars." }),
    window: t.String({ description: "A calendar window, such as day; or the seconds of a sliding one." }),
    per: t.Record(t.String(), t.String(), { description: "Whose counter it is; empty when it is one for all." }),
    value: t.Number({ description: "Used or held in the current window." }),
    held: t.Number({ description: "The part of it that open requests hold; settling may lower it." }),
    max: t.Union([t.Number(), t.Null()], {
      description: "The maximum that it was last asked with; null for a limit that only counts, such as a soft budget.",
    }),
    remaining: t.Union([t.Number(), t.Null()]),
    reset_seconds: t.Integer({
      description: "Until the window ends; of a sliding one, until the oldest use leaves it.",
    }),
    resets_at: time("The same as a point in time."),
  },
  {
    examples: [
      {
        key: "default|org/free-tier|day/usd|usd|day|app=chat",
        org: "default",
        policy: "org/free-tier",
        limit: "day/usd",
        unit: "usd",
        window: "day",
        per: { app: "chat" },
        value: 12.408231,
        held: 0.0164,
        max: 50,
        remaining: 37.591769,
        reset_seconds: 43200,
        resets_at: "2026-02-01T00:00:00.000Z",
      },
    ],
  },
);

const resetSchema = t.Object(
  {
    key: t.String({ minLength: 1, maxLength: 4096, description: "The key of the counter, as the list gives it." }),
    reason: t.String({ minLength: 1, maxLength: 512, pattern: "^(?=.*\\S)[^\\x00-\\x1f\\x7f]+$", description: "Why." }),
  },
  {
    additionalProperties: false,
    examples: [{ key: "default|org/free-tier|day/usd|usd|day|app=chat", reason: "charged twice by a broken client" }],
  },
);

const resetDoneSchema = t.Object(
  { key: t.String(), actor: t.String(), reason: t.String(), reset_at: time("When.") },
  {
    examples: [
      {
        key: "default|org/free-tier|day/usd|usd|day|app=chat",
        actor: "admin-key",
        reason: "charged twice by a broken client",
        reset_at: "2026-01-31T12:00:00.000Z",
      },
    ],
  },
);

const filterMembers = {
  org: t.Optional(t.String({ description: "Only this organisation." })),
  policy: t.Optional(t.String({ description: "Only the limits of this policy." })),
  unit: t.Optional(oneOf(units, { description: "What is counted." })),
  app: t.Optional(t.String({ description: "Id or name of the application." })),
  team: t.Optional(t.String({ description: "Id of the team." })),
  env: t.Optional(t.String({ description: "The environment of the gateway key." })),
  key: t.Optional(t.String({ description: "Id of the gateway key." })),
  user: t.Optional(t.String({ description: "The end user's name." })),
  model: t.Optional(t.String({ description: "The model that clients named." })),
  provider: t.Optional(t.String({ description: "The provider that is asked." })),
};

const tags = ["Limits"];

/** `/limits`. */
export function limitRoutes(deps: AdminDeps) {
  return routes("/limits")
    .get(
      "",
      async ({ query, request }) => {
        const org = confine(request, query.org);
        if (org === null) throw new SluiceError("not_found", { resource: "organisation", id: query.org ?? "" });
        const app = await applicationId(deps, request, query.app);
        const wanted = { ...query, org, app, model: query.model?.toLowerCase() };
        return showPage(await listCounters(deps, toPageRequest(query), wanted), (one) => show(one, deps.clock.now()));
      },
      {
        query: listQuery(filterMembers),
        response: { 200: listOf(counterSchema), ...problems(404, 503) },
        detail: needing("usage:read", {
          tags,
          summary: "List the counters of limits that are in use",
          description:
            "Filters select the counters that are kept per what they name: one for a whole organisation is not an application's. While Redis is away this is 503; without Redis the counters are those of this process. A page can be short, or empty, and not be the last.",
          operationId: "listLimits",
        }),
      },
    )
    .post(
      "/reset",
      async ({ body: { key, reason }, request }) => {
        const parts = readCounterKey(key);
        const owner = parts && reaches(request, parts.org) ? await deps.organisations.find(parts.org) : null;
        if (owner === null) throw new SluiceError("not_found", { resource: "counter", id: key });
        const actor = actorOf(request);
        const masked = maskCounterKey(key);
        const act = {
          organisation: owner.id,
          actor,
          action: "reset",
          subject: `counter ${masked}`,
          detail: { reason },
        };
        await doNoted(deps, act, async () => {
          const done = await deps.counters.reset(owner, key);
          if (!done) throw new SluiceError("not_found", { resource: "counter", id: key });
        });
        deps.logger.warn({ counter: masked, actor, reason }, "a counter was reset");
        return { key, actor, reason, reset_at: showTime(deps.clock.now()) };
      },
      {
        body: resetSchema,
        response: { 200: resetDoneSchema, ...problems(404, 413, 503) },
        detail: needing("system:write", {
          tags,
          summary: "Begin a counter's current window anew, at zero",
          description:
            "What open requests hold of it is forgotten: settling them changes it no more. Who does it and why goes to the audit log first, with the end user as a hash of their name; without that nothing is done.",
          operationId: "resetLimit",
        }),
      },
    );
}

type Wanted = { readonly [K in keyof typeof filterMembers]?: string | undefined };

interface Listed {
  readonly key: CounterKey;
  readonly counter: InspectedCounter;
}

/** Most looks at the store for one page; the next page goes on where they ended. */
const maxLooks = 50;

/** One page: of one organisation after another, each from where the page before ended. */
async function listCounters(deps: AdminDeps, page: PageRequest, wanted: Wanted): Promise<Page<Listed>> {
  const at = readPosition(page);
  const orgs: readonly Organisation[] =
    wanted.org === undefined
      ? await allOrganisations(deps)
      : [found(await deps.organisations.find(wanted.org), "organisation", wanted.org)];
  const data = new Map<string, Listed>();
  let looks = 0;
  for (const org of orgs.filter(({ id }) => id >= at.org)) {
    let cursor = org.id === at.org ? at.cursor : null;
    for (;;) {
      if (data.size >= page.limit || looks >= maxLooks)
        return { data: [...data.values()], next: toCursor(org, cursor) };
      looks += 1;
      const looked = await countersOf(deps, org, { policy: wanted.policy, cursor, limit: page.limit - data.size });
      for (const one of looked.counters) if (matches(one, wanted)) data.set(one.counter.key, one);
      cursor = looked.next;
      if (cursor === null) break;
    }
  }
  return { data: [...data.values()], next: null };
}

function matches({ key, counter }: Listed, wanted: Wanted): boolean {
  if (wanted.unit !== undefined && wanted.unit !== counter.unit) return false;
  return scopes.every((scope) => wanted[scope] === undefined || wanted[scope] === key.per[scope]);
}

/** Where a page ended: inside an organisation, at the store's own cursor. */
function toCursor({ id }: Organisation, cursor: string | null): string {
  return Buffer.from(JSON.stringify([id, cursor])).toString("base64url");
}

function readPosition({ after }: PageRequest): { readonly org: string; readonly cursor: string | null } {
  if (after === null) return { org: "", cursor: null };
  try {
    const value: unknown = JSON.parse(Buffer.from(after, "base64url").toString("utf8"));
    const [org, cursor] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof org === "string" && (cursor === null || typeof cursor === "string")) return { org, cursor };
  } catch {
    // Told below.
  }
  throw new SluiceError("invalid_input", { problem: "The cursor is not one that this list gave as 'next'." });
}

function show({ key, counter }: Listed, now: number): Shown<typeof counterSchema> {
  const { unit, used, held, max, resetSeconds } = counter;
  return {
    key: counter.key,
    org: key.org,
    policy: key.policy,
    limit: key.name,
    unit,
    window: key.window,
    per: { ...key.per } as Partial<Record<LimitScope, string>> as Record<string, string>,
    value: readableAmount(unit, used),
    held: readableAmount(unit, held),
    max: max === unlimited ? null : readableAmount(unit, max),
    remaining: max === unlimited ? null : readableAmount(unit, Math.max(0, max - used)),
    reset_seconds: resetSeconds,
    resets_at: showTime(now + resetSeconds * 1000),
  };
}
