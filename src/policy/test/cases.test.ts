import { describe, expect, test } from "bun:test";
import { FactUnavailable } from "../../core/facts.ts";
import { surfaces } from "../../core/phases.ts";
import { formatProblem } from "../problem.ts";
import { parseTestFile } from "./cases.ts";

function parse(text: string) {
  return parseTestFile("policies/org/a.test.yaml", "org/a.test.yaml", text);
}

/** One case with this input; the rest of the file around it. */
function caseWith(lines: string): string {
  return `policies: [org/a]\ncases:\n  - name: one\n${lines}\n    expect: { decision: allow }\n`;
}

function only(text: string) {
  const { cases, problems } = parse(text);
  expect(problems.map(formatProblem)).toEqual([]);
  expect(cases).toHaveLength(1);
  return cases[0]!;
}

describe("a test file is read strictly", () => {
  test.each<[what: string, text: string, problem: string]>([
    [
      "an unknown key",
      "policies: [org/a]\ncases: [{ name: one, expect: {}, expects: { decision: deny } }]\n",
      "policies/org/a.test.yaml:2:34  C022  unknown key 'expects'; did you mean 'expect'?",
    ],
    [
      "an unknown fact",
      caseWith("    input: { request: { modl: gpt-4o } }"),
      "policies/org/a.test.yaml:4:25  C022  unknown key 'modl'; did you mean 'model'?",
    ],
    [
      "a fact of another type",
      caseWith("    input: { request: { bytes: big } }"),
      "policies/org/a.test.yaml:4:32  C023  expected an integer, got 'big'",
    ],
    [
      "a value that a fact never has",
      caseWith("    input: { request: { surface: chatt } }"),
      `policies/org/a.test.yaml:4:34  C023  expected one of ${surfaces.map((name) => `'${name}'`).join(", ")}, got 'chatt'`,
    ],
    [
      "a matrix over what is no fact",
      caseWith("    matrix: { request.modl: [a] }"),
      "policies/org/a.test.yaml:4:15  C091  'request.modl' is not a fact; did you mean 'request.model'?",
    ],
    [
      "a value of a matrix that has another type",
      caseWith("    matrix: { request.bytes: [1, many] }"),
      "policies/org/a.test.yaml:4:34  C023  expected an integer, got 'many'",
    ],
    [
      "a matrix with too many combinations",
      caseWith(
        `    matrix: { ${["hour", "minute", "weekday"].map((name) => `clock.${name}: [${list(22)}]`).join(", ")} }`,
      ),
      "policies/org/a.test.yaml:4:5  C091  10648 combinations are too many; the most is 10000",
    ],
    [
      "a mock of what is no fact",
      caseWith("    mocks: { request.tokens: 5 }"),
      "policies/org/a.test.yaml:4:14  C022  unknown key 'request.tokens'; did you mean 'request.roles'?",
    ],
    [
      "a fact of a later phase",
      caseWith("    input: { usage: { total_tokens: 5 } }"),
      "policies/org/a.test.yaml:4:23  C091  'usage.total_tokens' can be read in response and usage, and this case is of phase request; set input.phase",
    ],
    [
      "a name that is there twice",
      "policies: [org/a]\ncases:\n  - { name: one, expect: { decision: allow } }\n  - { name: one, expect: { decision: deny } }\n",
      "policies/org/a.test.yaml:4:13  C092  the case 'one' is there twice",
    ],
    [
      "nothing expected",
      "policies: [org/a]\ncases: [{ name: one, expect: {} }]\n",
      "policies/org/a.test.yaml:2:30  C023  nothing is expected, so the case could not fail",
    ],
    [
      "a time zone that is none",
      "policies: [org/a]\ntimeZone: Berlin\ncases: [{ name: one, expect: { decision: deny } }]\n",
      "policies/org/a.test.yaml:2:11  C023  'Berlin' is no time zone; such as Europe/Berlin",
    ],
    [
      "an instant without an offset",
      "policies: [org/a]\nnow: 2026-11-20T19:00:00\ncases: [{ name: one, expect: { decision: deny } }]\n",
      "policies/org/a.test.yaml:2:6  C023  expected a string matching",
    ],
  ])("%s is refused with its place", (_, text, problem) => {
    const { problems, cases } = parse(text);
    expect(problems.map((one) => formatProblem(one).split("\n")[0])).toEqual([expect.stringContaining(problem)]);
    expect(cases).toEqual([]);
  });
});

describe("the facts of a case", () => {
  test("come from the defaults, then the input, then the matrix, then the mocks", () => {
    const { facts } = only(`
policies: [org/a]
defaults: { app: { id: chat, env: prod, labels: { tier: free } }, request: { model: a, bytes: 1 } }
mocks: { request.stream: true }
cases:
  - name: one
    input: { request: { model: b, bytes: 2, choices: 3 } }
    matrix: { request.bytes: [3], app.labels.team: [red] }
    mocks: { request.choices: 4 }
    expect: { decision: allow }
`);
    expect(facts.app).toMatchObject({ id: "chat", env: "prod", labels: { tier: "free", team: "red" } });
    expect(facts.request).toMatchObject({ model: "b", bytes: 3, choices: 4, stream: true });
  });

  test("not given are what they are in an empty request", () => {
    const { facts, phase, texts } = only(caseWith(""));
    expect(facts.request).toMatchObject({ surface: "chat", model: "", choices: 1, temperature: 1, bytes: 0 });
    expect(facts.user).toEqual({ id: "", groups: [] });
    expect([phase, texts]).toEqual(["request", []]);
  });

  test("that follow from others follow, unless they are given", () => {
    const derived = only(
      caseWith("    input: { request: { tool_names: [a, b], max_tokens_requested: 7, image_count: 1 } }"),
    );
    expect(derived.facts.request).toMatchObject({ tool_count: 2, max_tokens: 7, has_images: true });
    const given = only(caseWith("    input: { request: { tool_names: [a, b], tool_count: 5 } }"));
    expect(given.facts.request.tool_count).toBe(5);
  });

  test("of the clock follow from now and the time zone", () => {
    const text =
      "policies: [org/a]\nnow: 2026-12-31T23:30:00Z\ntimeZone: Europe/Berlin\ncases: [{ name: one, expect: { decision: deny } }]\n";
    const { facts } = only(text);
    expect(facts.clock).toEqual({ hour: 0, minute: 30, weekday: 5, date: "2027-01-01" });
    expect(facts.now.toISOString()).toBe("2026-12-31T23:30:00.000Z");
  });

  test("that cannot be had throw when they are read, and only then", () => {
    const { facts } = only(caseWith("    mocks: { request.estimated_tokens: { error: timeout } }"));
    expect(facts.request.bytes).toBe(0);
    expect(() => facts.request.estimated_tokens).toThrow(new FactUnavailable("request.estimated_tokens", "timeout"));
  });

  test("are frozen", () => {
    const { facts } = only(caseWith("    input: { request: { roles: [user] } }"));
    expect(Object.isFrozen(facts.request) && Object.isFrozen(facts.request.roles)).toBe(true);
  });
});

test("a matrix makes a case of every combination, named for it", () => {
  const { cases } = parse(
    caseWith("    matrix: { app.env: [dev, prod], request.bytes: [1, 2], request.roles: [[user]] }"),
  );
  expect(cases.map(({ name }) => name)).toEqual([
    'one (app.env: dev, request.bytes: 1, request.roles: ["user"])',
    'one (app.env: dev, request.bytes: 2, request.roles: ["user"])',
    'one (app.env: prod, request.bytes: 1, request.roles: ["user"])',
    'one (app.env: prod, request.bytes: 2, request.roles: ["user"])',
  ]);
  expect(cases.map(({ facts }) => `${facts.app.env}${facts.request.bytes}`)).toEqual([
    "dev1",
    "dev2",
    "prod1",
    "prod2",
  ]);
});

function list(length: number): string {
  return Array.from({ length }, (_, i) => i).join(", ");
}
