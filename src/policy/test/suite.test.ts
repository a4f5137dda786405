import { describe, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { type TestFolder, testFolder, testOptions } from "../testing.ts";
import { usualThresholds } from "./coverage.ts";
import { failureText, textReport } from "./report-text.ts";
import { runTests, type TestOptions } from "./tests.ts";

const cap = `params: { cap: { type: int, default: 100 } }
variables: { asked: request.estimated_tokens + request.max_tokens }
scope: { env: [prod] }
match: ["request.stream == false || request.has_images"]
rules:
  - id: over
    when: vars.asked > params.cap && !(app.id in ["batch", "eval"])
    then: deny
    message: asked for {vars.asked}
  - id: trim
    when: request.max_tokens > 10
    then: modify
    modify: [{ op: cap, path: max_tokens, value: 10 }]
`;
const limits = "uses: rate_limit\nwith: { requests_per_minute: 3, per: [app] }\n";

async function run(files: Readonly<Record<string, string>>, options: Partial<TestOptions> = {}) {
  await using folder: TestFolder = await testFolder(files);
  const { report, result } = await runTests({ ...testOptions(folder.dir), ...options });
  const failures = report.suite.files.flatMap(({ cases }) =>
    cases.flatMap(({ name, failures }) =>
      failures.map((failure) => `${name} ${failure.line}: ${failureText(failure)}`),
    ),
  );
  return { report, result, failures, text: textReport(report).join("\n") };
}

/** A test file of one policy, its cases given as the flow maps that follow `name`. */
function tests(policy: string, head: string, ...cases: readonly string[]): string {
  const lines = cases.map((one, i) => `  - { name: case ${i + 1}, ${one} }`);
  return [`policies: [${policy}]`, head, "cases:", ...lines, ""]
    .filter((line) => line !== "")
    .join("\n")
    .concat("\n");
}

const prod = "defaults: { app: { id: chat, env: prod } }";

describe("a case is judged as the server would", () => {
  test("by scope, gates, variables, rules and what they modify", async () => {
    const { failures, result, report } = await run({
      "org/cap.policy.yaml": cap,
      "org/cap.test.yaml": tests(
        "org/cap",
        prod,
        "input: { request: { estimated_tokens: 96, max_tokens: 5 } }, expect: { decision: deny, rule: over, code: over, status: 403, message: asked for 101 }",
        "input: { request: { estimated_tokens: 95, max_tokens: 5 } }, expect: { decision: allow, outcome: ok, findings: [] }",
        "input: { request: { max_tokens: 11 } }, expect: { decision: modify, modifications: [{ op: cap, path: max_tokens, value: 10 }] }",
        "input: { request: { stream: true, max_tokens: 11 } }, expect: { decision: allow, outcome: not_applicable }",
        "input: { app: { env: dev }, request: { max_tokens: 500 } }, expect: { decision: allow, outcome: not_applicable }",
        "mocks: { request.estimated_tokens: { error: timeout } }, expect: { decision: deny, outcome: error, rule: '' }",
      ),
    });
    expect(failures).toEqual([]);
    expect([result, report.suite.passed]).toEqual(["passed", 6]);
  });

  test("by an event of a stream, and what is looked for in answers", async () => {
    const { failures } = await run({
      "org/events.policy.yaml":
        "phase: stream\nrules:\n  - { id: long, when: stream.output_tokens > 9, then: deny }\n  - { id: shell, when: event.tool_name == 'shell', then: deny }\n",
      "org/mail.policy.yaml": "uses: pii\nwith: { types: [email], on: [answer], action: deny }\n",
      "org/events.test.yaml": tests(
        "org/events, org/mail",
        "",
        "input: { phase: stream, event: { type: text, text: hello }, stream: { output_tokens: 10 } }, expect: { decision: deny, rule: long }",
        "input: { phase: stream, event: { type: tool_call, tool_name: shell } }, expect: { decision: deny, rule: shell }",
        "input: { phase: stream, event: { text: hello } }, expect: { decision: allow }",
        "input: { phase: stream, event: { text: to a@example.com } }, expect: { decision: deny, policy: org/mail }",
        "input: { phase: response, content: [to a@example.com] }, expect: { decision: deny, policy: org/mail }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("by limits, as they stand", async () => {
    const { failures } = await run({
      "org/rate.policy.yaml": limits,
      "org/rate.test.yaml": tests(
        "org/rate",
        "",
        "expect: { decision: allow, limits: [{ name: requests/minute, amount: 1, max: 3 }] }",
        "mocks: { limits: { requests/minute: { used: 2 } } }, expect: { decision: allow }",
        "mocks: { limits: { 'org/rate requests/minute': { used: 3, resetSeconds: 9 } } }, expect: { decision: deny, status: 429, headers: { retry-after: '9' } }",
        "mocks: { limits: { requests/minute: { error: down } } }, expect: { decision: allow }",
      ),
      "org/strict.policy.yaml": limits.replace("per:", "onStoreDown: deny, per:"),
      "org/strict.test.yaml": tests(
        "org/strict",
        "",
        "mocks: { limits: { requests/minute: { error: down } } }, expect: { decision: deny, outcome: error, code: store_unavailable, status: 503 }",
      ),
      "org/lenient.policy.yaml": limits.replace("per:", "onStoreDown: allow, per:"),
      "org/lenient.test.yaml": tests(
        "org/lenient",
        "",
        "mocks: { limits: { requests/minute: { error: down, used: 9 } } }, expect: { decision: allow }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("by budgets: what they warn of, what they let pass, and the day they begin anew", async () => {
    const request = "input: { now: '2026-11-30T23:00:00Z', request: { estimated_tokens: 10 } }";
    const tests_ = (id: string, ...cases: string[]) => tests(id, "", ...cases.map((one) => `${request}, ${one}`));
    const { failures } = await run({
      "org/money.policy.yaml": "uses: budget\nwith: { tokens_per_month: 1000, default_completion_tokens: 90 }\n",
      "org/money.test.yaml": tests_(
        "org/money",
        "mocks: { limits: { tokens/month: { used: 749 } } }, expect: { decision: allow }",
        'mocks: { limits: { tokens/month: { used: 750, resetSeconds: 3600 } } }, expect: { decision: warn, code: budget_75, message: "75 % of this month\'s budget are used: 750 of 1000 tokens; it begins anew on 2026-12-01." }',
        'mocks: { limits: { tokens/month: { used: 901, resetSeconds: 3599 } } }, expect: { decision: deny, status: 402, message: "901 of 1000 tokens of this month\'s budget are used, and the request may take 100; the budget begins anew on 2026-11-30." }',
      ),
      "org/soft.policy.yaml": "uses: budget\nwith: { tokens_per_day: 10, hard: false }\n",
      "org/soft.test.yaml": tests_(
        "org/soft",
        "expect: { decision: allow }",
        "mocks: { limits: { tokens/day: { used: 500 } } }, expect: { decision: warn, code: budget_100 }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("by several policies together, the strictest of which decides", async () => {
    const { failures } = await run({
      "org/cap.policy.yaml": cap,
      "org/rate.policy.yaml": limits,
      "org/both.test.yaml": tests(
        "org/cap, org/rate",
        prod,
        "input: { request: { max_tokens: 11 } }, mocks: { limits: { requests/minute: { used: 3 } } }, expect: { decision: deny, policy: org/rate, findings: [{ policy: org/rate, effect: deny }, { policy: org/cap, rule: trim, effect: modify }] }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("by the texts that it gives, where policies look into them", async () => {
    const { failures } = await run({
      "org/guard.policy.yaml": 'uses: regex_guard\nwith: { patterns: [{ name: secret, pattern: "s3cr[e3]t" }] }\n',
      "org/guard.test.yaml": tests(
        "org/guard",
        "",
        "input: { content: [hello, my s3cret] }, expect: { decision: deny }",
        "input: { content: [hello] }, expect: { decision: allow, outcome: ok }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("in the phase it names, with what only that phase knows", async () => {
    const usage = "phase: usage\nmode: audit\nrules: [{ id: large, when: usage.total_tokens > 5, then: warn }]\n";
    const { failures } = await run({
      "org/large.policy.yaml": usage,
      "org/large.test.yaml": tests(
        "org/large",
        "",
        "input: { phase: usage, usage: { prompt_tokens: 4, completion_tokens: 2 } }, expect: { decision: allow, outcome: ok, would: warn }",
        "expect: { decision: allow, outcome: not_applicable }",
      ),
    });
    expect(failures).toEqual([]);
  });
});

describe("a request that is modified", () => {
  const modify = `rules:
  - { id: trim, when: "request.max_tokens > 10", then: modify, modify: [{ op: cap, path: max_tokens, value: 10 }] }
  - { id: tools, when: "request.tool_count > 1", then: modify, modify: [{ op: remove, path: tools, value: ["a*"] }] }
  - { id: still, when: "request.max_tokens > 9 || 'a' in request.tool_names", then: warn, recheck: true }
`;

  test("is asked again with what became of it, and its limits are taken by that", async () => {
    const { failures } = await run({
      "org/m.policy.yaml": modify,
      "org/rate.policy.yaml": "uses: rate_limit\nwith: { tokens_per_minute: 100, per: [app] }\n",
      "org/m.test.yaml": tests(
        "org/m, org/rate",
        "",
        "input: { request: { max_tokens_requested: 50 } }, expect: { decision: modify, findings: [{ rule: trim }, { rule: still }], limits: [{ amount: 10 }] }",
        "input: { request: { tool_names: [ab, b] } }, expect: { decision: modify, findings: [{ rule: tools }], modifications: [{ op: remove, path: tools, value: [a*] }] }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("is refused when a second look wants it changed once more", async () => {
    const again = `rules:
  - { id: raise, when: "request.max_tokens < 10", then: modify, modify: [{ op: set, path: max_tokens, value: 50 }] }
  - { id: lower, when: "request.max_tokens > 40", then: modify, recheck: true, modify: [{ op: cap, path: max_tokens, value: 30 }] }
`;
    const { failures } = await run({
      "org/m.policy.yaml": again,
      "org/m.test.yaml": tests(
        "org/m",
        "",
        "input: { request: { max_tokens_requested: 5 } }, expect: { decision: deny, code: modify_loop }",
        "input: { request: { max_tokens_requested: 90 } }, expect: { decision: modify, modifications: [{ op: cap, path: max_tokens, value: 30 }] }",
      ),
    });
    expect(failures).toEqual([]);
  });

  test("meets the rules of the model that it is routed to", async () => {
    const { failures } = await run({
      "org/route.policy.yaml":
        'scope: { models: [big] }\nrules: [{ id: r, when: "request.bytes < 5", then: modify, modify: [{ op: route, path: model, value: small }] }]\n',
      "org/small.policy.yaml": 'scope: { models: [small] }\nrules: [{ id: s, when: "request.stream", then: deny }]\n',
      "org/r.test.yaml": tests(
        "org/route, org/small",
        "defaults: { request: { model: big } }",
        "expect: { decision: modify, modifications: [{ op: route, path: model, value: small }] }",
        "input: { request: { stream: true } }, expect: { decision: deny, policy: org/small }",
        "input: { request: { stream: true, bytes: 9 } }, expect: { decision: allow }",
      ),
    });
    expect(failures).toEqual([]);
  });
});

describe("policies of the library", () => {
  const files = {
    "org/other.policy.yaml": "rules: [{ when: request.stream, then: warn }]\n",
    "library/cap.policy.yaml": `params: { cap: { type: int, default: 100, min: 1 } }
rules: [{ id: over, when: request.bytes > params.cap, then: deny, message: over }]
`,
  };
  const cases = [
    "input: { request: { bytes: 101 } }, expect: { decision: deny, policy: library/cap, rule: over }",
    "input: { request: { bytes: 100 } }, expect: { decision: allow, outcome: ok }",
    "with: { cap: 5 }, input: { request: { bytes: 6 } }, expect: { decision: deny }",
  ];

  test("are tested with their defaults and with params, covered and mutated as all others", async () => {
    const options = { coverage: usualThresholds, mutate: 100, paths: ["library/cap"] };
    const { failures, result, report } = await run(
      { ...files, "library/cap.test.yaml": tests("library/cap", "", ...cases) },
      options,
    );
    expect([failures, result]).toEqual([[], "passed"]);
    expect(report.coverage?.policies).toMatchObject([{ policy: "library/cap", branches: [{ line: 2, column: 27 }] }]);
    expect(report.mutation?.policies).toMatchObject([{ policy: "library/cap", mutants: 4, killed: 4 }]);
  });

  test("refuse params that they do not take, where the test gives them", async () => {
    const { text } = await run({
      ...files,
      "library/cap.test.yaml": tests("library/cap", "", "with: { cap: 0 }, expect: { decision: allow }"),
    });
    expect(text).toStartWith("policies/library/cap.test.yaml:3:21  C027  library/cap: ");
  });
});

describe("what comes otherwise", () => {
  const files = {
    "org/cap.policy.yaml": cap,
    "org/cap.test.yaml": tests(
      "org/cap",
      prod,
      "input: { request: { max_tokens: 500 } }, expect: { decision: allow, message: fine, modifications: [] }",
      "mocks: { request.max_tokens: { error: timeout } }, expect: { decision: warn, findings: [] }",
      "mocks: { limits: { requests/minute: { used: 1 } } }, expect: { decision: allow }",
    ),
  };

  test("is told with what was expected, what came, and the line of the test", async () => {
    const { failures, result } = await run(files);
    expect(result).toBe("failed");
    expect(failures).toEqual([
      'case 1 4: decision: expected "allow", got "deny"',
      'case 1 4: message: expected "fine", got "asked for 500"',
      'case 1 4: modifications: expected [], got [{"op":"cap","path":"max_tokens","value":10}]',
      'case 2 5: decision: expected "warn", got "deny"',
      expect.stringMatching(
        /^case 2 5: findings: expected \[\], got \[\{"policy":"org\/cap","rule":"","effect":"deny"/,
      ),
      'case 3 6: limits: expected "requests/minute", got []',
    ]);
  });

  test("is shown to people with why a policy failed", async () => {
    const { text } = await run(files, { filter: "case 2" });
    expect(text).toStartWith("FAIL policies/org/cap.test.yaml  1 case\n  case 2\n    policies/org/cap.test.yaml:5:");
    expect(text).toContain(
      "org/cap: the variable 'asked' could not be computed: request.max_tokens cannot be had: timeout",
    );
    expect(text).toEndWith("\n0 passed, 1 failed");
  });
});

test("a case that fails says which policies were not asked, and why", async () => {
  const { text } = await run({
    "apps/chat/size.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 5 }\n",
    "apps/chat/size.test.yaml": tests(
      "apps/chat/size",
      "",
      "input: { request: { bytes: 6 } }, expect: { decision: deny }",
      "input: { app: { id: chat } }, expect: { decision: deny }",
    ),
  });
  expect(text.match(/.*not asked.*/g)).toEqual(['    apps/chat/size was not asked: its scope is {"apps":["chat"]}']);
});

describe("nothing is run", () => {
  test("when a policy is wrong", async () => {
    const { result, text } = await run({ "org/a.policy.yaml": "rules: [{ then: dney }]\n" });
    expect(result).toBe("refused");
    expect(text).toStartWith("policies/org/a.policy.yaml:1:17  C023  ");
  });

  test("when a test names a policy that does not exist", async () => {
    const { result, text } = await run({
      "org/rate.policy.yaml": limits,
      "org/rate.test.yaml": tests("org/rte", "", "expect: { decision: allow }"),
    });
    expect(result).toBe("refused");
    expect(text).toContain(
      "policies/org/rate.test.yaml:1:12  C090  there is no policy 'org/rte'; did you mean 'org/rate'?",
    );
  });

  test("when a test file is wrong that is asked for by its policy", async () => {
    for (const text of ["policies: [org/rate]\ncases: [{ name: a }]\n", "policies: [org/rte]\n", "cases: [\n"]) {
      const { result } = await run(
        { "org/rate.policy.yaml": limits, "org/rate.test.yaml": text },
        { paths: ["org/rate"] },
      );
      expect([text, result]).toEqual([text, "refused"]);
    }
  });

  test("when a test file cannot be read", async () => {
    await using folder = await testFolder({ "org/rate.policy.yaml": limits });
    await symlink("nowhere", join(folder.dir, "org/rate.test.yaml"));
    const { report } = await runTests(testOptions(folder.dir));
    expect(report.suite.problems).toMatchObject([{ code: "C038", message: "the file cannot be read: ENOENT" }]);
  });

  test("when no test is meant, which is no success", async () => {
    const files = {
      "org/rate.policy.yaml": limits,
      "org/rate.test.yaml": tests("org/rate", "", "expect: { decision: allow }"),
    };
    expect((await run({ "org/rate.policy.yaml": limits })).result).toBe("no_tests");
    expect((await run(files, { filter: "no such case" })).result).toBe("no_tests");
    expect((await run(files, { paths: ["org/other"] })).result).toBe("no_tests");
  });
});

test("tests are chosen by file, folder, policy, id and name", async () => {
  await using folder = await testFolder({
    "org/a.policy.yaml": limits,
    "org/a.test.yaml": tests("org/a", "", "expect: { decision: allow }"),
    "teams/red/b.policy.yaml": limits,
    "teams/red/b.test.yaml": tests("teams/red/b", "", "expect: { decision: allow }", "expect: { outcome: ok }"),
  });
  const cwd = folder.dir;
  const chosen = async (options: Partial<TestOptions>) => {
    const { report } = await runTests({ ...testOptions(cwd), cwd, ...options });
    return report.suite.files.map(({ label, cases }) => `${label.slice("policies/".length)} ${cases.length}`);
  };
  expect(await chosen({})).toEqual(["org/a.test.yaml 1", "teams/red/b.test.yaml 2"]);
  for (const path of ["org", "org/a.test.yaml", "org/a.policy.yaml", "org/a", "./org/"]) {
    expect(await chosen({ paths: [path] })).toEqual(["org/a.test.yaml 1"]);
  }
  expect(await chosen({ paths: ["teams/red", "org/a"] })).toHaveLength(2);
  expect(await chosen({ filter: "RED/b.test.yaml case 2" })).toEqual(["teams/red/b.test.yaml 1"]);
});

describe("coverage", () => {
  const covered = (...cases: readonly string[]) =>
    run(
      { "org/cap.policy.yaml": cap, "org/cap.test.yaml": tests("org/cap", prod, ...cases) },
      { coverage: usualThresholds },
    );

  test("counts what fired and what stayed quiet, what was true and what was false, and says where the rest stands", async () => {
    const { result, report, text } = await covered(
      "input: { request: { estimated_tokens: 101 } }, expect: { decision: deny }",
      "input: { app: { id: eval }, request: { estimated_tokens: 101 } }, expect: { decision: allow }",
    );
    expect(result).toBe("coverage");
    expect(report.coverage?.policies).toMatchObject([{ policy: "org/cap", percent: { rules: 75, branches: 50 } }]);
    expect(report.coverage?.missing).toEqual([
      "policies/org/cap.policy.yaml:10:5  no test sees the rule 'trim' hit",
      "policies/org/cap.policy.yaml:4:10  no test sees 'request.stream == false' false",
      "policies/org/cap.policy.yaml:4:37  no test sees 'request.has_images' true or false",
      "policies/org/cap.policy.yaml:7:11  no test sees 'vars.asked > params.cap' false",
      "policies/org/cap.policy.yaml:11:11  no test sees 'request.max_tokens > 10' true",
    ]);
    expect(text).toContain("org/cap   75 %   2      50 %   5");
    expect(text).toEndWith("2 passed, 0 failed, 1 below coverage");
  });

  test("is enough when all of it was seen", async () => {
    const { result, report } = await covered(
      "input: { request: { estimated_tokens: 101, max_tokens: 11 } }, expect: { decision: deny }",
      "input: { app: { id: eval }, request: { estimated_tokens: 101 } }, expect: { decision: allow }",
      "input: { request: { stream: true, image_count: 1 } }, expect: { decision: allow, outcome: ok }",
      "input: { request: { stream: true } }, expect: { outcome: not_applicable }",
    );
    expect(report.coverage?.missing).toEqual([]);
    expect(result).toBe("passed");
  });

  test("of a variable counts only where it was read", async () => {
    const policy = `variables: { large: "request.bytes > 5" }
rules: [{ id: r, when: request.stream && vars.large, then: warn }]
`;
    const missing = async (...cases: readonly string[]) => {
      const files = { "org/v.policy.yaml": policy, "org/v.test.yaml": tests("org/v", "", ...cases) };
      const { report } = await run(files, { coverage: usualThresholds });
      return report.coverage?.missing.map((line) => line.split("  ")[1]);
    };
    const unread = "input: { request: { bytes: 9 } }, expect: { decision: allow }";
    expect(await missing(unread)).toContain("no test sees 'request.bytes > 5' true or false");
    const read = "input: { request: { bytes: 9, stream: true } }, expect: { decision: warn }";
    expect(await missing(unread, read)).toEqual([
      "no test sees 'request.bytes > 5' false",
      "no test sees 'vars.large' false",
    ]);
  });

  test("of a .cel file is of the body as it is written", async () => {
    const files = {
      "org/c.cel": '//! deny: large 413 "too large"\nrequest.bytes < 5 ||\n  request.stream // streams may\n',
      "org/c.test.yaml": tests(
        "org/c",
        "",
        "input: { request: { bytes: 9 } }, expect: { decision: deny, code: large }",
      ),
    };
    const { report } = await run(files, { coverage: usualThresholds, mutate: 0 });
    expect(report.coverage?.missing.slice(1)).toEqual([
      "policies/org/c.cel:2:1  no test sees 'request.bytes < 5' true",
      "policies/org/c.cel:3:3  no test sees 'request.stream' true",
    ]);
    expect(report.mutation?.survivors).toContain("policies/org/c.cel:2:17  no test notices '5' → '4'");
  });

  test("of a policy type counts the whole, and the expressions in its config", async () => {
    const files = {
      "org/c.policy.yaml": "uses: custom_cel\nwith: { pre_check_expression: 'request.bytes < 5 || request.stream' }\n",
      "org/c.test.yaml": tests("org/c", "", "input: { request: { bytes: 9 } }, expect: { decision: deny }"),
    };
    const { report } = await run(files, { coverage: usualThresholds });
    expect(report.coverage?.missing).toEqual([
      "policies/org/c.policy.yaml:1:1  no test sees the rule 'custom_cel' not hit",
      "policies/org/c.policy.yaml:2:32  no test sees 'request.bytes < 5' true",
      "policies/org/c.policy.yaml:2:53  no test sees 'request.stream' true",
    ]);
  });

  test("shows policies without a test, unless tests were chosen", async () => {
    const files = {
      "org/cap.policy.yaml": cap,
      "org/rate.policy.yaml": limits,
      "org/rate.test.yaml": tests(
        "org/rate",
        "",
        "expect: { decision: allow }",
        "mocks: { limits: { requests/minute: { used: 3 } } }, expect: { decision: deny }",
      ),
    };
    const { result, report, text } = await run(files, { coverage: usualThresholds });
    expect([result, report.coverage?.below]).toEqual(["coverage", ["org/cap"]]);
    expect(text).toContain("no test names the policy 'org/cap'");
    expect((await run(files, { coverage: usualThresholds, filter: "rate" })).result).toBe("passed");
  });
});
