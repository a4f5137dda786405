import { surfaces } from "../../src/core/phases.ts";
import { testPlugin } from "../../src/sdk/testing.ts";
import conditions from "./plugin.ts";

const met = "The request meets a condition that the policy does not let pass.";
const request = (facts: object) => ({ request: facts });
const only = (fact: string, op: string, value: unknown, phase = "request") => ({ when: { fact, op, value }, phase });
const hit = { deny: "conditionMet", message: met } as const;

/** One operator, with facts for which it is true and facts for which it is not. */
const operators: readonly [config: object, yes: object, no: object][] = [
  [only("request.model", "eq", "gpt-4o"), request({ model: "gpt-4o" }), request({ model: "GPT-4o" })],
  [only("request.model", "ne", "gpt-4o"), request({ model: "o3" }), request({ model: "gpt-4o" })],
  [only("request.bytes", "gt", 5), request({ bytes: 6 }), request({ bytes: 5 })],
  [only("request.bytes", "gte", 5), request({ bytes: 5 }), request({ bytes: 4 })],
  [only("request.temperature", "lt", 1), request({ temperature: 0.99 }), request({ temperature: 1 })],
  [only("request.temperature", "lte", 1), request({ temperature: 1 }), request({ temperature: 1.01 })],
  [only("app.env", "in", ["dev", "test"]), { app: { env: "dev" } }, { app: { env: "prod" } }],
  [only("app.env", "not_in", ["dev", "test"]), { app: { env: "prod" } }, { app: { env: "test" } }],
  [only("request.model", "contains", "mini"), request({ model: "gpt-4o-mini" }), request({ model: "gpt-4o" })],
  [
    only("request.tool_names", "contains", "exec"),
    request({ tool_names: ["a", "exec"] }),
    request({ tool_names: ["a"] }),
  ],
  [only("request.headers", "contains", "x-a"), request({ headers: { "x-a": "" } }), request({ headers: {} })],
  [only("user.groups", "not_contains", "staff"), { user: { groups: [] } }, { user: { groups: ["staff"] } }],
  [only("request.model", "matches", "^gpt-[45]"), request({ model: "gpt-5" }), request({ model: "my-gpt-5" })],
  [only("app.labels.tier", "eq", "free"), { app: { labels: { tier: "free" } } }, { app: { labels: {} } }],
  [only("app.labels.tier", "ne", "paid"), { app: { labels: {} } }, { app: { labels: { tier: "paid" } } }],
  [only("request.headers.a.b", "eq", "x"), request({ headers: { "a.b": "x" } }), request({ headers: { a: "x" } })],
  [only("app.labels.toString", "ne", ""), { app: { labels: {} } }, { app: { labels: { toString: "" } } }],
  [only("request.stream", "eq", true), request({ stream: true }), request({ stream: false })],
  [
    only("now", "gte", "2026-12-01T00:00:00+01:00"),
    { now: new Date("2026-11-30T23:00:00Z") },
    { now: new Date("2026-11-30T22:59:59Z") },
  ],
  [
    {
      when: {
        and: [
          { fact: "request.bytes", op: "gt", value: 1 },
          { fact: "request.stream", op: "eq", value: true },
        ],
      },
    },
    request({ bytes: 2, stream: true }),
    request({ bytes: 2 }),
  ],
  [
    {
      when: {
        or: [
          { fact: "request.bytes", op: "gt", value: 1 },
          { fact: "request.stream", op: "eq", value: true },
        ],
      },
    },
    request({ bytes: 1, stream: true }),
    request({ bytes: 1 }),
  ],
  [{ when: { not: { fact: "request.bytes", op: "gt", value: 1 } } }, request({ bytes: 1 }), request({ bytes: 2 })],
];

const wide = { or: Array.from({ length: 300 }, () => ({ fact: "request.bytes", op: "gt", value: 1 })) };

testPlugin(conditions, {
  dir: import.meta.dir,
  config: only("request.bytes", "gt", 1000),
  cases: [
    ...operators.flatMap(([config, yes, no], i) => {
      const name = `${i + 1}: ${JSON.stringify(config)}`;
      return [
        { name: `${name} is met`, config, facts: yes, expects: hit },
        { name: `${name} is not met`, config, facts: no, expects: "allow" as const },
      ];
    }),
    {
      name: "it may only warn, in its own words",
      config: { ...only("request.bytes", "gt", 5), action: "warn", code: "large", message: "That is large." },
      facts: request({ bytes: 6 }),
      expects: { warn: "conditionMet", code: "large", message: "That is large." },
    },
    {
      name: "a refusal has its own status",
      config: { ...only("request.bytes", "gt", 5), status: 413 },
      facts: request({ bytes: 6 }),
      expects: { deny: "conditionMet", code: "condition_met", status: 413, message: met },
    },
    {
      name: "an answer can be judged",
      config: only("response.status", "gte", 500, "response"),
      phase: "response",
      facts: { response: { status: 502 } },
      expects: hit,
    },
    {
      name: "a finished call can be noted",
      config: { ...only("usage.total_tokens", "gt", 9, "usage"), action: "warn" },
      phase: "usage",
      facts: { usage: { total_tokens: 10 } },
      expects: { warn: "conditionMet", message: met },
    },
  ],
  accepts: [
    { ...only("request.bytes", "gt", 5), message: "m".repeat(1000), status: 400 },
    { ...only("request.bytes", "gt", 5), message: "m", status: 599 },
  ],
  refuses: [
    { config: { ...only("request.bytes", "gt", 5), message: "" }, at: "message" },
    { config: { ...only("request.bytes", "gt", 5), message: "m".repeat(1001) }, at: "message" },
    { config: { ...only("request.bytes", "gt", 5), status: 399 }, at: "status" },
    { config: { ...only("request.bytes", "gt", 5), status: 600 }, at: "status" },
    // What has no form is told as such: nothing is looked up for it.
    { config: only(5 as never, "gt", 5), at: "when.fact", message: "expected a fact, got 5" },
    {
      config: only("request.bytes.x", "gt", 5),
      at: "when.fact",
      message: "'request.bytes.x' is not a fact; did you mean 'request.bytes'?",
    },
    {
      config: only("request.surface", "eq", "telephone"),
      at: "when.value",
      message: `request.surface is never 'telephone'; values: ${surfaces.join(", ")}`,
    },
    { config: { when: { or: [{ fact: "request.stream", op: "gt", value: true }] } }, at: "when.or.0.op" },
    { config: only("now", "gt", "2026-01-31"), at: "when.value" },
    { config: only("now", "gt", "2026-01-31T25:00:00Z"), at: "when.value" },
    {
      config: only("request.byte", "gt", 5),
      at: "when.fact",
      message: "'request.byte' is not a fact; did you mean 'request.bytes'?",
    },
    {
      config: only("usage.total_tokens", "gt", 5),
      at: "when.fact",
      message: "'usage.total_tokens' can be read in response and usage, not in phase request",
    },
    {
      config: { when: { and: [{ not: { fact: "request.model", op: "gt", value: "a" } }] } },
      at: "when.and.0.not.op",
      message:
        "'gt' does not go with request.model, a string; what does: eq, ne, in, not_in, contains, not_contains, matches",
    },
    {
      config: only("request.bytes", "eq", 1.5),
      at: "when.value",
      message: "expected an integer, got 1.5",
    },
    { config: only("request.temperature", "eq", "1"), at: "when.value", message: "expected a number, got '1'" },
    { config: only("request.stream", "eq", "yes"), at: "when.value", message: "expected true or false, got 'yes'" },
    { config: only("request.model", "eq", 4), at: "when.value", message: "expected a text, got 4" },
    { config: only("request.model", "in", "gpt"), at: "when.value", message: "expected a list of values, got 'gpt'" },
    { config: only("app.env", "eq", ["a"]), at: "when.value", message: "expected a text, got a list" },
    {
      config: only("request.surface", "in", ["chta"]),
      at: "when.value",
      message: "request.surface is never 'chta'; did you mean 'chat'?",
    },
    {
      config: only("request.model", "matches", "a(?=b)"),
      at: "when.value",
      message: "the pattern is not a valid RE2 expression: invalid or unsupported Perl syntax: `(?=`",
    },
    {
      config: only("now", "gt", "2026-02-30T00:00:00Z"),
      at: "when.value",
      message: "expected a time such as 2026-01-31T09:00:00Z, got '2026-02-30T00:00:00Z'",
    },
    {
      config: only("request.bytes", "gtt", 5),
      at: "when.op",
      message: "there is no operator 'gtt'; did you mean 'gt'?",
    },
    { config: { when: { fact: "request.bytes", op: "gt" } }, at: "when", message: "'value' is missing" },
    { config: { when: { fact: "request.bytes", op: "gt", value: Number.NaN } }, at: "when.value" },
    { config: only("request.model", "eq", "\ud800"), at: "when.value" },
    { config: only("request.model", "in", []), at: "when.value" },
    {
      config: { when: { and: [] } },
      at: "when.and",
      message: "expected a list of at least 1 condition, got an empty list",
    },
    {
      config: { when: { and: [5], or: [] } },
      at: "when.or",
      message: "unknown key 'or'; known keys: and",
    },
    { config: { when: { nand: [] } }, at: "when.nand", message: "unknown key 'nand'; did you mean 'and'?" },
    { config: { when: [] }, at: "when" },
    { config: {}, at: "" },
    { config: { when: wide }, at: "when", message: "more than 200 parts are too many for one condition" },
    {
      config: { ...only("usage.total_tokens", "gt", 5, "usage"), action: "deny" },
      at: "action",
      message: "in phase usage the answer is gone and nothing can be refused; use warn",
    },
    {
      config: { ...only("request.bytes", "gt", 5), action: "warn", status: 413 },
      at: "status",
      message: "'status' has no effect on 'action: warn'",
    },
    { config: { ...only("request.bytes", "gt", 5), action: "modify" }, at: "action" },
    { config: { ...only("request.bytes", "gt", 5), phase: "stream" }, at: "phase" },
  ],
});
