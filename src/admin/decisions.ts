import { t } from "elysia";
import type { StoredDecision } from "../core/control.ts";
import { effects, type Tally } from "../core/decision.ts";
import { type FactSpec, factCatalogue, type ReplayClass } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import { problems } from "./problems.ts";
import {
  defined,
  listOf,
  listQuery,
  oneOf,
  readOptionalTime,
  routes,
  type Shown,
  showPage,
  showTime,
  time,
  toPageRequest,
} from "./schemas.ts";
import { needing } from "./scopes.ts";
import { applicationId } from "./usage.ts";

const effect = oneOf(effects);

/** How the policies in scope fared. */
export const evaluatedSchema = t.Object(
  { decided: t.Integer(), not_applicable: t.Integer(), errors: t.Integer() },
  { description: "How the policies in scope fared." },
);

const maybeFacts = (description: string) =>
  t.Union([t.Object({}, { additionalProperties: true }), t.Null()], { description });

const decisionSchema = t.Object(
  {
    decision_id: t.String(),
    request_id: t.String(),
    ts: time("When it was made."),
    phase: oneOf(phases),
    revision: t.String({ description: "The policy set that decided." }),
    org: t.String(),
    app: t.String(),
    env: t.String(),
    key: t.String({ description: "Id of the gateway key." }),
    surface: t.String(),
    model: t.String(),
    decision: effect,
    outcome: oneOf(["ok", "not_applicable", "error"]),
    code: t.String({ description: "Of the reason that explains the decision; empty without one." }),
    reasons: t.Array(
      t.Object({
        policy: t.String(),
        rule: t.String(),
        kind: oneOf(["hit", "error"]),
        mode: oneOf(["enforce", "warn", "audit"]),
        effect,
        would: effect,
        code: t.String(),
        message: t.String(),
        override: t.Optional(
          t.String({ description: "What kept it from its effect, such as exception:org/x or break-glass:bg_…." }),
        ),
      }),
      { description: "Every rule that fired or failed; the one that explains the decision comes first." },
    ),
    modifications: t.Array(
      t.Object({
        op: t.String(),
        path: t.String(),
        value: t.Optional(t.Unknown({ description: "Absent where it could be a part of a prompt or name a person." })),
      }),
    ),
    evaluated: evaluatedSchema,
    facts: maybeFacts("What the rules read of the request as it came; null when it was not kept."),
    nondeterministic: maybeFacts("The same of what cannot be found out again, such as the time and counts of tokens."),
    masked: t.Array(t.String(), { description: "Facts that stand here as hashes." }),
    evaluation_us: t.Integer({ description: "Microseconds the evaluation took." }),
  },
  {
    examples: [
      {
        decision_id: "01jb2m0c7zq4",
        request_id: "01jb2m0c7zq3",
        ts: "2026-01-31T12:00:00.000Z",
        phase: "request",
        revision: "sha256:2f1c…",
        org: "default",
        app: "chat",
        env: "prod",
        key: "k3v9q0x2pzm7a1bc",
        surface: "chat",
        model: "gpt-4o",
        decision: "deny",
        outcome: "ok",
        code: "token_cap",
        reasons: [
          {
            policy: "org/prod-token-cap",
            rule: "over-hard-cap",
            kind: "hit",
            mode: "enforce",
            effect: "deny",
            would: "deny",
            code: "token_cap",
            message: "asked for 21000 tokens, the cap is 16000",
          },
        ],
        modifications: [],
        evaluated: { decided: 1, not_applicable: 0, errors: 0 },
        facts: { "request.max_tokens": 1000 },
        nondeterministic: { "request.estimated_tokens": 20000 },
        masked: [],
        evaluation_us: 14,
      },
    ],
  },
);

/** `/decisions`. */
export function decisionRoutes(deps: AdminDeps) {
  return routes("/decisions").get(
    "",
    async ({ query }) => {
      const filter = defined({
        decisionId: query.decision_id,
        requestId: query.request_id,
        org: query.org,
        app: await applicationId(deps, query.app),
        phase: query.phase,
        decision: query.decision,
        from: readOptionalTime("from", query.from),
        to: readOptionalTime("to", query.to),
      });
      await deps.recorder.flush();
      return showPage(await deps.decisions.list(toPageRequest(query), filter), show);
    },
    {
      query: listQuery({
        decision_id: t.Optional(t.String()),
        request_id: t.Optional(t.String()),
        app: t.Optional(t.String({ description: "Id or name of the application." })),
        org: t.Optional(t.String()),
        phase: t.Optional(oneOf(phases)),
        decision: t.Optional(effect),
        from: t.Optional(t.String({ description: "Earliest time, included." })),
        to: t.Optional(t.String({ description: "Latest time, not included." })),
      }),
      response: { 200: listOf(decisionSchema), ...problems() },
      detail: needing("usage:read", {
        tags: ["Decisions"],
        summary: "List decision records, newest first",
        operationId: "listDecisions",
      }),
    },
  );
}

function show(row: StoredDecision): Shown<typeof decisionSchema> {
  return {
    decision_id: row.decisionId,
    request_id: row.requestId,
    ts: showTime(row.ts),
    phase: row.phase,
    revision: row.revision,
    org: row.org,
    app: row.app,
    env: row.env,
    key: row.key,
    surface: row.surface,
    model: row.model,
    decision: row.effect,
    outcome: row.outcome,
    code: row.code,
    reasons: row.reasons.map((reason) => ({ ...reason })),
    modifications: row.modifications.map((change) => ({ ...change })),
    evaluated: showTally(row.tally),
    facts: factsOf(row, (replay) => replay !== "recorded"),
    nondeterministic: factsOf(row, (replay) => replay === "recorded"),
    masked: [...(row.facts?.masked ?? [])],
    evaluation_us: Math.round(row.micros),
  };
}

/** A tally as it is shown. */
export function showTally({ decided, notApplicable, errors }: Tally): Shown<typeof evaluatedSchema> {
  return { decided, not_applicable: notApplicable, errors };
}

/** The recorded facts of these replay classes. */
function factsOf({ facts }: StoredDecision, wanted: (replay: ReplayClass) => boolean): Record<string, unknown> | null {
  if (facts === null) return null;
  const known: Readonly<Record<string, FactSpec>> = factCatalogue;
  return Object.fromEntries(Object.entries(facts.looks[0]).filter(([name]) => wanted(known[name]?.replay ?? "input")));
}
