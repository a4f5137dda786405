import { t } from "elysia";
import { effects, type Tally } from "../core/decision.ts";
import type { StoredDecision } from "../core/decision-log.ts";
import { type FactSpec, factCatalogue, type ReplayClass } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import { oneOf, type Shown, showTime, time } from "./schemas.ts";

/** What a decision comes to. */
export const effectSchema = oneOf(effects);

/** How the policies in scope fared. */
export const evaluatedSchema = t.Object(
  { decided: t.Integer(), not_applicable: t.Integer(), errors: t.Integer() },
  { description: "How the policies in scope fared." },
);

/** Why a decision came out as it did. */
export const reasonsSchema = t.Array(
  t.Object({
    policy: t.String(),
    rule: t.String(),
    kind: oneOf(["hit", "error"]),
    mode: oneOf(["enforce", "warn", "audit"]),
    effect: effectSchema,
    would: effectSchema,
    code: t.String(),
    message: t.String(),
    override: t.Optional(
      t.String({ description: "What kept it from its effect, such as exception:org/x or break-glass:bg_…." }),
    ),
  }),
  { description: "Every rule that fired or failed; the one that explains the decision comes first." },
);

/** What was changed in a request. */
export const modificationsSchema = t.Array(
  t.Object({
    op: t.String(),
    path: t.String(),
    value: t.Optional(t.Unknown({ description: "Absent where it could be a part of a prompt or name a person." })),
  }),
);

/** Facts by name, where they are known. */
export const maybeFacts = (description: string) =>
  t.Union([t.Object({}, { additionalProperties: true }), t.Null()], { description });

/** A decision record as it is shown. */
export const decisionSchema = t.Object(
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
    decision: effectSchema,
    outcome: oneOf(["ok", "not_applicable", "error"]),
    code: t.String({ description: "Of the reason that explains the decision; empty without one." }),
    reasons: reasonsSchema,
    modifications: modificationsSchema,
    evaluated: evaluatedSchema,
    facts: maybeFacts("What the rules read of the request as it came; null when it was not kept."),
    nondeterministic: maybeFacts("The same of what cannot be found out again, such as the time and counts of tokens."),
    masked: t.Array(t.String(), { description: "Facts that stand here as hashes." }),
    text: t.Union([t.Array(t.String()), t.Null()], {
      description: "The texts of the prompt as it went on; null unless the application wants them kept.",
    }),
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
        text: null,
        evaluation_us: 14,
      },
    ],
  },
);

/** A decision record as it is shown. */
export function showDecision(row: StoredDecision): Shown<typeof decisionSchema> {
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
    text: row.text === undefined ? null : [...row.text],
    evaluation_us: Math.round(row.micros),
  };
}

/** A tally as it is shown. */
export function showTally({ decided, notApplicable, errors }: Tally): Shown<typeof evaluatedSchema> {
  return { decided, not_applicable: notApplicable, errors };
}

/** The recorded facts of these replay classes. */
export function factsOf(
  { facts }: Pick<StoredDecision, "facts">,
  wanted: (replay: ReplayClass) => boolean,
): Record<string, unknown> | null {
  if (facts === null) return null;
  const known: Readonly<Record<string, FactSpec>> = factCatalogue;
  return Object.fromEntries(Object.entries(facts.looks[0]).filter(([name]) => wanted(known[name]?.replay ?? "input")));
}
