import { describe, expect, test } from "bun:test";
import { createCel } from "../../cel/cel.ts";
import { testFolder, testOptions } from "../testing.ts";
import type { PolicyFile } from "../tree.ts";
import { mutantsOf } from "./mutants.ts";
import { expressionEdits } from "./mutants-cel.ts";
import { runTests } from "./tests.ts";

const cel = createCel();

function changed(source: string): string[] {
  return expressionEdits(cel.condition(source, "request")).map(
    ({ start, end, replacement }) => source.slice(0, start) + replacement + source.slice(end),
  );
}

describe("small changes of an expression", () => {
  test.each<[source: string, changes: string[]]>([
    ["request.bytes < 5", ["request.bytes <= 5", "request.bytes < 4", "request.bytes < 6"]],
    ["request.bytes >= 0", ["request.bytes > 0", "request.bytes >= 1"]],
    [
      "(request.stream) && !request.has_images",
      ["(request.stream) || !request.has_images", "(request.stream) && request.has_images"],
    ],
    ["model == 'a' // == b", ["model != 'a' // == b", "model == '~a' // == b"]],
    ["model in ['a', 'b']", ["model in ['b']", "model in ['a']", "model in ['~a', 'b']", "model in ['a', '~b']"]],
    [
      "model.startsWith('a') == true",
      [
        "model.startsWith('a') != true",
        "model.endsWith('a') == true",
        "model.startsWith('~a') == true",
        "model.startsWith('a') == false",
      ],
    ],
    [
      "request.tool_names.exists(t, t == 'x')",
      [
        "request.tool_names.all(t, t == 'x')",
        "request.tool_names.exists(t, t != 'x')",
        "request.tool_names.exists(t, t == '~x')",
      ],
    ],
    [`re.matches(model, r"^a\\d")`, [`re.matches(model, r"~^a\\d")`]],
  ])("%s", (source, changes) => {
    expect(changed(source)).toEqual(changes);
  });
});

describe("small changes of a file", () => {
  const expressionsOf = (...sources: readonly string[]) => sources.map((source) => cel.condition(source, "request"));
  const file = (path: string, text: string): PolicyFile => ({ kind: "policy", path, label: `policies/${path}`, text });

  test("are made in expressions, effects, rules, gates, params and modifications, each with its place", () => {
    const text = `match: [request.stream]
params:
  cap: { type: int, default: 5 }
  on: { type: bool, default: true }
  who: { type: "list<string>", default: [a, b] }
rules:
  - id: one
    when: >-
      request.bytes >
      5
    then: deny
  - { id: two, then: modify, modify: [{ op: cap, path: max_tokens, value: 10 }] }
`;
    const mutants = mutantsOf(file("org/a.policy.yaml", text), expressionsOf("request.stream", "request.bytes > 5"));
    expect(mutants.map(({ line, column, change }) => `${line}:${column} ${change}`)).toEqual([
      "9:21 '>' → '>='",
      "10:7 '5' → '4'",
      "10:7 '5' → '6'",
      "11:11 deny → warn",
      "12:75 10 → 9",
      "12:75 10 → 11",
      "7:5 the rule 'one' dropped",
      "12:5 the rule 'two' dropped",
      "1:8 the gate dropped",
      "3:30 5 → 4",
      "3:30 5 → 6",
      "4:30 true → false",
      "5:42 'a' dropped",
      "5:45 'b' dropped",
    ]);
  });

  test("are made in the config of a policy type", () => {
    const text = "uses: x\nwith: { n: 1, f: 0.5, on: false, list: [{ m: 2 }, { m: 3 }], text: t }\n";
    expect(mutantsOf(file("org/a.policy.yaml", text), []).map(({ change }) => change)).toEqual([
      ...["1 → 0", "1 → 2", "0.5 → 0.45", "0.5 → 0.55", "false → true"],
      ...["1 dropped", "2 dropped", "2 → 1", "2 → 3", "3 → 2", "3 → 4"],
    ]);
  });

  test("are made in the body of a .cel file, and in what it says about the effect", () => {
    const text = '//! description: d\n//! deny: small 413 "too large"\nrequest.bytes < 5\n';
    const mutants = mutantsOf(file("org/a.cel", text), expressionsOf("request.bytes < 5\n"));
    expect(mutants.map(({ line, column, change }) => `${line}:${column} ${change}`)).toEqual([
      "3:15 '<' → '<='",
      "3:17 '5' → '4'",
      "3:17 '5' → '6'",
      "2:1 deny → warn",
    ]);
    expect(mutants[0]!.text).toBe(text.replace("<", "<="));
    expect(mutants[3]!.text).toContain('//! warn: small "too large"');
  });
});

describe("mutation", () => {
  const policy = "rules: [{ id: large, when: request.bytes > 100, then: deny }]\n";
  const run = async (...cases: readonly string[]) => {
    const lines = cases.map((one, i) => `  - { name: case ${i}, ${one} }`).join("\n");
    await using folder = await testFolder({
      "org/a.policy.yaml": policy,
      "org/a.test.yaml": `policies: [org/a]\ncases:\n${lines}\n`,
    });
    return await runTests({ ...testOptions(folder.dir), mutate: 80 });
  };

  test("tells the changes that no test notices, with their places", async () => {
    const { result, report } = await run(
      "input: { request: { bytes: 500 } }, expect: { decision: deny }",
      "input: { request: { bytes: 5 } }, expect: { decision: allow }",
    );
    expect(result).toBe("coverage");
    expect(report.mutation?.policies).toMatchObject([{ policy: "org/a", mutants: 4, killed: 1, score: 25 }]);
    expect(report.mutation?.survivors).toEqual([
      "policies/org/a.policy.yaml:1:42  no test notices '>' → '>='",
      "policies/org/a.policy.yaml:1:44  no test notices '100' → '99'",
      "policies/org/a.policy.yaml:1:44  no test notices '100' → '101'",
    ]);
  });

  test("is enough when tests stand at the boundary", async () => {
    const { result, report } = await run(
      "input: { request: { bytes: 101 } }, expect: { decision: deny }",
      "input: { request: { bytes: 100 } }, expect: { decision: allow }",
    );
    expect([result, report.mutation?.policies[0]?.score]).toEqual(["passed", 100]);
  });

  test("of code changes what a policy is made of, with the file in which it stands", async () => {
    await using folder = await testFolder({
      "org/a.policy.ts": `import { definePolicy } from "sluice/sdk";
import { isLarge } from "./sizes.ts";

export default definePolicy({
  description: "Large requests are refused.",
  reads: ["request.bytes"],
  request: ({ request }) =>
    isLarge(request.bytes) ? { decision: "deny", code: "large", message: "too large" } : null,
});
`,
      "org/sizes.ts": `export const isLarge = (bytes: number): boolean => bytes > 100;
export const isSmall = (bytes: number): boolean => bytes < 5;
`,
      "org/a.test.yaml": `policies: [org/a]
cases:
  - { name: large, input: { request: { bytes: 101 } }, expect: { decision: deny, code: large } }
  - { name: not, input: { request: { bytes: 5 } }, expect: { decision: allow, outcome: ok } }
`,
    });
    const { result, report } = await runTests({ ...testOptions(folder.dir), mutate: 80 });
    expect(report.suite.problems).toEqual([]);
    expect(report.mutation?.survivors).toEqual([
      "policies/org/sizes.ts:1:58  no test notices '>' → '>='",
      "policies/org/sizes.ts:1:60  no test notices '100' → '99'",
    ]);
    expect(result).toBe("coverage");
  });

  test("of code counts what never ends as noticed, and what is no policy not at all", async () => {
    await using folder = await testFolder({
      "org/a.policy.ts": `import { definePolicy } from "sluice/sdk";

export default definePolicy({
  description: "Requests of a multiple of seven are noted.",
  mode: "warn",
  reads: ["request.bytes"],
  request({ request }) {
    let rest = request.bytes;
    while (rest > 0) rest = rest - 7;
    return rest === 0 ? { decision: "deny", code: "seven", message: "seven" } : null;
  },
});
`,
      "org/a.test.yaml": `policies: [org/a]
cases:
  - { name: noted, matrix: { request.bytes: [7, 700] }, expect: { decision: warn, code: seven } }
  - { name: left, matrix: { request.bytes: [1, 8, 6] }, expect: { decision: allow, outcome: ok } }
`,
    });
    const { report } = await runTests({ ...testOptions(folder.dir), mutate: 80 });
    expect(report.suite.problems).toEqual([]);
    // With seven added the rest never comes to an end; a mode that is none is refused.
    expect(report.mutation?.policies).toMatchObject([{ policy: "org/a", mutants: 10, killed: 9, score: 90 }]);
    expect(report.mutation?.survivors).toEqual(["policies/org/a.policy.ts:9:19  no test notices '0' → '1'"]);
  });

  test("of an effect leaves out what goes with a refusal alone", () => {
    const text = "rules: [{ id: r, when: request.stream, then: deny, status: 413 }]\n";
    const [mutant] = mutantsOf({ kind: "policy", path: "org/a.policy.yaml", label: "a", text }, []);
    expect(mutant!.text).toBe('{"rules":[{"id":"r","when":"request.stream","then":"warn"}]}');
  });

  test("is not measured while a test fails", async () => {
    const { result, report } = await run("input: { request: { bytes: 101 } }, expect: { decision: allow }");
    expect([result, report.mutation]).toEqual(["failed", undefined]);
  });
});
