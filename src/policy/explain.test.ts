import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ClauseValue, ExplainContext, PolicyExplanation } from "../core/explain.ts";
import { emptyFacts, type FactName, type Facts } from "../core/facts.ts";
import { type CompiledPolicy, notApplicable, type Verdict } from "../core/policy.ts";
import type { Snapshot } from "../core/snapshot.ts";
import { explainPolicy } from "./explain-policy.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const files = {
  "org/cap.policy.yaml": `
match: [request.stream == false, request.model != 'free']
params: { cap: { type: int, default: 16000 } }
variables:
  asked: request.estimated_tokens + request.max_tokens
  ratio: request.bytes / request.choices
  unread: request.message_count * 2
rules:
  - { id: over, when: vars.asked > params.cap, then: deny, message: 'asked for {vars.asked}, cap {params.cap}' }
  - { id: dense, when: vars.ratio > 100, then: warn }
  - { id: any, then: warn }
`,
  "org/risky.policy.yaml": `
rules:
  - { id: fails, when: request.bytes / request.choices > 100, then: deny }
  - { id: denies, when: request.stream, then: deny }
`,
  "org/tools.cel": `//! deny: shell_tool 403 "no shells"
!request.tool_names.exists(t, t.startsWith("shell."))
`,
  "org/who.policy.yaml": `
rules:
  - { id: ann, when: user.id == 'ann', then: warn, message: 'hello {user.id}' }
  - { id: big, when: user.id == 'ann' || request.bytes > 100, then: deny, message: too big for anybody }
  - { id: both, when: user.id == 'ann' && request.bytes > 100, then: deny }
  - { id: header, when: has(request.headers.plan), then: warn }
`,
  "org/size.policy.yaml": "match: [request.stream]\nuses: request_size\nwith: { max_request_bytes: 300 }\n",
  "org/tokens.policy.yaml": "uses: token_limit\nwith: { max_prompt_tokens: 50 }\n",
  "org/words.policy.yaml": "uses: regex_guard\nwith: { patterns: [{ name: secret, pattern: hello }] }\n",
  "org/code.policy.ts": `import { definePolicy } from "../../src/sdk/index.ts";
export default definePolicy({
  description: "Counts.",
  reads: ["request.bytes"],
  state: () => ({ calls: 0 }),
  request({ request, state }) {
    state.calls += 1;
    if (request.bytes === 13) throw new Error("unlucky");
    if (request.bytes > 100) return { decision: "deny", code: "too_big", message: \`\${request.bytes}, asked \${state.calls}\` };
    return null;
  },
});
`,
};

const folder = await testFolder(files);
const loaded = await loadPolicies(testOptions(folder.dir));
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2));
const { snapshot }: { snapshot: Snapshot } = loaded;
afterAll(async () => {
  await snapshot.retire();
  await folder[Symbol.asyncDispose]();
});

function policy(id: string): CompiledPolicy {
  return snapshot.policies.find((known) => known.id === id)!;
}

function factsWith(request: Partial<Facts["request"]>, user = ""): Facts {
  const facts = emptyFacts();
  Object.assign(facts.request, { choices: 1, ...request });
  facts.user.id = user;
  return facts;
}

const explain = (id: string, facts: Facts, context?: ExplainContext) =>
  explainPolicy(policy(id), "request", facts, context);
const outcomes = ({ rules }: PolicyExplanation) => rules.map(({ rule, outcome }) => `${rule} ${outcome}`);
const line = ({ text, value, error }: ClauseValue) => `${text} = ${value ?? `(${error})`}`;

describe("a policy of rules", () => {
  test("tells its gates, the variables that were read, and each rule with its parts", () => {
    const explained = explain("org/cap", factsWith({ estimated_tokens: 20_000, max_tokens: 1_000, bytes: 50 }));
    expect(explained).toMatchObject({
      policy: "org/cap",
      outcome: "decided",
      uses: "rules",
      mode: "enforce",
      scope: {},
    });
    expect(explained.gates.map(line)).toEqual(["request.stream == false = true", "request.model != 'free' = true"]);
    expect(explained.variables).toEqual([
      { name: "asked", value: "21000" },
      { name: "ratio", value: "50" },
    ]);
    const [over, dense, any] = explained.rules;
    expect(over).toMatchObject({
      rule: "over",
      effect: "deny",
      outcome: "fired",
      message: "asked for 21000, cap 16000",
      passes: "vars.asked (21000) at most 16000",
      reads: ["request.estimated_tokens", "request.max_tokens"],
      rises: ["request.estimated_tokens", "request.max_tokens"],
    });
    expect(over!.when!.clauses.map(line)).toEqual(["vars.asked = 21000", "params.cap = 16000"]);
    expect(dense).toMatchObject({ outcome: "quiet" });
    expect(dense).not.toHaveProperty("passes");
    expect(any).toEqual({ rule: "any", effect: "warn", outcome: "fired", message: expect.any(String) });
  });

  test("whose gate is closed is not applicable, and nothing behind the gate is told", () => {
    const explained = explain("org/cap", factsWith({ stream: true }));
    expect(explained).toMatchObject({ outcome: "not_applicable", rules: [], variables: [] });
    expect(explained.gates.map(line)).toEqual(["request.stream == false = false"]);
  });

  test("fails when a rule cannot be evaluated, unless another one denies", () => {
    const failing = explain("org/risky", factsWith({ choices: 0 }));
    expect([failing.outcome, outcomes(failing)]).toEqual(["error", ["fails error", "denies quiet"]]);
    expect(failing.rules[0]!.when!.value).toBeNull();
    const denied = explain("org/risky", factsWith({ choices: 0, stream: true }));
    expect([denied.outcome, outcomes(denied)]).toEqual(["decided", ["fails error", "denies fired"]]);
  });

  test("tells of a variable that cannot be computed which one it is", () => {
    const explained = explain("org/cap", factsWith({ choices: 0 }));
    expect(explained.outcome).toBe("error");
    expect(explained.variables).toContainEqual({ name: "ratio", value: null, error: expect.stringMatching(/\w/) });
    expect(explained.rules[1]!.when!.error).toBe("the variable 'ratio' could not be computed");
  });

  test("of a .cel file says what must be true", () => {
    const explained = explain("org/tools", factsWith({ tool_names: ["calc", "shell.rm"] }));
    expect(explained.rules).toMatchObject([
      {
        rule: "shell_tool",
        outcome: "fired",
        must: true,
        passes: 'request.tool_names without "shell.rm"',
        message: "no shells",
      },
    ]);
    expect(explained.rules[0]!.when!.value).toBe("false");
    expect(outcomes(explain("org/tools", factsWith({ tool_names: ["calc"] })))).toEqual(["shell_tool quiet"]);
  });

  test("is not asked in another phase", () => {
    expect(explainPolicy(policy("org/cap"), "response", factsWith({}))).toMatchObject({
      outcome: "not_applicable",
      rules: [],
    });
  });
});

describe("what is masked", () => {
  const hidden = new Map<FactName, "masked">([
    ["user.id", "masked"],
    ["request.headers", "masked"],
  ]);
  const masked = (request: Partial<Facts["request"]>) => explain("org/who", factsWith(request, "0f3a"), { hidden });

  test("leaves unknown what depends on it alone, and nothing else", () => {
    expect(outcomes(masked({ bytes: 500, headers: { plan: "0f" } }))).toEqual([
      "ann unknown",
      "big fired",
      "both unknown",
      "header fired",
    ]);
    expect(outcomes(masked({ bytes: 5 }))).toEqual(["ann unknown", "big unknown", "both quiet", "header quiet"]);
  });

  test("is not told in clauses or messages", () => {
    const explained = masked({ bytes: 500 });
    expect(line(explained.rules[0]!.when!.clauses[0]!)).toBe("user.id = (masked)");
    expect(explained.rules[0]).not.toHaveProperty("message");
    expect(explained.rules[1]).toMatchObject({ message: "too big for anybody" });
    expect(JSON.stringify(explained)).not.toContain("0f3a");
  });
});

describe("a policy that is code", () => {
  test("of a plugin tells its gate, then the reasons that it gave and those that it did not give", () => {
    const closed = explain("org/size", factsWith({ bytes: 500 }));
    expect([closed.outcome, closed.gates.map(line), closed.rules]).toEqual([
      "not_applicable",
      ["request.stream = false"],
      [],
    ]);
    const open = explain("org/size", factsWith({ bytes: 500, stream: true }));
    expect(open.gates.map(line)).toEqual(["request.stream = true"]);
    expect(open.rules).toMatchObject([
      { rule: "tooLarge", outcome: "fired", message: "The request is 500 bytes, the most accepted is 300." },
    ]);
    expect(outcomes(explain("org/size", factsWith({ bytes: 300, stream: true })))).toEqual(["tooLarge quiet"]);
  });

  test("is asked what smaller value would have kept a rule quiet, and it does", () => {
    const [fired] = explain("org/size", factsWith({ bytes: 500, stream: true })).rules;
    const [, words, bound] = /^request\.bytes \(500\) (at|at most) (\d+)$/.exec(fired!.passes!)!;
    expect([["at", "at most"].includes(words!), bound]).toEqual([true, "300"]);
    const [many] = explain("org/tokens", factsWith({ estimated_tokens: 80 })).rules.filter(
      ({ outcome }) => outcome === "fired",
    );
    expect(many!.passes).toBe("request.estimated_tokens (80) at most 50");
  });

  test("in TypeScript tells its answer; asking changes no state", () => {
    const facts = factsWith({ bytes: 500 });
    for (let i = 0; i < 3; i += 1) {
      expect(explain("org/code", facts)).toMatchObject({
        outcome: "decided",
        uses: "typescript",
        rules: [{ rule: "too-big", outcome: "fired", message: "500, asked 1", passes: "request.bytes (500) at 100" }],
      });
    }
    expect(explain("org/code", factsWith({ bytes: 13 }))).toMatchObject({
      outcome: "error",
      note: expect.stringContaining("unlucky"),
    });
  });

  test("that looks at the text is unknown without it", () => {
    const facts = factsWith({});
    expect(explain("org/words", facts)).toMatchObject({
      outcome: "unknown",
      note: "it looks at the text, which is not recorded",
    });
    const content = { texts: () => ["well, hello"] };
    expect(outcomes(explain("org/words", facts, { content }))).toContain("promptMatch fired");
  });

  test("that reads what is masked is unknown", () => {
    const hidden = new Map<FactName, "not recorded">([["request.bytes", "not recorded"]]);
    expect(explain("org/code", factsWith({ bytes: 500 }), { hidden })).toMatchObject({
      outcome: "unknown",
      note: "it reads request.bytes (not recorded)",
    });
  });
});

describe("whatever the request", () => {
  const request = fc.record({
    bytes: fc.constantFrom(0, 13, 50, 101, 500),
    choices: fc.constantFrom(0, 1, 3),
    estimated_tokens: fc.constantFrom(0, 49, 51, 20_000),
    max_tokens: fc.constantFrom(0, 1_000),
    stream: fc.boolean(),
    model: fc.constantFrom("free", "gpt-4o"),
    tool_names: fc.constantFrom([], ["calc"], ["shell.x", "calc"]),
    headers: fc.constantFrom({} as Record<string, string>, { plan: "gold" }),
  });
  const content = { texts: () => ["hello"] };

  function asked(compiled: CompiledPolicy, facts: Facts): Verdict | "error" {
    try {
      return compiled.evaluate.request!({ ...facts }, content);
    } catch {
      return "error";
    }
  }

  test("what is told is what the engine is answered", () => {
    fc.assert(
      fc.property(request, fc.constantFrom("", "ann", "bob"), (given, user) => {
        const facts = factsWith(given, user);
        for (const compiled of snapshot.policies) {
          const verdict = asked(compiled, facts);
          const { outcome, rules } = explainPolicy(compiled, "request", facts, { content });
          const fired = rules.filter((rule) => rule.outcome === "fired");
          if (verdict === "error") expect([compiled.id, outcome]).toEqual([compiled.id, "error"]);
          else if (verdict === notApplicable) expect([compiled.id, outcome]).toEqual([compiled.id, "not_applicable"]);
          else {
            expect([compiled.id, outcome]).toEqual([compiled.id, "decided"]);
            expect(fired.map(({ rule, effect, message }) => ({ rule, effect, message }))).toEqual(
              (verdict ?? []).map(({ rule, effect, message }) => ({ rule, effect, message })),
            );
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("the same facts give the same explanation", () => {
    fc.assert(
      fc.property(request, (given) => {
        const facts = factsWith(given);
        const all = () => snapshot.policies.map((compiled) => explainPolicy(compiled, "request", facts, { content }));
        expect(all()).toEqual(all());
      }),
      { numRuns: 50 },
    );
  });
});
