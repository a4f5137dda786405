import { t } from "elysia";
import type { Identity } from "../core/identity.ts";
import { policyStatuses } from "../core/overlay.ts";
import { phases, surfaces } from "../core/phases.ts";
import type { CompiledPolicy, Scope } from "../core/policy.ts";
import type { PolicyProblem, SeesFile } from "../core/policy-directory.ts";
import { compileScope } from "../core/scope.ts";
import type { AdminDeps } from "./deps.ts";
import { identityOf } from "./identities.ts";
import { operatorOf } from "./operator.ts";
import { confinePolicies, seenFiles } from "./policy-confined.ts";
import {
  listPolicies,
  policyDetailSchema,
  policyExample,
  policySchema,
  readPolicyView,
  showPolicy,
} from "./policy-view.ts";
import { problems } from "./problems.ts";
import { pinSchema, showPin } from "./revisions.ts";
import {
  found,
  idParams,
  idParamsLike,
  listOf,
  listQuery,
  maybeTime,
  oneOf,
  pageOf,
  routes,
  type Shown,
  showMaybeTime,
  showPage,
  toEtag,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";

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

const currentSchema = t.Object(
  {
    revision: t.String({ description: "Digest of the live set's files." }),
    loaded_at: maybeTime("When it went live; null when there is none."),
    state: oneOf(["ready", "degraded", "invalid"], {
      description: "Degraded: the files have problems and an earlier set stays live; invalid: there is no earlier one.",
    }),
    policies: t.Integer({ description: "How many policies are live." }),
    problems: t.Array(problemEntrySchema, { description: "What keeps the files from being loaded." }),
    warnings: t.Array(problemEntrySchema, { description: "What is probably not meant in the live set." }),
    files: t.String({ description: "Id of the revision whose files are in force; none when none are." }),
    origin: oneOf(["folder", "retained", "none"], {
      description: "Whether those files were in the policies folder, or kept from an earlier time.",
    }),
    pin: pinSchema,
    waiting: t.Union([t.String(), t.Null()], {
      description: "Id of what the policies folder holds in good order and is not live because of the pin.",
    }),
  },
  {
    examples: [
      {
        revision: "sha256:2f1c…",
        loaded_at: "2026-01-31T12:00:00.000Z",
        state: "ready",
        policies: 12,
        problems: [],
        warnings: [],
        files: "sha256:2f1c…",
        origin: "folder",
        pin: null,
        waiting: null,
      },
    ],
  },
);

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

const validatedSchema = t.Object(
  {
    valid: t.Boolean({ description: "Whether it would load." }),
    problems: t.Array(problemEntrySchema, { description: "What would keep it from being loaded." }),
    warnings: t.Array(problemEntrySchema, { description: "What is probably not meant." }),
  },
  {
    examples: [
      {
        valid: false,
        problems: [{ code: "C002", file: "org/no-shell.cel", line: 2, column: 1, message: "unknown name 'modle'" }],
        warnings: [],
      },
    ],
  },
);

const effectiveQuery = t.Object(
  {
    app: t.String({ minLength: 1, description: "Id or name of the application.", examples: ["chat"] }),
    env: t.Optional(t.String({ description: "Leave out to see the policies of any environment." })),
    model: t.Optional(t.String({ description: "Leave out to see the policies of any model." })),
    surface: t.Optional(oneOf(surfaces, { description: "Leave out to see the policies of any surface." })),
    key: t.Optional(t.String({ description: "Leave out to see the policies of any key." })),
  },
  { additionalProperties: false },
);

const effectiveSchema = t.Object(
  { revision: t.String(), app: t.String(), data: t.Array(policySchema), next: t.Null() },
  { examples: [{ revision: "sha256:2f1c…", app: "chat", data: [policyExample], next: null }] },
);

const typeSchema = t.Object(
  {
    name: t.String(),
    summary: t.String(),
    phases: t.Array(oneOf(phases)),
    on_error: oneOf(["deny", "warn", "allow"]),
    config: t.Object({}, { additionalProperties: true, description: "JSON Schema of with." }),
    reads: t.Array(t.String()),
    provides: t.Array(t.String(), { description: "Facts that it finds out for rules of other policies." }),
    reasons: t.Record(t.String(), t.Object({ code: t.String(), status: t.Integer(), message: t.String() })),
    examples: t.Array(t.Unknown(), { description: "Values of with." }),
    docs: t.String({ description: "The same for people, in Markdown." }),
  },
  {
    examples: [
      {
        name: "request_size",
        summary: "Refuses request bodies above a number of bytes.",
        phases: ["request"],
        on_error: "deny",
        config: { type: "object", properties: { max_request_bytes: { type: "integer", minimum: 1 } } },
        reads: ["request.bytes"],
        provides: [],
        reasons: { tooLarge: { code: "request_too_large", status: 413, message: "The request is {bytes} bytes." } },
        examples: [{ max_request_bytes: 1000000 }],
        docs: "## request_size",
      },
    ],
  },
);

const listPoliciesQuery = listQuery({
  origin: t.Optional(oneOf(["git", "database"], { description: "Only those from there." })),
  status: t.Optional(oneOf(policyStatuses, { description: "Only those that are so now." })),
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
    provides: [...type.provides],
    reasons: { ...type.reasons },
    examples: [...type.examples],
    docs: type.docs,
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
        detail: needing("policy:read", { tags, summary: "List policy types", operationId: "listPolicyTypes" }),
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
        params: idParamsLike("request_size"),
        response: { 200: typeSchema, ...problems(404) },
        detail: needing("policy:read", { tags, summary: "Read a policy type", operationId: "readPolicyType" }),
      },
    );
}

/** `/policies`. */
export function policyRoutes(deps: AdminDeps) {
  const read = async (
    id: string,
    request: Request,
    set: { headers: Record<string, unknown> },
  ): Promise<Shown<typeof policyDetailSchema>> => {
    const view = readPolicyView(deps, id);
    const [known] = view === null ? [] : await confinePolicies(deps, request, [view]);
    const policy = found(known, "policy", id);
    if (policy.version !== null) set.headers.etag = toEtag(policy.version);
    return policy;
  };

  const list = async ({ query, request }: { query: Shown<typeof listPoliciesQuery>; request: Request }) => {
    const wanted = await confinePolicies(deps, request, listPolicies(deps).filter(isWanted(query)));
    return showPage(
      pageOf(wanted, ({ id }) => id, toPageRequest(query)),
      (policy) => policy,
    );
  };

  return routes("/policies")
    .get("", list, {
      query: listPoliciesQuery,
      response: { 200: listOf(policySchema), ...problems() },
      detail: needing("policy:read", {
        tags,
        summary: "List the policies",
        description: "Those that are live, each once however it is tuned, and those of the database that are not.",
        operationId: "listPolicies",
      }),
    })
    .get("/list", list, {
      query: listPoliciesQuery,
      response: { 200: listOf(policySchema), ...problems() },
      detail: needing("policy:read", {
        tags,
        summary: "List the policies, under another name",
        description: "The same as /policies.",
        operationId: "listPoliciesByName",
      }),
    })
    .get(
      "/current",
      ({ request }) => {
        const all = operatorOf(request).organisation === null;
        const {
          revision,
          loadedAt,
          state,
          problems: open,
          warnings,
          files,
          origin,
          pin,
          waiting,
        } = deps.policies.state();
        return {
          revision,
          loaded_at: showMaybeTime(loadedAt === 0 ? null : loadedAt),
          state,
          policies: deps.policies.snapshot().policies.length,
          problems: all ? open.map(showProblem) : [],
          warnings: all ? warnings.map(showProblem) : [],
          files,
          origin,
          pin: showPin(pin && !all ? { ...pin, actor: "", reason: "" } : pin),
          waiting,
        };
      },
      {
        response: { 200: currentSchema, ...problems() },
        detail: needing("policy:read", {
          tags,
          summary: "Read the live policy set's state",
          description:
            "An operator of one organisation is told neither the problems of files nor why something is pinned: they can be about others.",
          operationId: "readCurrentPolicies",
        }),
      },
    )
    .get(
      "/effective",
      async ({ query, request }) => {
        const snapshot = deps.policies.snapshot();
        const identity = await identityOf(deps, request, query.app, query);
        const inForce = snapshot.policies
          .filter((policy) => applies(policy, identity, query))
          .map((policy) => showPolicy(deps, policy));
        const data = [...(await confinePolicies(deps, request, inForce))];
        return { revision: snapshot.revision, app: identity.app.id, data, next: null };
      },
      {
        query: effectiveQuery,
        response: {
          200: effectiveSchema,
          ...problems(404),
        },
        detail: needing("policy:read", {
          tags,
          summary: "List the policies that apply to an application",
          description:
            "Each with where it, its mode and every param come from, and what keeps it from its effect. What is left out of the query is not looked at, so that every policy that may apply is shown.",
          operationId: "listEffectivePolicies",
        }),
      },
    )
    .post(
      "/validate",
      async ({ body, request }) => {
        const found = await validate(deps, body.content, body.path, await seenFiles(deps, request, body.path));
        const open = found.filter(({ severity }) => severity === undefined);
        const warnings = found.filter(({ severity }) => severity === "warning");
        return { valid: open.length === 0, problems: open.map(showProblem), warnings: warnings.map(showProblem) };
      },
      {
        body: validateSchema,
        response: { 200: validatedSchema, ...problems(413) },
        detail: needing("policy:simulate", {
          tags,
          summary: "Check a policy file's text",
          description:
            "Nothing is stored and nothing changes: the same checks as at load, all problems reported. For an operator of one organisation it stands beside those files alone that he may know of.",
          operationId: "validatePolicy",
        }),
      },
    )
    .get("/:id", ({ params, request, set }) => read(params.id, request, set), {
      params: idParams,
      response: { 200: policyDetailSchema, ...problems(404) },
      detail: needing("policy:read", {
        tags,
        summary: "Read a live policy with its source",
        description: "The slash in an id may be escaped or not.",
        operationId: "readPolicy",
      }),
    })
    .get("/*", ({ params, request, set }) => read(params["*"], request, set), {
      detail: needing("policy:read", { hide: true }),
    });
}

/** A path in db/ is one of a database policy; every other one is of a file. */
async function validate(
  deps: AdminDeps,
  content: string,
  path: string,
  sees: SeesFile | undefined,
): Promise<readonly PolicyProblem[]> {
  if (!path.startsWith("db/")) return deps.policies.validate(content, path, sees);
  const id = path.replace(/\.policy\.(yaml|yml|json)$/, "");
  const found = await deps.policyControl.validate({ id, content });
  return found.map(({ code, message, at }) => ({ code, message, ...(at ?? { file: path, line: 1, column: 1 }) }));
}

function isWanted({ origin, status }: { origin?: string; status?: string }) {
  return (policy: Shown<typeof policySchema>) =>
    (origin === undefined || policy.origin === origin) && (status === undefined || policy.status === status);
}

function showProblem({ code, file, line, column, message }: PolicyProblem): Shown<typeof problemEntrySchema> {
  return { code, file, line, column, message };
}

/** Whether a policy may apply to requests of `identity`, looking only at what the query names. */
function applies(policy: CompiledPolicy, identity: Identity, query: Shown<typeof effectiveQuery>): boolean {
  const { only, except, outside } = policy.audience ?? {};
  if (only?.includes(identity.app.id) === false || except?.includes(identity.app.id) === true) return false;
  // Where another copy applies, it differs from this one only in whom it is for.
  if (outside !== undefined && mayBeIn(withoutExcept(outside), identity, query)) return false;
  return mayBeIn(policy.scope, identity, query);
}

function withoutExcept({ except: _, ...scope }: Scope): Scope {
  return scope;
}

function mayBeIn(whole: Scope, identity: Identity, query: Shown<typeof effectiveQuery>): boolean {
  const { env, keys, models, surfaces: on, except, ...rest } = whole;
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
