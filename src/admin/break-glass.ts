import { t } from "elysia";
import { type BreakGlass, breakGlassActions, maxBreakGlassMs } from "../core/overlay.ts";
import type { Scope } from "../core/policy.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import {
  defined,
  found,
  idParams,
  listOf,
  listQuery,
  oneOf,
  routes,
  type Shown,
  showPage,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import {
  endMembers,
  readEnd,
  reasonText,
  scopeSchema,
  shownScope,
  showTemporary,
  temporaryMembers,
} from "./temporary.ts";

const action = oneOf(breakGlassActions, {
  description: "allow: what fires has no effect; skip: nothing is taken from the policy's limits either.",
});

const breakGlassSchema = t.Object(
  {
    ...temporaryMembers,
    policy: t.String(),
    rule: t.String({ description: "Empty for all rules of the policy." }),
    scope: shownScope,
    action,
  },
  {
    examples: [
      {
        id: "bg_019c13f0a5b87c2e9d4f6a1b3c5d7e9f",
        policy: "org/prod-token-cap",
        rule: "over-hard-cap",
        scope: { apps: ["chat"] },
        action: "allow",
        reason: "incident 4711: summaries of long logs",
        actor: "admin-key",
        state: "open",
        created_at: "2026-01-31T12:00:00.000Z",
        expires_at: "2026-01-31T13:00:00.000Z",
        ended_at: null,
        ended_by: "",
      },
    ],
  },
);

const createSchema = t.Object(
  {
    policy: t.String({ minLength: 1, maxLength: 256, description: "Id of the policy." }),
    rule: t.Optional(t.String({ maxLength: 128, description: "Id of one of its rules; all of them when absent." })),
    scope: t.Optional(scopeSchema),
    action: t.Optional(action),
    reason: reasonText,
    ...endMembers,
  },
  {
    additionalProperties: false,
    examples: [
      {
        policy: "org/prod-token-cap",
        rule: "over-hard-cap",
        scope: { apps: ["chat"] },
        reason: "incident 4711: summaries of long logs",
        ttl_seconds: 3600,
      },
    ],
  },
);

const tags = ["Overrides"];

/** `/break-glass`. */
export function breakGlassRoutes(deps: AdminDeps) {
  const show = (entry: BreakGlass): Shown<typeof breakGlassSchema> => ({
    ...showTemporary(entry, deps.clock.now()),
    policy: entry.policy,
    rule: entry.rule,
    scope: { ...entry.scope },
    action: entry.action,
  });

  return routes("/break-glass")
    .get(
      "",
      async ({ query }) => {
        const filter = defined({ policy: query.policy, state: query.state });
        return showPage(await deps.policyStore.listBreakGlass(toPageRequest(query), filter), show);
      },
      {
        query: listQuery({
          policy: t.Optional(t.String({ description: "Only those of this policy." })),
          state: t.Optional(oneOf(["open", "closed"], { description: "closed: ended, or expired." })),
        }),
        response: { 200: listOf(breakGlassSchema), ...problems() },
        detail: needing(
          "policy:read",
          {
            tags,
            summary: "List break-glass entries, newest first",
            operationId: "listBreakGlass",
          },
          "deployment",
        ),
      },
    )
    .post(
      "",
      async ({ body, set, request }) => {
        const { policy, rule = "", scope = {}, action = "allow", reason } = body;
        const now = deps.clock.now();
        const expiresAt = readEnd(body, now, maxBreakGlassMs, "break-glass");
        const input = { policy, rule, scope: scope as Scope, action, reason, expiresAt };
        const actor = actorOf(request);
        const proposed = { ...input, id: "bg_new", actor, createdAt: now, endedAt: null, endedBy: "" };
        const made = await deps.policyControl.change({
          next: (overlay) => ({ ...overlay, breakGlass: [...overlay.breakGlass, proposed] }),
          store: () => deps.policyStore.beginBreakGlass(input, actor),
        });
        deps.logger.warn({ id: made.id, policy, rule, action, actor, reason }, "a break-glass began");
        set.status = 201;
        set.headers.location = `/admin/v1/break-glass/${made.id}`;
        return show(made);
      },
      {
        body: createSchema,
        response: { 201: breakGlassSchema, ...problems(409, 413, 422) },
        detail: needing(
          "policy:activate",
          {
            tags,
            summary: "Begin a break-glass",
            description:
              "For at most 24 hours a policy, or one of its rules, loses its effect on some requests. What fires is recorded all the same. Locked policies cannot be overridden.",
            operationId: "beginBreakGlass",
          },
          "deployment",
        ),
      },
    )
    .get(
      "/:id",
      async ({ params: { id } }) => show(found(await deps.policyStore.findBreakGlass(id), "break-glass", id)),
      {
        params: idParams,
        response: { 200: breakGlassSchema, ...problems(404) },
        detail: needing(
          "policy:read",
          { tags, summary: "Read a break-glass entry", operationId: "readBreakGlass" },
          "deployment",
        ),
      },
    )
    .delete(
      "/:id",
      async ({ params: { id }, request }) => {
        found(await deps.policyStore.findBreakGlass(id), "break-glass", id);
        const actor = actorOf(request);
        const ended = await deps.policyControl.changeAtOnce(() => deps.policyStore.endBreakGlass(id, actor));
        if (ended === null)
          throw new SluiceError("conflict", { problem: `The break-glass '${id}' has ended already.` });
        deps.logger.warn({ id, policy: ended.policy, rule: ended.rule, actor }, "a break-glass was ended");
        return show(ended);
      },
      {
        params: idParams,
        response: { 200: breakGlassSchema, ...problems(404, 409) },
        detail: needing(
          "policy:activate",
          {
            tags,
            summary: "End a break-glass before its time",
            description: "The entry stays in the list.",
            operationId: "endBreakGlass",
          },
          "deployment",
        ),
      },
    );
}
