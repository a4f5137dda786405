import { ConfigErrors, type ConfigProblem, definePlugin, type RuleHit, t } from "../../src/sdk/index.ts";
import { compileCondition } from "./compile.ts";
import { conditionSchema, parseCondition } from "./condition.ts";

/**
 * Judges requests by a condition that is data: comparisons of facts, joined by and, or and not.
 *
 * For policies that programs write, and for those that come from systems with rules in JSON. It says nothing that CEL
 * could not say: every condition has a translation that is true for the same facts.
 */
export default definePlugin({
  name: "conditions",
  summary: "Refuses or warns when a condition in JSON form is true.",
  onError: "deny",
  phases: ["request", "response", "usage"],
  config: t.Object({
    when: conditionSchema,
    action: t.Union([t.Literal("deny"), t.Literal("warn")], { default: "deny", description: "What a hit asks for." }),
    phase: t.Union([t.Literal("request"), t.Literal("response"), t.Literal("usage")], {
      default: "request",
      description: "When it is asked, and so which facts it can read.",
    }),
    message: t.Optional(
      t.String({ minLength: 1, maxLength: 1000, description: "What the client is told in place of the usual words." }),
    ),
    code: t.Optional(
      t.String({ pattern: "^[a-z][a-z0-9_]*$", description: "What programs match on, in place of the usual code." }),
    ),
    status: t.Optional(
      t.Integer({ minimum: 400, maximum: 599, description: "HTTP status of the refusal; 403 when absent." }),
    ),
  }),
  reads: [],
  reasons: { conditionMet: { message: "The request meets a condition that the policy does not let pass." } },
  examples: [
    {
      when: {
        and: [
          { fact: "request.bytes", op: "gt", value: 100_000 },
          { not: { fact: "app.env", op: "in", value: ["dev", "test"] } },
        ],
      },
      action: "deny",
      phase: "request",
      code: "too_large_here",
    },
  ],

  create({ when, action, phase, message, code, status }, { deny, warn }) {
    const problems: ConfigProblem[] = [];
    const report = (problem: ConfigProblem) => problems.push(problem);
    if (phase === "usage" && action === "deny") {
      report({ path: ["action"], message: "in phase usage the answer is gone and nothing can be refused; use warn" });
    }
    if (status !== undefined && action === "warn") {
      report({ path: ["status"], message: "'status' has no effect on 'action: warn'" });
    }
    const condition = parseCondition(when, ["when"], report);
    // Of what has no proper form nothing more can be said.
    if (problems.some(({ path }) => path[0] === "when")) throw new ConfigErrors(problems);
    const { reads, test } = compileCondition(condition, ["when"], phase, report);
    if (problems.length > 0) throw new ConfigErrors(problems);

    const hit: RuleHit = {
      ...(action === "deny" ? deny : warn)("conditionMet", {}),
      ...(message !== undefined && { message }),
      ...(code !== undefined && { code }),
      ...(status !== undefined && { status }),
    };
    return { reads, [phase]: (facts: Parameters<typeof test>[0]) => (test(facts) ? hit : null) };
  },
});
