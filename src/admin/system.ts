import { t } from "elysia";
import type { AdminDeps } from "./deps.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { listOf, listQuery, oneOf, pageOf, routes, showPage, showTime, time, toPageRequest } from "./schemas.ts";
import { needing } from "./scopes.ts";

const statusSchema = t.Object(
  {
    status: oneOf(["ready", "degraded", "not_ready"]),
    version: t.String(),
    started_at: time("When this process started."),
    uptime_seconds: t.Integer(),
    revision: t.String({ description: "The live policy set." }),
    replicas: t.Union([t.Integer(), t.Null()], {
      description: "Live replicas that share Redis, this one included, as it was last known; null without Redis.",
    }),
    parts: t.Array(t.Object({ name: t.String(), state: t.String(), detail: t.String() })),
    records_dropped: t.Object(
      { usage: t.Integer(), decision: t.Integer() },
      { description: "Records lost since start, by log." },
    ),
  },
  {
    examples: [
      {
        status: "ready",
        version: "0.1.0",
        started_at: "2026-01-31T12:00:00.000Z",
        uptime_seconds: 3600,
        revision: "sha256:2f1c…",
        replicas: 3,
        parts: [{ name: "policies", state: "ready", detail: "" }],
        records_dropped: { usage: 0, decision: 0 },
      },
    ],
  },
);

const settingSchema = t.Object(
  {
    name: t.String(),
    value: t.Union([t.String(), t.Number(), t.Boolean(), t.Null()], {
      description: "Null for secrets and when unset.",
    }),
    set: t.Boolean({ description: "Whether it has a value; for a secret all that is told." }),
    source: t.String({ description: "Where the value came from: a flag, a variable, a line of the file, or default." }),
    secret: t.Boolean(),
    description: t.String(),
  },
  {
    examples: [
      {
        name: "SLUICE_PORT",
        value: 8787,
        set: true,
        source: "default",
        secret: false,
        description: "Port to listen on.",
      },
    ],
  },
);

const tags = ["System"];

/** `/status` and `/config`. */
export function systemRoutes(deps: AdminDeps) {
  return routes("")
    .get(
      "/status",
      async ({ request }) => {
        const all = operatorOf(request).organisation === null;
        const { status, version, startedAt, replicas, parts } = await deps.status();
        return {
          status,
          version,
          started_at: showTime(startedAt),
          uptime_seconds: Math.max(0, Math.floor((deps.clock.now() - startedAt) / 1000)),
          revision: deps.policies.state().revision,
          replicas,
          // What is wrong may name what others have.
          parts: parts.map((part) => (all ? { ...part } : { ...part, detail: "" })),
          records_dropped: { ...deps.recorder.dropped },
        };
      },
      {
        response: { 200: statusSchema, ...problems() },
        detail: needing("policy:read", { tags, summary: "Read the gateway's status", operationId: "readStatus" }),
      },
    )
    .get(
      "/config",
      ({ query }) =>
        showPage(
          pageOf(deps.settings(), ({ name }) => name, toPageRequest(query)),
          (setting) => ({
            name: setting.name,
            value: setting.secret ? null : setting.value,
            set: setting.value !== null && setting.value !== "",
            source: setting.source,
            secret: setting.secret,
            description: setting.description,
          }),
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(settingSchema), ...problems() },
        detail: needing(
          "audit:read",
          {
            tags,
            summary: "List the settings with where each value comes from",
            operationId: "listSettings",
          },
          "deployment",
        ),
      },
    );
}
