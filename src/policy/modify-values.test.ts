import { describe, expect, test } from "bun:test";
import { emptyFacts } from "../core/facts.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const policy = (params: string, modify: string) => `params: ${params}
rules:
  - when: request.bytes > 0
    then: modify
    modify: [${modify}]
`;

async function load(text: string, more: Readonly<Record<string, string>> = {}) {
  await using folder = await testFolder({ "org/a.policy.yaml": text, ...more });
  return await loadPolicies(testOptions(folder.dir));
}

async function modifications(text: string, more?: Readonly<Record<string, string>>): Promise<unknown> {
  const result = await load(text, more);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const facts = emptyFacts();
  facts.request.bytes = 1;
  const [hit] = result.snapshot.policies[0]!.evaluate.request!(facts) as readonly { modifications: unknown }[];
  return hit!.modifications;
}

async function problems(text: string): Promise<string[]> {
  const result = await load(text);
  return result.ok
    ? []
    : result.problems.map(({ line, column, code, message }) => `${line}:${column} ${code} ${message}`);
}

describe("a param in a modification", () => {
  test.each<[string, string, unknown]>([
    ["{ cap: { type: int, default: 5 } }", 'op: cap, path: max_tokens, value: "{params.cap}"', 5],
    ["{ t: { type: double, default: 0.5 } }", 'op: set, path: temperature, value: "{params.t}"', 0.5],
    ["{ to: { type: string, default: m } }", 'op: route, path: model, value: "{params.to}"', "m"],
    ["{ all: { type: list<string>, default: [a, b] } }", 'op: append, path: stop, value: "{params.all}"', ["a", "b"]],
    [
      "{ lang: { type: string, default: French }, n: { type: int, default: 3 } }",
      'op: append, path: system, value: "Answer in {params.lang}, {params.n} lines."',
      "Answer in French, 3 lines.",
    ],
    [
      "{ words: { type: list<string>, default: [x] }, by: { type: string, default: '#' } }",
      'op: redact, path: messages, value: { literals: "{params.words}", replace: "<{params.by}>" }',
      { literals: ["x"], replace: "<#>" },
    ],
  ])("%s in { %s } is its value", async (params, change, value) => {
    expect(await modifications(policy(params, `{ ${change} }`))).toMatchObject([{ value }]);
  });

  test("is what a file that uses the library's policy says", async () => {
    const cap = policy("{ cap: { type: int, default: 5 } }", '{ op: cap, path: max_tokens, value: "{params.cap}" }');
    const uses = "uses: library/cap\nwith: { cap: 7 }";
    expect(await modifications(uses, { "library/cap.policy.yaml": cap })).toEqual([
      { op: "cap", path: "max_tokens", value: 7 },
    ]);
  });

  test.each<[string, string, string, string[]]>([
    [
      "is known",
      "{ cap: { type: int, default: 5 } }",
      'op: append, path: system, value: "{params.cup}"',
      ["5:49 C025 unknown placeholder '{params.cup}'; did you mean 'cap'?"],
    ],
    [
      "has a value that the modification takes",
      "{ cap: { type: int, default: 0 } }",
      'op: cap, path: max_tokens, value: "{params.cap}"',
      ["5:50 C034 max_tokens must be an integer of at least 1, not 0"],
    ],
    [
      "takes whatever it may be tuned to",
      "{ cap: { type: int, default: 5, min: 0, max: 9, tunable: true } }",
      'op: cap, path: max_tokens, value: "{params.cap}"',
      ["5:50 C034 'params.cap' can be tuned to what cannot be: max_tokens must be an integer of at least 1, not 0"],
    ],
    [
      "has whole values where whole values are taken",
      "{ cap: { type: double, default: 5, min: 1, max: 9, tunable: true } }",
      'op: cap, path: max_tokens, value: "{params.cap}"',
      [
        "5:50 C034 'params.cap' can be tuned to what cannot be: max_tokens must be an integer of at least 1, not 3.6666666666666665",
      ],
    ],
    [
      "has bounds when it may be tuned",
      "{ cap: { type: int, default: 5, min: 1, tunable: true } }",
      'op: cap, path: max_tokens, value: "{params.cap}"',
      ["5:50 C034 'params.cap' is tunable; to stand in a modification it needs 'min' and 'max'"],
    ],
    [
      "is a number when it may be tuned",
      "{ to: { type: string, default: m, tunable: true } }",
      'op: route, path: model, value: "{params.to}"',
      ["5:47 C034 'params.to' is a tunable string; what stands in a modification is a number"],
    ],
  ])("%s", async (_what, params, change, found) => {
    expect(await problems(policy(params, `{ ${change} }`))).toEqual(found);
  });

  test("of two policies that apply together makes them disagree where their values differ", async () => {
    const set = policy("{ t: { type: double, default: 0.5 } }", '{ op: set, path: temperature, value: "{params.t}" }');
    const result = await load("uses: library/set", {
      "org/b.policy.yaml": "uses: library/set\nwith: { t: 0.7 }",
      "library/set.policy.yaml": set.replace("  - when: request.bytes > 0\n    then", "  - then"),
    });
    expect(result.ok ? [] : result.problems.map(({ code }) => code)).toEqual(["C035"]);
  });
});
