import { expect, test } from "bun:test";
import { definePolicy, notApplicable, t } from "./index.ts";

// What is only about types is checked by the type checker: a directive that expects an error and gets none is one.

const listed = definePolicy({
  description: "Agents may call only listed tools.",
  onError: "deny",
  scope: { env: ["prod"] },
  params: t.Object({ allow: t.Array(t.String()), most: t.Integer({ minimum: 1, default: 20 }) }),
  with: { allow: ["search"] },
  reads: ["request.tool_names", "usage.total_tokens", "now"],
  state: () => ({ asked: 0 }),
  request({ request, params, state, now }) {
    state.asked += now.getUTCHours() * 0 + 1;
    const other = request.tool_names.find((name) => !params.allow.includes(name));
    if (request.tool_names.length > params.most) return notApplicable;
    return other === undefined ? null : { decision: "deny", code: "tool_not_listed", message: other, status: 403 };
  },
  usage: ({ usage, content }) =>
    usage.total_tokens > content.texts().length ? [{ decision: "warn", code: "many", message: "many tokens" }] : null,
});

test("a policy is given back frozen, with what it declares", () => {
  expect([listed, listed.with, listed.with?.allow, listed.reads, listed.scope].map(Object.isFrozen)).not.toContain(
    false,
  );
  expect(listed.onError).toBe("deny");
});

test("a handler sees exactly the facts that are declared and known in its phase", () => {
  const policy = definePolicy({
    description: "Reads one fact of the request and one of the answer.",
    reads: ["request.model", "usage.total_tokens"],
    request(input) {
      // @ts-expect-error not declared
      void input.request.bytes;
      // @ts-expect-error not known in this phase
      void input.usage;
      // @ts-expect-error there is no state
      void input.state?.calls;
      return { decision: "warn", code: "seen", message: input.request.model };
    },
  });
  expect(policy.request).toBeFunction();
});

test("what is wrong with a policy is a type error", () => {
  const wrong = [
    // @ts-expect-error a promise is no answer
    definePolicy({ description: "x", request: async () => null }),
    // @ts-expect-error there is no such fact
    definePolicy({ description: "x", reads: ["request.modle"], request: () => null }),
    // @ts-expect-error there is no such decision
    definePolicy({ description: "x", request: () => ({ decision: "dney", code: "a", message: "b" }) }),
    // @ts-expect-error a status is for refusals
    definePolicy({ description: "x", request: () => ({ decision: "warn", code: "a", message: "b", status: 403 }) }),
    // @ts-expect-error what to change is missing
    definePolicy({ description: "x", request: () => ({ decision: "modify", code: "a", message: "b" }) }),
    // @ts-expect-error the params are of another type
    definePolicy({ description: "x", params: t.Object({ a: t.Integer() }), with: { a: "1" }, request: () => null }),
    // @ts-expect-error a handler answers
    definePolicy({ description: "x", request: () => {} }),
  ];
  expect(wrong).toHaveLength(7);
});
