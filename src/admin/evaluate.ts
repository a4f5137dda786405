import { isIP } from "node:net";
import { t } from "elysia";
import type { Evaluate, EvaluatedRequest, Evaluation } from "../core/evaluate.ts";
import { surfaces } from "../core/phases.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { SluiceError } from "../errors.ts";
import { decisionSchema, showDecision } from "./decision-view.ts";
import type { AdminDeps } from "./deps.ts";
import { confineSteps, liveExplanationSchema, nobody, showLive } from "./explain.ts";
import { identityOf } from "./identities.ts";
import { operatorOf } from "./operator.ts";
import { problems } from "./problems.ts";
import { reachedKey } from "./reach.ts";
import { oneOf, readOptionalTime, routes, type Shown } from "./schemas.ts";
import { needing } from "./scopes.ts";

/** Most requests of a batch. */
const maxBatch = 100;

const requestMembers = {
  surface: oneOf(surfaces),
  app: t.Optional(t.String({ description: "Id or name of the application; one without name and labels when absent." })),
  env: t.Optional(t.String({ maxLength: 128, description: "The gateway key's environment; none when absent." })),
  key: t.Optional(t.String({ maxLength: 128, description: "Id of the gateway key; none when absent." })),
  headers: t.Optional(
    t.Record(t.String({ pattern: "^[a-z0-9-]+$" }), t.String(), {
      description: "The request's headers that policies may read, and sluice-user.",
    }),
  ),
  address: t.Optional(
    t.String({
      maxLength: 64,
      description: "The IP address it would come from; networks are not looked at when absent.",
    }),
  ),
  at: t.Optional(t.String({ description: "When it would come; now when absent. Limits are as they are now." })),
  body: t.Object({}, { additionalProperties: true, description: "As it would be sent to the gateway." }),
};

const explainMember = t.Optional(
  t.Boolean({ description: "Whether every rule considered is told, with values, and what would have passed." }),
);

const candidateMember = t.Optional(
  t.Array(
    t.Object(
      {
        path: t.String({
          minLength: 1,
          maxLength: 512,
          description: "Where it would stand in the policies folder; db/<name> for a database policy.",
        }),
        content: t.Union([t.String({ maxLength: 262_144 }), t.Null()], {
          description: "Its text; null for the set without this file.",
        }),
      },
      { additionalProperties: false },
    ),
    {
      minItems: 1,
      maxItems: 50,
      description:
        "Policy files that are asked in the place of the live ones of the same path, and are never live. TypeScript is refused. Takes a credential for all organisations.",
    },
  ),
);

const requestExample = {
  surface: "chat" as const,
  app: "chat",
  env: "prod",
  body: { model: "gpt-4o", max_tokens: 20000, messages: [{ role: "user", content: "hello" }] },
};

const evaluateSchema = t.Object(
  { ...requestMembers, explain: explainMember, candidate: candidateMember },
  { additionalProperties: false, examples: [requestExample] },
);

const requestSchema = t.Object(requestMembers, { additionalProperties: false });

const batchSchema = t.Object(
  {
    requests: t.Array(requestSchema, { minItems: 1, maxItems: maxBatch }),
    explain: explainMember,
    candidate: candidateMember,
  },
  { additionalProperties: false, examples: [{ requests: [requestExample] }] },
);

const { decision_id: _id, request_id: _request, ...decisionMembers } = decisionSchema.properties;
const { decision_id: _shownId, request_id: _shownRequest, ...decisionExample } = decisionSchema.examples[0]!;

const evaluationMembers = {
  ...decisionMembers,
  refusal: t.Union(
    [
      t.Object({
        status: t.Integer(),
        code: t.String(),
        message: t.String(),
        headers: t.Record(t.String(), t.String(), { description: "Such as retry-after." }),
      }),
      t.Null(),
    ],
    { description: "What the client would be told; null when the request would go on." },
  ),
  warnings: t.Array(t.String(), { description: "Codes of the warnings that the answer would carry." }),
  target: t.Object(
    { provider: t.String(), model: t.String() },
    { description: "Where it would be sent first: the provider, and the model's name there." },
  ),
  modified_body: t.Union([t.Object({}, { additionalProperties: true }), t.Null()], {
    description: "The body that would go on, where rules changed it; null where they did not.",
  }),
  explanation: t.Union([liveExplanationSchema, t.Null()], { description: "Null unless it was asked for." }),
};

const refusalExample = {
  status: 403,
  code: "token_cap",
  message: "asked for 21000 tokens, the cap is 16000",
  headers: {},
};

const evaluationExample = {
  ...decisionExample,
  refusal: refusalExample,
  warnings: [],
  target: { provider: "openai", model: "gpt-4o" },
  modified_body: null,
  explanation: null,
};

const evaluationSchema = t.Object(evaluationMembers, { examples: [evaluationExample] });

const countsSchema = t.Object({
  allow: t.Integer(),
  warn: t.Integer(),
  modify: t.Integer(),
  deny: t.Integer(),
  failed: t.Integer({ description: "That no policy was asked about, because the gateway would refuse them before." }),
});

const batchAnswerSchema = t.Object(
  {
    revision: t.String({ description: "The policy set that was asked." }),
    counts: countsSchema,
    data: t.Array(
      t.Object({
        decision: t.Union([evaluationSchema, t.Null()], { description: "Null where there is a problem." }),
        problem: t.Union([t.Object({ status: t.Integer(), code: t.String(), detail: t.String() }), t.Null()]),
      }),
      { description: "One entry per request, in their order." },
    ),
  },
  {
    examples: [
      {
        revision: "sha256:2f1c…",
        counts: { allow: 0, warn: 0, modify: 0, deny: 1, failed: 0 },
        data: [{ decision: evaluationExample, problem: null }],
      },
    ],
  },
);

const tags = ["Decisions"];
const description =
  "By the live policies, or by candidates in their place, with the engine that judges requests: facts, rules, modifications and limits. Dry: nothing is sent, counted, changed or recorded.";

/** `/evaluate`. */
export function evaluateRoutes(deps: AdminDeps) {
  /** Runs with the candidates in the place of the live policies, if there are any. */
  const judging = async <T>(
    request: Request,
    candidate: Shown<typeof evaluateSchema>["candidate"],
    use: (evaluate: Evaluate, by: Snapshot) => Promise<T>,
  ): Promise<T> => {
    if (candidate === undefined) {
      const { state, problems: open } = deps.policies.state();
      if (state === "invalid") throw new SluiceError("not_ready", { problem: open[0]?.message ?? "none was loaded" });
      return deps.evaluations.with(null, use);
    }
    // What does not compile is told by the names of all policies.
    if (operatorOf(request).organisation !== null) {
      throw new SluiceError("insufficient_scope", { problem: "Candidates take a credential for all organisations" });
    }
    return deps.candidates.with(candidate, (snapshot) => deps.evaluations.with(snapshot, use));
  };

  const read = async (
    request: Request,
    { surface, app, env = "", key, headers = {}, address = "", at, body }: Shown<typeof requestSchema>,
  ): Promise<EvaluatedRequest> => {
    const { organisation: own } = operatorOf(request);
    // Policies can be for a single key, and what they say is for its organisation.
    if (own !== null && key !== undefined) await reachedKey(deps, request, key);
    const identity =
      app === undefined ? nobody(own ?? "default", env) : await identityOf(deps, request, app, { env, key });
    const time = readOptionalTime("at", at);
    if (address !== "" && isIP(address) === 0) {
      const problem = `'address' is no IP address: got '${address}', want one such as 192.0.2.7 or 2001:db8::7.`;
      throw new SluiceError("invalid_input", { problem });
    }
    return { surface, identity, headers, address, body, ...(time !== undefined && { at: time }) };
  };

  const answer = async (request: Request, { record, ...found }: Evaluation, by: Snapshot, explains = false) => {
    const { decision_id: _, request_id: __, ...shown } = showDecision(record);
    const explained = explains ? showLive(await deps.explanations.explain(record, by)) : null;
    const { refusal } = found;
    return {
      ...shown,
      refusal: refusal && {
        status: refusal.status,
        code: refusal.code,
        message: refusal.message,
        headers: { ...refusal.headers },
      },
      warnings: [...found.warnings],
      target: { ...found.target },
      modified_body: found.modified as Record<string, unknown> | null,
      explanation: explained && (await confineSteps(deps, request, explained)),
    };
  };

  return routes("/evaluate")
    .post(
      "",
      ({ body: { explain, candidate, ...asked }, request }) =>
        judging(request, candidate, async (evaluate, by) =>
          answer(request, await evaluate(await read(request, asked)), by, explain),
        ),
      {
        body: evaluateSchema,
        response: { 200: evaluationSchema, ...problems(404, 413, 422, 503) },
        detail: needing("policy:simulate", {
          tags,
          summary: "Find out how a request would be decided",
          description,
          operationId: "evaluateRequest",
        }),
      },
    )
    .post(
      "/batch",
      ({ body: { requests, explain, candidate }, request }) =>
        judging(request, candidate, async (evaluate, by) => {
          const counts = { allow: 0, warn: 0, modify: 0, deny: 0, failed: 0 };
          const data: Shown<typeof batchAnswerSchema>["data"] = [];
          for (const asked of requests) {
            try {
              const decision = await answer(request, await evaluate(await read(request, asked)), by, explain);
              counts[decision.decision] += 1;
              data.push({ decision, problem: null });
            } catch (error) {
              if (!(error instanceof SluiceError)) throw error;
              counts.failed += 1;
              data.push({ decision: null, problem: { status: error.status, code: error.code, detail: error.message } });
            }
            // Requests of clients get their turn between two of these.
            await new Promise((resolve) => setImmediate(resolve));
          }
          return { revision: by.revision, counts, data };
        }),
      {
        body: batchSchema,
        response: { 200: batchAnswerSchema, ...problems(413, 422, 503) },
        detail: needing("policy:simulate", {
          tags,
          summary: "Find out how up to 100 requests would be decided",
          description: `${description} All are judged by the same policies, against limits as they were at the first look.`,
          operationId: "evaluateRequests",
        }),
      },
    );
}
