import { t } from "elysia";
import type { Maintenance } from "../core/overlay.ts";
import type { Scope } from "../core/policy.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { found, routes, type Shown } from "./schemas.ts";
import { needing } from "./scopes.ts";
import {
  clientMessage,
  endMembers,
  readEnd,
  reasonText,
  scopeSchema,
  shownScope,
  showTemporary,
  temporaryMembers,
} from "./temporary.ts";

/** Longest time that requests are refused for without anybody saying so again. */
const maxMaintenanceMs = 7 * 24 * 60 * 60 * 1000;

const defaultMessage = "the gateway is in maintenance; please try again later";

const retryAfter = t.Union([t.Integer({ minimum: 1, maximum: 86_400 }), t.Null()], {
  description: "What retry-after says, in seconds; null for the time that is left.",
});

const maintenanceSchema = t.Object(
  { ...temporaryMembers, scope: shownScope, message: clientMessage, retry_after_seconds: retryAfter },
  {
    examples: [
      {
        id: "mnt_019c13f0a5b87c2e9d4f6a1b3c5d7e9f",
        scope: { env: ["prod"] },
        message: defaultMessage,
        retry_after_seconds: null,
        reason: "database upgrade",
        actor: "admin-key",
        state: "open",
        created_at: "2026-01-31T12:00:00.000Z",
        expires_at: "2026-01-31T12:30:00.000Z",
        ended_at: null,
        ended_by: "",
      },
    ],
  },
);

const putSchema = t.Object(
  {
    scope: t.Optional(scopeSchema),
    message: t.Optional(clientMessage),
    retry_after_seconds: t.Optional(retryAfter),
    reason: reasonText,
    ...endMembers,
  },
  {
    additionalProperties: false,
    examples: [{ scope: { env: ["prod"] }, reason: "database upgrade", ttl_seconds: 1800 }],
  },
);

const tags = ["Overrides"];

/** `/maintenance`. */
export function maintenanceRoutes(deps: AdminDeps) {
  const show = (maintenance: Maintenance): Shown<typeof maintenanceSchema> => ({
    ...showTemporary(maintenance, deps.clock.now()),
    scope: { ...maintenance.scope },
    message: maintenance.message,
    retry_after_seconds: maintenance.retryAfterSeconds,
  });

  return routes("/maintenance")
    .get("", async () => show(found(await current(deps), "maintenance", "current")), {
      response: { 200: maintenanceSchema, ...problems(404) },
      detail: needing(
        "policy:read",
        {
          tags,
          summary: "Read the maintenance that is on",
          description: "404 while there is none.",
          operationId: "readMaintenance",
        },
        "deployment",
      ),
    })
    .put(
      "",
      async ({ body, request }) => {
        const { scope = {}, message = defaultMessage, retry_after_seconds: retryAfterSeconds = null, reason } = body;
        const expiresAt = readEnd(body, deps.clock.now(), maxMaintenanceMs, "maintenance");
        const actor = actorOf(request);
        const input = { scope: scope as Scope, message, retryAfterSeconds, reason, expiresAt };
        const made = await deps.policyControl.changeAtOnce(() => deps.policyStore.beginMaintenance(input, actor));
        deps.logger.warn({ id: made.id, scope, actor, reason }, "maintenance began");
        return show(made);
      },
      {
        body: putSchema,
        response: { 200: maintenanceSchema, ...problems(413, 422) },
        detail: needing(
          "system:write",
          {
            tags,
            summary: "Begin maintenance",
            description:
              "Requests, or those of a scope, are refused with 503 and retry-after until it ends, at most seven days from now. It takes the place of the one that is on.",
            operationId: "beginMaintenance",
          },
          "deployment",
        ),
      },
    )
    .delete(
      "",
      async ({ request }) => {
        const actor = actorOf(request);
        const ended = await deps.policyControl.changeAtOnce(() => deps.policyStore.endMaintenance(actor));
        const { id } = found(ended, "maintenance", "current");
        deps.logger.warn({ id, actor }, "maintenance was ended");
        return show(ended!);
      },
      {
        response: { 200: maintenanceSchema, ...problems(404) },
        detail: needing(
          "system:write",
          { tags, summary: "End maintenance", operationId: "endMaintenance" },
          "deployment",
        ),
      },
    );
}

async function current(deps: AdminDeps): Promise<Maintenance | null> {
  return (await deps.policyStore.overlay(deps.clock.now())).maintenance;
}
