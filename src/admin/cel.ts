import { t } from "elysia";
import { phases } from "../core/phases.ts";
import type { AdminDeps } from "./deps.ts";
import { seenFiles } from "./policy-confined.ts";
import { paramsSchema, toParams } from "./policy-input.ts";
import { problems } from "./problems.ts";
import { oneOf, routes } from "./schemas.ts";
import { needing } from "./scopes.ts";

const askSchema = t.Object(
  {
    expression: t.String({ minLength: 1, maxLength: 8192, description: "CEL." }),
    phase: t.Optional(
      oneOf(phases, { description: "Which facts it may read: those of this phase; request when absent." }),
    ),
    condition: t.Optional(
      t.Boolean({
        description: "Whether it must be true or false and depend on the request, as when must; true when absent.",
      }),
    ),
    params: t.Optional(paramsSchema),
    path: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 512,
        description:
          "Where it would stand in the policies folder: which named lists and tables it can see. org/ when absent.",
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ expression: "request.max_tokens > params.cap", params: { cap: 4000 } }],
  },
);

const answerSchema = t.Object(
  {
    valid: t.Boolean({ description: "Whether a policy could use it." }),
    problem: t.Union(
      [
        t.Object({
          code: t.String({ description: "A numbered check, such as C002." }),
          line: t.Integer(),
          column: t.Integer(),
          length: t.Integer({ description: "How many columns of the line are meant." }),
          message: t.String(),
        }),
        t.Null(),
      ],
      { description: "The first thing that is wrong with it; null when nothing is." },
    ),
    type: t.String({ description: "The CEL type of its value; empty when it is not valid." }),
    reads: t.Array(t.String(), { description: "The facts that it reads." }),
    params: t.Array(t.String(), { description: "The params that it reads." }),
    steps: t.Integer({ description: "The most steps that it can take for one request." }),
  },
  {
    examples: [{ valid: true, problem: null, type: "bool", reads: ["request.max_tokens"], params: ["cap"], steps: 3 }],
  },
);

/** `/policies/validate-cel`. */
export function celRoutes(deps: AdminDeps) {
  return routes("/policies").post(
    "/validate-cel",
    async ({ body, request }) => {
      const path = body.path ?? "org/expression.policy.yaml";
      const question = {
        expression: body.expression,
        phase: body.phase ?? ("request" as const),
        condition: body.condition ?? true,
        params: toParams(body.params ?? {}),
        path,
      };
      const report = await deps.policies.validateCel(question, await seenFiles(deps, request, path));
      const { problem, reads, params } = report;
      return {
        ...report,
        valid: problem === null,
        problem: problem === null ? null : { ...problem },
        reads: [...reads],
        params: [...params],
      };
    },
    {
      body: askSchema,
      response: { 200: answerSchema, ...problems(413) },
      detail: needing("policy:simulate", {
        tags: ["Policies"],
        summary: "Check a CEL expression",
        description:
          "As it is checked when a policy is loaded: names, types, cost. Nothing is evaluated and nothing changes.",
        operationId: "validateCel",
      }),
    },
  );
}
