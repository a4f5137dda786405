import { describe, expect, test } from "bun:test";
import { type Standings, standings } from "../../core/coverage.ts";
import { surfaces } from "../../core/phases.ts";
import type { CompiledPolicy } from "../../core/policy.ts";
import { type CompiledFile, compileFile } from "../compile.ts";
import { conflicts } from "../conflicts.ts";
import { loadPolicies } from "../load.ts";
import { testFolder, testOptions } from "../testing.ts";
import type { Compiled } from "./compiled.ts";
import { setProblems, setWarnings } from "./set.ts";
import { checkSurfaces } from "./surfaces.ts";

const options = testOptions("policies");
const file = "org/a.policy.yaml";

async function problemsOf(files: Readonly<Record<string, string>>, headers?: readonly string[]) {
  await using folder = await testFolder(files);
  const deployment = headers === undefined ? {} : { headers };
  const result = await loadPolicies({ ...testOptions(folder.dir), deployment });
  if (result.ok) await result.snapshot.retire();
  return result.ok ? [] : result.problems.map((p) => [`${p.file}:${p.line}:${p.column}`, p.code, p.message]);
}

describe("headers that policies may not read are refused,", () => {
  const none = (name: string, advice: string) => `the header '${name}' is none that policies may read; ${advice}`;
  const cases: readonly (readonly [name: string, text: string, at: string, message: string])[] = [
    [
      "as a field",
      "rules:\n  - when: request.stream && request.headers.team == 'a'\n    then: deny\n",
      "2:29",
      none("team", "add 'team' to the setting policy_headers, which has x-plan"),
    ],
    [
      "by a misspelt key",
      "rules:\n  - when: request.headers['x-paln'] == 'a'\n    then: deny\n",
      "2:11",
      none("x-paln", "did you mean 'x-plan'? Names of headers are in lower case"),
    ],
    [
      "in another case",
      "match: ['\"X-Plan\" in request.headers']\nrules: [{ when: request.stream, then: deny }]\n",
      "1:10",
      none("X-Plan", "did you mean 'x-plan'? Names of headers are in lower case"),
    ],
    [
      "where they are only looked for",
      "variables: { named: has(request.headers.team) }\nrules: [{ when: vars.named, then: deny }]\n",
      "1:25",
      none("team", "add 'team' to the setting policy_headers, which has x-plan"),
    ],
  ];
  test.each(cases.map((one) => [...one] as const))("%s", async (_, text, at, message) => {
    expect(await problemsOf({ [file]: text }, ["x-plan"])).toEqual([[`policies/${file}:${at}`, "C068", message]]);
  });

  test("in a policy type's config, with its own code", async () => {
    const text = "uses: custom_cel\nwith:\n  pre_check_expression: request.headers.team == 'a'\n";
    expect(await problemsOf({ [file]: text }, [])).toEqual([
      [`policies/${file}:3:25`, "C027", none("team", "add 'team' to the setting policy_headers, which has none")],
    ]);
  });

  test("where a library policy that reads them is put to work, and not in the library", async () => {
    const library = { "library/l.cel": "//! deny: no_team\nhas(request.headers.team)\n" };
    expect(await problemsOf({ ...library, [file]: "rules: [{ then: warn }]" }, [])).toEqual([]);
    expect(await problemsOf({ ...library, [file]: "uses: library/l\n" }, [])).toEqual([
      [`policies/${file}:1:7`, "C068", none("team", "add 'team' to the setting policy_headers, which has none")],
    ]);
  });

  test("and others are let through, as all are where the setting is not known", async () => {
    const text = "rules: [{ when: 'has(request.headers.team) && app.labels.x == \"y\"', then: deny }]\n";
    expect(await problemsOf({ [file]: text }, ["team"])).toEqual([]);
    expect(await problemsOf({ [file]: text })).toEqual([]);
  });
});

describe("a phase that is enforced on some surfaces alone", () => {
  const halfway: Standings = {
    ...standings,
    response: { ...standings.response, messages: { whole: "enforced", streamed: "refused" } },
  };
  const compile = async (head: string) => {
    const text = `${head}phase: response\nrules: [{ when: response.bytes > 5, then: deny }]\n`;
    const compiled = await compileFile({ kind: "policy", path: file, label: file, text }, options);
    return compiled as Compiled & { readonly policy: CompiledPolicy };
  };

  test("is refused in a scope with others, and the scope that it can have is told", async () => {
    const found = checkSurfaces(await compile(""), halfway);
    const others = surfaces.filter((surface) => surface !== "messages").join(", ");
    expect(found.map(({ line, column, code, message }) => [line, column, code, message])).toEqual([
      [
        1,
        1,
        "C066",
        `phase response is not enforced on all surfaces in this policy's scope (not on messages, streamed); put 'surfaces: [${others}]' into its scope`,
      ],
    ]);
    const [alone] = checkSurfaces(await compile("scope: { surfaces: [messages] }\n"), halfway);
    expect(alone?.message).toEndWith("(not on messages, streamed); it is enforced on none");
  });

  test("is accepted where it is enforced", async () => {
    expect(checkSurfaces(await compile("scope: { surfaces: [chat] }\n"), halfway)).toEqual([]);
    expect(checkSurfaces(await compile("scope: { except: { surfaces: [messages] } }\n"), halfway)).toEqual([]);
    expect(checkSurfaces(await compile(""))).toEqual([]);
  });
});

describe("a large set is checked in a small part of the time that it takes to compile:", () => {
  const count = 300;
  test.each([
    [
      "rules of many kinds",
      (i: number) =>
        [
          `scope: { env: [e${i % 50}], models: ["gpt-4*"] }`,
          `params: { cap: { type: int, default: ${i + 1} } }`,
          "variables: { big: request.bytes > params.cap }",
          "match: [request.message_count > 1]",
          "rules:",
          "  - { when: vars.big && request.stream, then: deny }",
          "  - { when: request.bytes > 5, then: modify, modify: [{ op: set, path: temperature, value: 0 }] }",
          `  - { when: 'request.bytes > ${i * 2 + 5} && clock.hour > 5', then: deny }`,
        ].join("\n"),
    ],
    [
      "policies that deny everything, each for its own",
      (i: number) => `scope: { env: [e${i}] }\nrules: [{ then: deny }]`,
    ],
    [
      "changes that would contradict each other",
      (i: number) =>
        `scope: { env: [e${i}] }\nrules: [{ then: modify, modify: [{ op: set, path: temperature, value: ${i / count} }] }]`,
    ],
  ] as const)("%s", async (_, text) => {
    const seconds = { compile: 0, check: 0 };
    const own: CompiledFile[] = [];
    let from = performance.now();
    for (let i = 0; i < count; i += 1) {
      const path = `org/p${i}.policy.yaml`;
      own.push(await compileFile({ kind: "policy", path, label: path, text: text(i) }, options));
    }
    seconds.compile = performance.now() - from;
    from = performance.now();
    const problems = [...conflicts(own), ...setProblems(own, [], { headers: [] })];
    const { registry } = options;
    const warnings = setWarnings({ own, shelf: [], exceptions: [], registry, models: ["gpt-4o"] });
    seconds.check = performance.now() - from;
    expect([problems, warnings]).toEqual([[], []]);
    expect(seconds.check).toBeLessThan(seconds.compile);
  });
});
