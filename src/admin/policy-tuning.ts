import { t } from "elysia";
import { type Mode, modeRank } from "../core/decision.ts";
import type { PolicyOverlay, PolicySetting } from "../core/overlay.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { actorOf, operatorOf } from "./operator.ts";
import { paramsSchema, requirePolicy, settled, toParams } from "./policy-input.ts";
import { listPolicies } from "./policy-view.ts";
import { problems } from "./problems.ts";
import { resolveReached } from "./reach.ts";
import { defined, found, idParams, ifMatchHeaders, oneOf, readIfMatch, routes, type Shown, toEtag } from "./schemas.ts";
import { needing } from "./scopes.ts";

const application = t.Optional(
  t.String({ minLength: 1, maxLength: 128, description: "Id or name of the application it is for; all when absent." }),
);
const mode = t.Union([oneOf(["enforce", "warn", "audit"]), t.Null()], {
  description: "Of a policy of git only a stricter one than its file says; null for what the file says.",
});

const tuningSchema = t.Object(
  {
    policy: t.String(),
    application: t.Union([t.String(), t.Null()], { description: "Null for all." }),
    mode,
    params: paramsSchema,
    declared: t.Array(
      t.Object({
        name: t.String(),
        type: t.String(),
        default: t.Unknown(),
        min: t.Union([t.Number(), t.Null()]),
        max: t.Union([t.Number(), t.Null()]),
        tunable: t.Boolean(),
      }),
      { description: "What the policy declares." },
    ),
    actor: t.String({ description: "Who tuned it last; empty when nobody did." }),
  },
  {
    examples: [
      {
        policy: "org/prod-token-cap",
        application: null,
        mode: null,
        params: { hard_cap: 8000 },
        declared: [{ name: "hard_cap", type: "int", default: 16000, min: 1, max: 200000, tunable: true }],
        actor: "admin-key",
      },
    ],
  },
);

const modeSchema = t.Object(
  { mode, application },
  { additionalProperties: false, examples: [{ mode: "enforce", application: "chat" }] },
);
const paramsBody = t.Object(
  { params: paramsSchema, application },
  { additionalProperties: false, examples: [{ params: { hard_cap: 8000 } }] },
);
const query = t.Object({ application }, { additionalProperties: false });
const tags = ["Policies"];

/** `/policies/{id}/mode` and `/policies/{id}/params`. */
export function policyTuningRoutes(deps: AdminDeps) {
  const applicationId = async (request: Request, idOrName: string | undefined) =>
    idOrName === undefined ? "" : found(await resolveReached(deps, request, idOrName), "application", idOrName).id;

  /** The application that a change is for. What is tuned for all is for all organisations. */
  const tunedApplication = async (request: Request, idOrName: string | undefined) => {
    const { organisation } = operatorOf(request);
    if (idOrName === undefined && organisation !== null) {
      const problem = `Without an application it concerns all organisations, and this credential is for '${organisation}' alone`;
      throw new SluiceError("insufficient_scope", { problem });
    }
    return applicationId(request, idOrName);
  };
  /** An operator of one organisation tightens what all share, and loosens nothing of it. */
  const holdToShared = (request: Request, policy: string, wanted: Mode | null) => {
    const { organisation } = operatorOf(request);
    const shared = listPolicies(deps).find(({ id }) => id === policy)?.mode;
    if (organisation === null || wanted === null || shared === undefined || modeRank[wanted] >= modeRank[shared])
      return;
    const problem = `For all organisations the mode is '${shared}', and this credential is for '${organisation}' alone`;
    throw new SluiceError("insufficient_scope", { problem });
  };
  const find = (policy: string, app: string) =>
    deps.policyControl.overlay().settings.find((setting) => setting.policy === policy && setting.application === app);

  const tune = async (
    policy: string,
    app: string,
    change: Pick<Partial<PolicySetting>, "params" | "mode">,
    ifMatch: string | undefined,
    request: Request,
  ) => {
    const actor = actorOf(request);
    const changed = await deps.policyControl.change({
      next: (overlay) => withSetting(overlay, policy, app, change),
      store: () => deps.policyStore.tune(policy, app, change, readIfMatch(ifMatch), actor),
    });
    const setting = settled(changed, "setting", policy, ifMatch);
    deps.logger.info({ policy, application: app, ...change, actor }, "a policy was tuned");
    return { etag: toEtag(setting.version), shown: await show(request, policy, app) };
  };

  const show = async (request: Request, policy: string, app: string): Promise<Shown<typeof tuningSchema>> => {
    const setting = find(policy, app);
    const { params } = await requirePolicy(deps, request, policy);
    return {
      policy,
      application: app === "" ? null : app,
      mode: setting?.mode ?? null,
      params: { ...setting?.params } as Shown<typeof paramsSchema>,
      declared: Object.entries(params).map(([name, { min = null, max = null, ...rest }]) => ({
        name,
        ...rest,
        min,
        max,
      })),
      actor: setting?.actor ?? "",
    };
  };

  return routes("/policies")
    .get(
      "/:id/params",
      async ({ params: { id }, query, set, request }) => {
        const app = await applicationId(request, query.application);
        const setting = find(id, app);
        if (setting !== undefined) set.headers.etag = toEtag(setting.version);
        return show(request, id, app);
      },
      {
        params: idParams,
        query,
        response: { 200: tuningSchema, ...problems(404) },
        detail: needing("policy:read", {
          tags,
          summary: "Read how a policy is tuned, and what may be",
          operationId: "readPolicyTuning",
        }),
      },
    )
    .put(
      "/:id/params",
      async ({ params: { id }, body, headers, set, request }) => {
        await requirePolicy(deps, request, id);
        const app = await tunedApplication(request, body.application);
        const change = { params: toParams(body.params) };
        const { etag, shown } = await tune(id, app, change, headers["if-match"], request);
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: paramsBody,
        response: { 200: tuningSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing("policy:write", {
          tags,
          summary: "Tune a policy's params within their bounds",
          description: "For all applications or for one. Params that are left out go back to what holds otherwise.",
          operationId: "tunePolicyParams",
        }),
      },
    )
    .put(
      "/:id/mode",
      async ({ params: { id }, body, headers, set, request }) => {
        await requirePolicy(deps, request, id);
        const app = await tunedApplication(request, body.application);
        holdToShared(request, id, body.mode);
        const change = defined({ mode: body.mode });
        const { etag, shown } = await tune(id, app, change, headers["if-match"], request);
        set.headers.etag = etag;
        return shown;
      },
      {
        params: idParams,
        headers: ifMatchHeaders,
        body: modeSchema,
        response: { 200: tuningSchema, ...problems(404, 409, 412, 413, 422) },
        detail: needing("policy:write", {
          tags,
          summary: "Make a policy's mode stricter",
          description:
            "audit, then warn, then enforce; never looser than git says, nor, for an operator of one organisation, than it is for all. null takes it back.",
          operationId: "tunePolicyMode",
        }),
      },
    );
}

function withSetting(
  overlay: PolicyOverlay,
  policy: string,
  application: string,
  change: Pick<Partial<PolicySetting>, "params" | "mode">,
): PolicyOverlay {
  const isIt = (setting: PolicySetting) => setting.policy === policy && setting.application === application;
  const before = overlay.settings.find(isIt) ?? {
    id: "",
    policy,
    application,
    params: {},
    mode: null,
    actor: "",
    version: 0,
    createdAt: 0,
    updatedAt: 0,
  };
  return { ...overlay, settings: [...overlay.settings.filter((setting) => !isIt(setting)), { ...before, ...change }] };
}
