import { definePlugin, PluginConfigError, type RuleHit, t } from "../../src/sdk/index.ts";

const expression = (description: string) => t.Optional(t.String({ minLength: 1, description }));

/**
 * Lets a CEL expression judge the request, and another the finished call.
 *
 * Each must be true for the request to be in order: the opposite of a rule's `when`, which says what triggers it. The
 * names are those of the systems whose policies are moved here.
 */
export default definePlugin({
  name: "custom_cel",
  summary: "Requires a CEL expression to be true.",
  onError: "deny",
  phases: ["request", "usage"],
  config: t.Object({
    pre_check_expression: expression("CEL over the request; it is refused unless this is true."),
    post_check_expression: expression("CEL over the finished call; a warning is recorded unless this is true."),
    message: t.Optional(
      t.String({ minLength: 1, description: "What the client is told in place of the usual words." }),
    ),
    code: t.Optional(
      t.String({ pattern: "^[a-z][a-z0-9_]*$", description: "What programs match on, in place of the usual code." }),
    ),
    status: t.Optional(
      t.Integer({ minimum: 400, maximum: 599, description: "HTTP status of the refusal; 403 when absent." }),
    ),
  }),
  reads: [],
  reasons: {
    preCheckFailed: { message: "The request does not pass the policy's check." },
    postCheckFailed: { message: "The finished call does not pass the policy's check." },
  },
  examples: [
    { pre_check_expression: "request.estimated_tokens < 8000 || app.env == 'prod'", code: "prompt_too_long" },
    { post_check_expression: "usage.total_tokens <= 20000" },
  ],

  create({ pre_check_expression, post_check_expression, message, code, status }, { cel, deny, warn }) {
    if (pre_check_expression === undefined && post_check_expression === undefined) {
      throw new PluginConfigError("", "set pre_check_expression, post_check_expression or both");
    }
    const before =
      pre_check_expression === undefined ? undefined : cel("pre_check_expression", pre_check_expression, "request");
    const after =
      post_check_expression === undefined ? undefined : cel("post_check_expression", post_check_expression, "usage");
    const inOwnWords = (hit: RuleHit): RuleHit => ({
      ...hit,
      ...(message !== undefined && { message }),
      ...(code !== undefined && { code }),
      ...(status !== undefined && { status }),
    });
    const refused = inOwnWords(deny("preCheckFailed", {}));
    const noted = inOwnWords(warn("postCheckFailed", {}));

    return {
      reads: [...(before?.reads ?? []), ...(after?.reads ?? [])],
      ...(before && { request: (facts) => (before.test(facts) ? null : refused) }),
      ...(after && { usage: (facts) => (after.test(facts) ? null : noted) }),
    };
  },
});
