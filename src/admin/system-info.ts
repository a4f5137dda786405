import { t } from "elysia";
import { type FactSpec, factEntries } from "../core/facts.ts";
import { adminScopes, roleScopes, roles } from "../core/operators.ts";
import { phases, surfaces } from "../core/phases.ts";
import { errorCatalogue } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { listOf, listQuery, oneOf, pageOf, routes, showPage, showTime, time, toPageRequest } from "./schemas.ts";
import { needing } from "./scopes.ts";

const infoSchema = t.Object(
  {
    version: t.String(),
    runtime: t.String({ description: "What it runs on." }),
    platform: t.String(),
    started_at: time("When this process started."),
    now: time("What time it is here: windows of limits, expiry and records go by it."),
    surfaces: t.Array(oneOf(surfaces), { description: "The wire formats that clients can speak." }),
    phases: t.Array(oneOf(phases), { description: "The points at which policies are asked, in order." }),
    operator: t.Object(
      {
        id: t.String(),
        organisation: t.Union([t.String(), t.Null()], { description: "The one that it sees; null for all." }),
        scopes: t.Array(oneOf(adminScopes)),
      },
      { description: "Who asks." },
    ),
  },
  {
    examples: [
      {
        version: "0.1.0",
        runtime: "bun 1.4.5",
        platform: "linux x64",
        started_at: "2026-01-31T12:00:00.000Z",
        now: "2026-01-31T13:00:00.000Z",
        surfaces: ["chat", "messages"],
        phases: ["request", "stream", "response", "usage"],
        operator: { id: "admin-key", organisation: null, scopes: ["policy:read", "usage:read"] },
      },
    ],
  },
);

const errorSchema = t.Object(
  {
    code: t.String({ description: "What programs match on; it never changes its meaning." }),
    status: t.Integer({ description: "The HTTP status." }),
    message: t.String({ description: "With its placeholders in braces." }),
  },
  { examples: [{ code: "invalid_input", status: 400, message: "{problem}" }] },
);

const roleSchema = t.Object(
  { role: oneOf(roles), scopes: t.Array(oneOf(adminScopes), { description: "What it may do." }) },
  { examples: [{ role: "viewer", scopes: ["policy:read", "usage:read"] }] },
);

const factSchema = t.Object(
  {
    name: t.String(),
    type: t.String({ description: "Its CEL type." }),
    phases: t.Array(oneOf(phases), { description: "The phases whose rules may read it." }),
    values: t.Union([t.Array(t.String()), t.Null()], {
      description: "All that it can be, where that is a closed list.",
    }),
    description: t.String(),
  },
  {
    examples: [
      {
        name: "request.stream",
        type: "bool",
        phases: ["request", "stream", "response", "usage"],
        values: null,
        description: "Whether a stream was asked for.",
      },
    ],
  },
);

const tags = ["System"];

/** `/system/…`: what this gateway is and knows, for programs that work with it. */
export function systemInfoRoutes(deps: AdminDeps) {
  const errors = Object.entries(errorCatalogue).map(([code, [status, message]]) => ({ code, status, message }));
  const facts = factEntries.map(([name, spec]: readonly [string, FactSpec]) => ({
    name,
    type: spec.type,
    phases: [...spec.phases],
    values: spec.values === undefined ? null : [...spec.values],
    description: spec.doc,
  }));

  return routes("/system")
    .get(
      "/info",
      async ({ request }) => {
        const { version, startedAt } = await deps.status();
        const { id, organisation, scopes } = operatorOf(request);
        return {
          version,
          runtime: `bun ${Bun.version}`,
          platform: `${process.platform} ${process.arch}`,
          started_at: showTime(startedAt),
          now: showTime(deps.clock.now()),
          surfaces: [...surfaces],
          phases: [...phases],
          operator: { id, organisation, scopes: adminScopes.filter((scope) => scopes.has(scope)) },
        };
      },
      {
        response: { 200: infoSchema, ...problems() },
        detail: needing("policy:read", {
          tags,
          summary: "Read what this gateway is, and who asks",
          operationId: "readSystemInfo",
        }),
      },
    )
    .get(
      "/errors",
      ({ query }) =>
        showPage(
          pageOf(errors, ({ code }) => code, toPageRequest(query)),
          (entry) => entry,
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(errorSchema), ...problems() },
        detail: needing("policy:read", {
          tags,
          summary: "List the codes of failures",
          description: "Those of Sluice itself, on its surfaces and here. Policies have codes of their own.",
          operationId: "listErrors",
        }),
      },
    )
    .get(
      "/roles",
      ({ query }) =>
        showPage(
          pageOf(roles, (role) => role, toPageRequest(query)),
          (role) => ({ role, scopes: [...roleScopes[role]] }),
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(roleSchema), ...problems() },
        detail: needing("policy:read", { tags, summary: "List the roles with their scopes", operationId: "listRoles" }),
      },
    )
    .get(
      "/facts",
      ({ query }) =>
        showPage(
          pageOf(facts, ({ name }) => name, toPageRequest(query)),
          (fact) => fact,
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(factSchema), ...problems() },
        detail: needing("policy:read", {
          tags,
          summary: "List the facts that policies can read",
          operationId: "listFacts",
        }),
      },
    );
}
