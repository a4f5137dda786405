import { t } from "elysia";
import { exceptionState, type PolicyException } from "../core/exceptions.ts";
import { createConfinement } from "./confined.ts";
import type { AdminDeps } from "./deps.ts";
import { confinePolicies } from "./policy-confined.ts";
import { listPolicies } from "./policy-view.ts";
import { problems } from "./problems.ts";
import {
  listOf,
  listQuery,
  oneOf,
  pageOf,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import { shownScope } from "./temporary.ts";

const exceptionSchema = t.Object(
  {
    id: t.String({ description: "Its path without the ending." }),
    policy: t.String(),
    rule: t.String({ description: "Empty for the whole policy, its limits included." }),
    scope: shownScope,
    owner: t.String(),
    reason: t.String(),
    state: oneOf(["active", "expired"]),
    expires_at: time("From when on it has no effect."),
    hits: t.Integer({ description: "How often it has kept something from its effect since this process began." }),
    source: t.String({ description: "Its file, relative to the policies folder." }),
  },
  {
    examples: [
      {
        id: "org/batch-images",
        policy: "org/image-size",
        rule: "too-large",
        scope: { apps: ["batch-eval"] },
        owner: "platform",
        reason: "the evaluation of scans needs them whole",
        state: "active",
        expires_at: "2026-12-31T00:00:00.000Z",
        hits: 12,
        source: "org/batch-images.exception.yaml",
      },
    ],
  },
);

/** `/exceptions`. They are made in git, and only looked at here. */
export function exceptionRoutes(deps: AdminDeps) {
  const show = (exception: PolicyException): Shown<typeof exceptionSchema> => ({
    id: exception.id,
    policy: exception.policy,
    rule: exception.rule,
    scope: { ...exception.scope },
    owner: exception.owner,
    reason: exception.reason,
    state: exceptionState(exception, deps.clock.now()),
    expires_at: showTime(exception.expiresAt),
    hits: deps.overrideUses(`exception:${exception.id}`),
    source: exception.path,
  });

  return routes("/exceptions").get(
    "",
    async ({ query, request }) => {
      const now = deps.clock.now();
      const wanted = deps.policyControl
        .exceptions()
        .filter(({ policy }) => query.policy === undefined || policy === query.policy)
        .filter((exception) => query.state === undefined || exceptionState(exception, now) === query.state);
      const { confine } = createConfinement(deps, request);
      const known = new Set((await confinePolicies(deps, request, listPolicies(deps))).map(({ id }) => id));
      const confined = await Promise.all(
        wanted.map(async (exception) => {
          const inReach = known.has(exception.policy) ? await confine(exception.scope) : null;
          return inReach === null
            ? []
            : [{ ...exception, ...(!inReach.whole && { reason: "" }), scope: inReach.scope }];
        }),
      );
      return showPage(
        pageOf(confined.flat(), ({ id }) => id, toPageRequest(query)),
        show,
      );
    },
    {
      query: listQuery({
        policy: t.Optional(t.String({ description: "Only those from this policy." })),
        state: t.Optional(oneOf(["active", "expired"], { description: "Only those that are so now." })),
      }),
      response: { 200: listOf(exceptionSchema), ...problems() },
      detail: needing("policy:read", {
        tags: ["Overrides"],
        summary: "List the exceptions that the policy files make",
        description:
          "Expired ones stay in the list until their file is gone. How often each was used is a metric as well.",
        operationId: "listExceptions",
      }),
    },
  );
}
