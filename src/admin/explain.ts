import { t } from "elysia";
import { effects } from "../core/decision.ts";
import type {
  ClauseValue,
  DecisionExplanation,
  ExplainedPolicy,
  ExplainedStep,
  LiveExplanation,
  LiveLook,
  RuleExplanation,
} from "../core/explain.ts";
import type { Identity } from "../core/identity.ts";
import { phases, surfaces } from "../core/phases.ts";
import { createConfinement } from "./confined.ts";
import { evaluatedSchema, showTally } from "./decision-view.ts";
import type { AdminDeps } from "./deps.ts";
import { identityOf } from "./identities.ts";
import { operatorOf, reaches } from "./operator.ts";
import { problems } from "./problems.ts";
import { defined, found, idParamsLike, oneOf, routes, type Shown } from "./schemas.ts";
import { needing } from "./scopes.ts";
import { shownScope } from "./temporary.ts";

const clauseSchema = t.Object({
  depth: t.Integer({ description: "0 for the whole condition; a part of a part is one deeper, and follows it." }),
  text: t.String({ description: "The part as it is written." }),
  start: t.Integer({ description: "Where it stands in the condition, in UTF-16 units." }),
  end: t.Integer(),
  value: t.Union([t.String(), t.Null()], { description: "Null when it could not be evaluated or cannot be told." }),
  error: t.Optional(t.String({ description: "Why; masked or not recorded for what cannot be told." })),
});

const ruleSchema = t.Object({
  rule: t.String(),
  effect: oneOf(effects),
  outcome: oneOf(["fired", "quiet", "error", "unknown"]),
  says: t.Optional(oneOf(["when", "must"], { description: "Whether its condition triggers it or must be true." })),
  clauses: t.Array(clauseSchema, { description: "Its condition, with every part that was evaluated." }),
  message: t.Optional(t.String()),
  override: t.Optional(t.String({ description: "What kept it from its effect." })),
  passes: t.Optional(t.String({ description: "What would have kept it quiet, all else being equal." })),
});

const explainedSchema = t.Object({
  policy: t.String(),
  description: t.String(),
  uses: t.String({ description: "Its policy type, rules or typescript." }),
  mode: oneOf(["enforce", "warn", "audit"]),
  scope: shownScope,
  outcome: oneOf(["decided", "not_applicable", "error", "unknown"]),
  gates: t.Array(t.Array(clauseSchema), { description: "Each gate that was asked, with its parts." }),
  variables: t.Array(
    t.Object({
      name: t.String(),
      value: t.Union([t.String(), t.Null()]),
      error: t.Optional(t.String()),
    }),
    { description: "Those that were read." },
  ),
  rules: t.Array(ruleSchema),
  note: t.Optional(t.String()),
});

const explanationMembers = {
  phase: oneOf(phases),
  revision: t.String({ description: "The policy set that decided." }),
  decision: oneOf(effects),
  outcome: oneOf(["ok", "not_applicable", "error"]),
  code: t.String(),
  evaluated: evaluatedSchema,
  basis: oneOf(["facts", "reasons"], {
    description:
      "facts: every rule in scope was asked again, with the recorded facts. reasons: only the recorded reasons are left to tell.",
  }),
  notes: t.Array(t.String(), { description: "What the explanation is without, and why." }),
  steps: t.Array(
    t.Object({
      step: oneOf(["asked", "routed", "modified"]),
      model: t.String(),
      policies: t.Array(explainedSchema),
    }),
    {
      description:
        "Each time at which rules were asked: of the request as it came, as it was routed, as it was modified.",
    },
  ),
  closing: t.String({ description: "One sentence: what the decision was, and what would have passed." }),
};

const explanationExample = {
  phase: "request",
  revision: "sha256:2f1c…",
  decision: "deny",
  outcome: "ok",
  code: "token_cap",
  evaluated: { decided: 1, not_applicable: 0, errors: 0 },
  basis: "facts",
  notes: [],
  steps: [
    {
      step: "asked",
      model: "gpt-4o",
      policies: [
        {
          policy: "org/prod-token-cap",
          description: "Production apps may not ask for more than 16k tokens at once.",
          uses: "rules",
          mode: "enforce",
          scope: { env: ["prod"] },
          outcome: "decided",
          gates: [[{ depth: 0, text: "request.stream == false", start: 0, end: 23, value: "true" }]],
          variables: [{ name: "asked", value: "21000" }],
          rules: [
            {
              rule: "over-hard-cap",
              effect: "deny",
              outcome: "fired",
              says: "when",
              clauses: [
                { depth: 0, text: "vars.asked > params.hard_cap", start: 0, end: 28, value: "true" },
                { depth: 1, text: "vars.asked", start: 0, end: 10, value: "21000" },
                { depth: 1, text: "params.hard_cap", start: 13, end: 28, value: "16000" },
              ],
              message: "asked for 21000 tokens, the cap is 16000",
              passes: "vars.asked (21000) at most 16000",
            },
          ],
        },
      ],
    },
  ],
  closing: "Refused by org/prod-token-cap (over-hard-cap); it would have passed with vars.asked (21000) at most 16000.",
};

/** An explained decision. */
export const explanationSchema = t.Object(
  {
    decision_id: t.String(),
    ...explanationMembers,
    differences: t.Array(t.String(), {
      description: "Where asking again did not come to what was recorded; empty when it did.",
    }),
  },
  {
    examples: [{ decision_id: "dec_AaH9HvRXdSKZHVNwBtviUA_request", ...explanationExample, differences: [] }],
  },
);

/** How a request would be decided, explained. */
export const liveExplanationSchema = t.Object(explanationMembers, { examples: [explanationExample] });

const dryRequestSchema = t.Object(
  {
    surface: oneOf(surfaces),
    app: t.Optional(
      t.String({ description: "Id or name of the application; one without name and labels when absent." }),
    ),
    env: t.Optional(t.String({ description: "The gateway key's environment; none when absent." })),
    headers: t.Optional(
      t.Record(t.String({ pattern: "^[a-z0-9-]+$" }), t.String(), {
        description: "The request's headers that policies may read, and sluice-user.",
      }),
    ),
    body: t.Object({}, { additionalProperties: true, description: "As it would be sent to the gateway." }),
  },
  {
    additionalProperties: false,
    examples: [
      {
        surface: "chat",
        app: "chat",
        env: "prod",
        body: { model: "gpt-4o", max_tokens: 20000, messages: [{ role: "user", content: "hello" }] },
      },
    ],
  },
);

/** `/explain`. */
export function explainRoutes(deps: AdminDeps) {
  return routes("/explain")
    .post(
      "",
      async ({ body: { surface, app, env = "", headers = {}, body }, request }) => {
        const own = operatorOf(request).organisation ?? "default";
        const identity = app === undefined ? nobody(own, env) : await identityOf(deps, request, app, { env });
        const explain = (look: LiveLook) => showLive(deps.explanations.explainLive(look));
        return confineSteps(deps, request, await deps.dryRuns.run({ surface, identity, headers, body }, explain));
      },
      {
        body: dryRequestSchema,
        response: { 200: liveExplanationSchema, ...problems(404, 413) },
        detail: needing("policy:simulate", {
          tags: ["Decisions"],
          summary: "Explain how a request would be decided now",
          description:
            "By the rules of phase request of the live set. Nothing is sent, counted, changed or recorded; limits are not looked at.",
          operationId: "explainRequest",
        }),
      },
    )
    .get(
      "/:id",
      async ({ params: { id }, request }) => {
        await deps.recorder.flush();
        const { data } = await deps.decisions.list({ limit: 1, after: null }, { decisionId: id });
        const known = data.find(({ org }) => reaches(request, org));
        const explained = showExplanation(await deps.explanations.explain(found(known, "decision", id)));
        return confineSteps(deps, request, explained);
      },
      {
        params: idParamsLike("dec_AaH9HvRXdSKZHVNwBtviUA_request"),
        response: { 200: explanationSchema, ...problems(404) },
        detail: needing("usage:read", {
          tags: ["Decisions"],
          summary: "Explain a recorded decision",
          description:
            "Every rule that was in scope, with its gates, variables and the value of each part of its condition, made again from the record and the policy set that decided; and what would have passed. Deterministic.",
          operationId: "explainDecision",
        }),
      },
    );
}

/** An explanation whose policies' scopes name what the operator may know of alone. */
export async function confineSteps<E extends Pick<Shown<typeof liveExplanationSchema>, "steps">>(
  deps: AdminDeps,
  request: Request,
  explained: E,
): Promise<E> {
  const { confine } = createConfinement(deps, request);
  for (const { policies } of explained.steps) {
    for (const policy of policies) policy.scope = { ...(await confine(policy.scope))?.scope };
  }
  return explained;
}

/** An application without a name, of an organisation. */
export function nobody(organisation: string, env: string): Identity {
  return {
    org: { id: organisation, labels: {}, timeZone: "UTC" },
    team: { id: "" },
    app: { id: "", name: "", labels: {} },
    env,
    key: { id: "" },
  };
}

function showExplanation(explanation: DecisionExplanation): Shown<typeof explanationSchema> {
  const { decisionId, differences } = explanation;
  return { decision_id: decisionId, ...showLive(explanation), differences: [...differences] };
}

/** An explanation as it is shown. */
export function showLive(explanation: LiveExplanation): Shown<typeof liveExplanationSchema> {
  return {
    phase: explanation.phase,
    revision: explanation.revision,
    decision: explanation.effect,
    outcome: explanation.outcome,
    code: explanation.code,
    evaluated: showTally(explanation.tally),
    basis: explanation.basis,
    notes: [...explanation.notes],
    steps: explanation.steps.map(showStep),
    closing: explanation.closing,
  };
}

function showStep({ step, model, policies }: ExplainedStep): Shown<typeof explanationSchema>["steps"][number] {
  return { step, model, policies: policies.map(showPolicy) };
}

function showPolicy(explained: ExplainedPolicy): Shown<typeof explainedSchema> {
  const { policy, description, uses, mode, scope, outcome, gates, variables, rules, note } = explained;
  return {
    policy,
    description,
    uses,
    mode,
    scope: { ...scope },
    outcome,
    gates: gates.map((gate) => flat(gate)),
    variables: variables.map((variable) => ({ ...variable })),
    rules: rules.map(showRule),
    ...(note !== undefined && { note }),
  };
}

function showRule({ rule, effect, outcome, when, must, ...rest }: RuleExplanation): Shown<typeof ruleSchema> {
  const { message, override, passes } = rest;
  return {
    rule,
    effect,
    outcome,
    ...(when !== undefined && { says: must ? ("must" as const) : ("when" as const) }),
    clauses: when === undefined ? [] : flat(when),
    ...defined({ message, override, passes }),
  };
}

/** A condition and its parts in the order of reading, each before its own parts. */
function flat({ clauses, ...clause }: ClauseValue, depth = 0): Shown<typeof clauseSchema>[] {
  return [{ depth, ...clause }, ...clauses.flatMap((part) => flat(part, depth + 1))];
}
