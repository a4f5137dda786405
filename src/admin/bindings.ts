import { t } from "elysia";
import type { PolicyBinding, PolicyOverlay } from "../core/overlay.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf } from "./operator.ts";
import { paramsSchema, policyPattern, requirePolicy, settled, toParams } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { reachedApplication } from "./reach.ts";
import {
  found,
  idParams,
  ifMatchHeaders,
  listOf,
  listQuery,
  pageOf,
  readIfMatch,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

const bindingSchema = t.Object(
  {
    application: t.String(),
    policy: t.String(),
    params: paramsSchema,
    actor: t.String({ description: "Who changed it last." }),
    created_at: time("When it was attached."),
    updated_at: time("When it was last changed."),
  },
  {
    examples: [
      {
        application: "chat",
        policy: "org/prod-token-cap",
        params: { hard_cap: 8000 },
        actor: "admin-key",
        created_at: "2026-01-31T12:00:00.000Z",
        updated_at: "2026-01-31T12:00:00.000Z",
      },
    ],
  },
);

const attachSchema = t.Object(
  { policy: policyPattern, params: t.Optional(paramsSchema) },
  { additionalProperties: false, examples: [{ policy: "org/prod-token-cap", params: { hard_cap: 8000 } }] },
);

const oneParams = t.Object({ id: idParams.properties.id, policy: policyPattern });
const tags = ["Applications"];

/** `/applications/{id}/policies`. */
export function bindingRoutes(deps: AdminDeps) {
  const application = async (request: Request, id: string) => (await reachedApplication(deps, request, id)).id;
  const find = (policy: string, app: string) =>
    deps.policyControl.overlay().bindings.find((binding) => binding.policy === policy && binding.application === app);

  const attach = async (
    app: string,
    policy: string,
    given: Shown<typeof paramsSchema>,
    ifMatch: string | undefined,
    request: Request,
  ): Promise<PolicyBinding> => {
    const actor = actorOf(request);
    await requirePolicy(deps, request, policy);
    const stored = deps.policyControl.overlay().policies.find(({ id }) => id === policy);
    if (stored?.status === "deprecated" && find(policy, app) === undefined) {
      const problem = `The policy '${policy}' is deprecated: it stays where it is and is attached to nothing more.`;
      throw new SluiceError("conflict", { problem });
    }
    const params = toParams(given);
    const version = readIfMatch(ifMatch);
    const changed = await deps.policyControl.change({
      next: (overlay) => withBinding(overlay, { policy, application: app, params, actor }),
      store: () => deps.policyStore.attach(policy, app, params, version, actor),
    });
    const binding = settled(changed, "binding", `${policy} on ${app}`, ifMatch);
    deps.logger.info({ policy, application: app, actor }, "a policy was attached to an application");
    return binding;
  };

  return routes("/applications")
    .get(
      "/:id/policies",
      async ({ params: { id }, query, request }) => {
        const app = await application(request, id);
        const bound = deps.policyControl.overlay().bindings.filter((binding) => binding.application === app);
        return showPage(
          pageOf(bound, ({ policy }) => policy, toPageRequest(query)),
          show,
        );
      },
      {
        params: idParams,
        query: listQuery({}),
        response: { 200: listOf(bindingSchema), ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "List the policies attached to an application",
          description: "Those that apply to it by their own scope are listed at /policies/effective with them.",
          operationId: "listApplicationPolicies",
        }),
      },
    )
    .post(
      "/:id/policies",
      async ({ params: { id }, body, set, request }) => {
        const app = await application(request, id);
        const is = find(body.policy, app);
        if (is !== undefined) {
          const problem = `The policy '${body.policy}' is attached to '${app}' already; PUT it to change its params.`;
          throw new SluiceError("conflict", { problem });
        }
        const binding = await attach(app, body.policy, body.params ?? {}, undefined, request);
        set.status = 201;
        set.headers.etag = toEtag(binding.version);
        set.headers.location = `/admin/v1/applications/${encodeURIComponent(app)}/policies/${encodeURIComponent(body.policy)}`;
        return show(binding);
      },
      {
        params: idParams,
        body: attachSchema,
        response: { 201: bindingSchema, ...problems(404, 409, 413, 422) },
        detail: needing("policy:write", {
          tags,
          summary: "Attach a policy to an application",
          description:
            "It applies to the application beside its own scope; what it is for (environments, models, surfaces, exclusions) stays as it says.",
          operationId: "attachPolicy",
        }),
      },
    )
    .get(
      "/:id/policies/:policy",
      async ({ params: { id, policy }, set, request }) => {
        const app = await application(request, id);
        const binding = found(find(policy, app), "binding", `${policy} on ${app}`);
        set.headers.etag = toEtag(binding.version);
        return show(binding);
      },
      {
        params: oneParams,
        response: { 200: bindingSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read an attachment", operationId: "readApplicationPolicy" }),
      },
    )
    .put(
      "/:id/policies/:policy",
      async ({ params: { id, policy }, body, headers, set, request }) => {
        const app = await application(request, id);
        const binding = await attach(app, policy, body?.params ?? {}, headers["if-match"], request);
        set.headers.etag = toEtag(binding.version);
        return show(binding);
      },
      {
        params: oneParams,
        headers: ifMatchHeaders,
        body: t.Optional(
          t.Object(
            { params: t.Optional(paramsSchema) },
            { additionalProperties: false, examples: [{ params: { hard_cap: 8000 } }] },
          ),
        ),
        response: { 200: bindingSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing("policy:write", {
          tags,
          summary: "Attach a policy to an application, or change its params there",
          operationId: "putApplicationPolicy",
        }),
      },
    )
    .delete(
      "/:id/policies/:policy",
      async ({ params: { id, policy }, headers, set, request }) => {
        const app = await application(request, id);
        const ifMatch = headers["if-match"];
        const actor = actorOf(request);
        const changed = await deps.policyControl.changeAtOnce(() =>
          deps.policyStore.detach(policy, app, readIfMatch(ifMatch), actor),
        );
        settled(changed, "binding", `${policy} on ${app}`, ifMatch);
        deps.logger.info({ policy, application: app, actor }, "a policy was detached from an application");
        set.status = 204;
      },
      {
        params: oneParams,
        headers: ifMatchHeaders,
        response: { 204: t.Void({ description: "It is detached." }), ...problems(404, 412) },
        detail: needing("policy:write", {
          tags,
          summary: "Detach a policy from an application",
          description: "Where its own scope holds the application it goes on applying, with its params from elsewhere.",
          operationId: "detachPolicy",
        }),
      },
    );
}

function withBinding(
  overlay: PolicyOverlay,
  binding: Pick<PolicyBinding, "policy" | "application" | "params" | "actor">,
): PolicyOverlay {
  const others = overlay.bindings.filter(
    ({ policy, application }) => policy !== binding.policy || application !== binding.application,
  );
  const proposed = { ...binding, id: "", version: 0, createdAt: 0, updatedAt: 0 };
  return { ...overlay, bindings: [...others, proposed] };
}

function show(binding: PolicyBinding): Shown<typeof bindingSchema> {
  return {
    application: binding.application,
    policy: binding.policy,
    params: { ...binding.params } as Shown<typeof paramsSchema>,
    actor: binding.actor,
    created_at: showTime(binding.createdAt),
    updated_at: showTime(binding.updatedAt),
  };
}
