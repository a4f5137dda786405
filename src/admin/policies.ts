import { t } from "elysia";
import type { PolicyProblem } from "../core/control.ts";
import type { Identity } from "../core/identity.ts";
import { phases, surfaces } from "../core/phases.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { compileScope } from "../core/snapshot.ts";
import { SluiceError } from "../errors.ts";
import type { AdminDeps } from "./deps.ts";
import { problems } from "./problems.ts";
import { pinSchema, showPin } from "./revisions.ts";
import {
  found,
  idParams,
  listOf,
  listQuery,
  maybeTime,
  oneOf,
  pageOf,
  routes,
  type Shown,
  showMaybeTime,
  showPage,
  toPageRequest,
} from "./schemas.ts";

const policyMembers = {
  id: t.String({ description: "Its path without the ending." }),
  description: t.String(),
  owner: t.String({ description: "Who answers for it; empty when the file does not say." }),
  mode: oneOf(["enforce", "warn", "audit"], { description: "What a hit does." }),
  on_error: oneOf(["deny", "warn", "allow"], { description: "What it counts as when it cannot be evaluated." }),
  priority: t.Number(),
  scope: t.Object({}, { additionalProperties: true, description: "Which requests it applies to; {} for all." }),
  uses: t.String({ description: "The policy type, or rules." }),
  phases: t.Array(oneOf(phases)),
  limits: t.Boolean({ description: "Whether it takes from shared counters." }),
  reads: t.Array(t.String(), { description: "The facts it reads." }),
  source: t.String({ description: "Where it came from, relative to the policies folder; empty when unknown." }),
};

const policyExample = {
  id: "org/prod-token-cap",
  description: "Production apps may not ask for more than 16k tokens at once.",
  owner: "platform",
  mode: "enforce",
  on_error: "deny",
  priority: 100,
  scope: { env: ["prod"] },
  uses: "rules",
  phases: ["request"],
  limits: false,
  reads: ["request.estimated_tokens", "request.max_tokens"],
  source: "org/prod-token-cap.policy.yaml",
} as const;

const policySchema = t.Object(policyMembers, { examples: [policyExample] });

const policyDetailSchema = t.Object(
  { ...policyMembers, text: t.String({ description: "The source text; empty when unknown." }) },
  { examples: [{ ...policyExample, text: "description: …" }] },
);

const problemEntrySchema = t.Object(
  {
    code: t.String(),
    file: t.String(),
    line: t.Integer(),
    column: t.Integer(),
    message: t.String(),
  },
  {
    examples: [
      {
        code: "C002",
        file: "org/prod-token-cap.policy.yaml",
        line: 14,
        column: 11,
        message: "unknown name 'vars.askd'; did you mean 'vars.asked'?",
      },
    ],
  },
);

const currentSchema = t.Object({
  revision: t.String({ description: "Digest of the live set's files." }),
  loaded_at: maybeTime("When it went live; null when there is none."),
  state: oneOf(["ready", "degraded", "invalid"], {
    description: "Degraded: the files have problems and an earlier set stays live; invalid: there is no earlier one.",
  }),
  policies: t.Integer({ description: "How many policies are live." }),
  problems: t.Array(problemEntrySchema, { description: "What keeps the files from being loaded." }),
  files: t.String({ description: "Id of the revision whose files are in force; none when none are." }),
  origin: oneOf(["folder", "retained", "none"], {
    description: "Whether those files were in the policies folder, or kept from an earlier time.",
  }),
  pin: pinSchema,
  waiting: t.Union([t.String(), t.Null()], {
    description: "Id of what the policies folder holds in good order and is not live because of the pin.",
  }),
});

const validateSchema = t.Object(
  {
    content: t.String({ maxLength: 1_000_000, description: "The file's text." }),
    path: t.String({
      minLength: 1,
      maxLength: 512,
      description:
        "Where it would stand in the policies folder: it makes the id and the scope, the ending the language.",
    }),
  },
  {
    additionalProperties: false,
    examples: [{ path: "org/no-shell.cel", content: '//! deny: shell_tool 403 "no shell tools"\ntrue' }],
  },
);

const effectiveQuery = t.Object(
  {
    app: t.String({ minLength: 1, description: "Id or name of the application." }),
    env: t.Optional(t.String({ description: "Leave out to see the policies of any environment." })),
    model: t.Optional(t.String({ description: "Leave out to see the policies of any model." })),
    surface: t.Optional(oneOf(surfaces, { description: "Leave out to see the policies of any surface." })),
    key: t.Optional(t.String({ description: "Leave out to see the policies of any key." })),
  },
  { additionalProperties: false },
);

const typeSchema = t.Object({
  name: t.String(),
  summary: t.String(),
  phases: t.Array(oneOf(phases)),
  on_error: oneOf(["deny", "warn", "allow"]),
  config: t.Object({}, { additionalProperties: true, description: "JSON Schema of with." }),
  reads: t.Array(t.String()),
  reasons: t.Record(t.String(), t.Object({ code: t.String(), status: t.Integer(), message: t.String() })),
  examples: t.Array(t.Unknown(), { description: "Values of with." }),
});

const tags = ["Policies"];

/** `/policy-types`. */
export function policyTypeRoutes(deps: AdminDeps) {
  const show = (type: ReturnType<AdminDeps["policies"]["types"]>[number]): Shown<typeof typeSchema> => ({
    name: type.name,
    summary: type.summary,
    phases: [...type.phases],
    on_error: type.onError,
    config: { ...type.config },
    reads: [...type.reads],
    reasons: { ...type.reasons },
    examples: [...type.examples],
  });
  return routes("/policy-types")
    .get(
      "",
      ({ query }) =>
        showPage(
          pageOf(deps.policies.types(), ({ name }) => name, toPageRequest(query)),
          show,
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(typeSchema), ...problems() },
        detail: { tags, summary: "List policy types", operationId: "listPolicyTypes" },
      },
    )
    .get(
      "/:id",
      ({ params: { id } }) =>
        show(
          found(
            deps.policies.types().find(({ name }) => name === id),
            "policy type",
            id,
          ),
        ),
      {
        params: idParams,
        response: { 200: typeSchema, ...problems(404) },
        detail: { tags, summary: "Read a policy type", operationId: "readPolicyType" },
      },
    );
}

/** `/policies`. */
export function policyRoutes(deps: AdminDeps) {
  const show = (policy: CompiledPolicy): Shown<typeof policySchema> => {
    const source = deps.policies.source(policy.id);
    return {
      id: policy.id,
      description: policy.description,
      owner: source?.owner ?? "",
      mode: policy.mode,
      on_error: policy.onError,
      priority: policy.priority,
      scope: { ...policy.scope },
      uses: policy.uses,
      phases: phases.filter((phase) => policy.evaluate[phase] !== undefined),
      limits: policy.limits !== undefined,
      reads: [...policy.reads],
      source: source?.path ?? "",
    };
  };
  const read = (id: string): Shown<typeof policyDetailSchema> => {
    const policy = found(
      deps.policies.snapshot().policies.find((candidate) => candidate.id === id),
      "policy",
      id,
    );
    return { ...show(policy), text: deps.policies.source(id)?.text ?? "" };
  };

  return routes("/policies")
    .get(
      "",
      ({ query }) =>
        showPage(
          pageOf(deps.policies.snapshot().policies, ({ id }) => id, toPageRequest(query)),
          show,
        ),
      {
        query: listQuery({}),
        response: { 200: listOf(policySchema), ...problems() },
        detail: { tags, summary: "List the live policies", operationId: "listPolicies" },
      },
    )
    .get(
      "/current",
      () => {
        const { revision, loadedAt, state, problems: open, files, origin, pin, waiting } = deps.policies.state();
        return {
          revision,
          loaded_at: showMaybeTime(loadedAt === 0 ? null : loadedAt),
          state,
          policies: deps.policies.snapshot().policies.length,
          problems: open.map(showProblem),
          files,
          origin,
          pin: showPin(pin),
          waiting,
        };
      },
      {
        response: { 200: currentSchema, ...problems() },
        detail: { tags, summary: "Read the live policy set's state", operationId: "readCurrentPolicies" },
      },
    )
    .get(
      "/effective",
      async ({ query }) => {
        const snapshot = deps.policies.snapshot();
        const identity = await identityOf(deps, query.app, query.env ?? "", query.key ?? "");
        const data = snapshot.policies.filter((policy) => applies(policy, identity, query)).map(show);
        return { revision: snapshot.revision, app: identity.app.id, data, next: null };
      },
      {
        query: effectiveQuery,
        response: {
          200: t.Object({ revision: t.String(), app: t.String(), data: t.Array(policySchema), next: t.Null() }),
          ...problems(404),
        },
        detail: {
          tags,
          summary: "List the policies that apply to an application",
          description: "What is left out of the query is not looked at, so that every policy that may apply is shown.",
          operationId: "listEffectivePolicies",
        },
      },
    )
    .post(
      "/validate",
      async ({ body }) => {
        const open = await deps.policies.validate(body.content, body.path);
        return { valid: open.length === 0, problems: open.map(showProblem) };
      },
      {
        body: validateSchema,
        response: { 200: t.Object({ valid: t.Boolean(), problems: t.Array(problemEntrySchema) }), ...problems(413) },
        detail: {
          tags,
          summary: "Check a policy file's text",
          description: "Nothing is stored and nothing changes: the same checks as at load, all problems reported.",
          operationId: "validatePolicy",
        },
      },
    )
    .get("/:id", ({ params }) => read(params.id), {
      params: idParams,
      response: { 200: policyDetailSchema, ...problems(404) },
      detail: {
        tags,
        summary: "Read a live policy with its source",
        description: "The slash in an id may be escaped or not.",
        operationId: "readPolicy",
      },
    })
    .get("/*", ({ params }) => read(params["*"]), { detail: { hide: true } });
}

function showProblem({ code, file, line, column, message }: PolicyProblem): Shown<typeof problemEntrySchema> {
  return { code, file, line, column, message };
}

/** The identity that a key of this application has. */
async function identityOf(deps: AdminDeps, app: string, env: string, key: string): Promise<Identity> {
  const application = found(await deps.applications.resolve(app), "application", app);
  const organisation = await deps.organisations.find(application.organisation);
  if (organisation === null) throw new SluiceError("internal", { id: application.id });
  return {
    org: { id: organisation.id, labels: organisation.labels, timeZone: organisation.timeZone },
    team: { id: application.team },
    app: { id: application.id, name: application.name, labels: application.labels },
    env,
    key: { id: key },
  };
}

/** Whether a policy may apply to requests of `identity`, looking only at what the query names. */
function applies(policy: CompiledPolicy, identity: Identity, query: Shown<typeof effectiveQuery>): boolean {
  const { env, keys, models, surfaces: on, except, ...rest } = policy.scope;
  const named = {
    ...(query.env !== undefined && env !== undefined && { env }),
    ...(query.key !== undefined && keys !== undefined && { keys }),
    ...(query.model !== undefined && models !== undefined && { models }),
    ...(query.surface !== undefined && on !== undefined && { surfaces: on }),
  };
  const undecided =
    except !== undefined &&
    ((query.env === undefined && except.env !== undefined) ||
      (query.key === undefined && except.keys !== undefined) ||
      (query.model === undefined && except.models !== undefined) ||
      (query.surface === undefined && except.surfaces !== undefined));
  const scope = { ...rest, ...named, ...(except !== undefined && !undecided && { except }) };
  return compileScope(scope)(identity, query.model ?? "", query.surface ?? "chat");
}
