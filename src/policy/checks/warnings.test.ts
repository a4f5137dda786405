import { describe, expect, test } from "bun:test";
import { type CheckCode, checks, isWarning } from "../checks.ts";
import { loadPolicies } from "../load.ts";
import { formatGithub, formatProblem } from "../problem.ts";
import { testFolder, testOptions } from "../testing.ts";
import type { Deployment } from "./set.ts";

const models = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "claude-2.1"];

async function warningsOf(files: Readonly<Record<string, string>>, deployment: Deployment = { models }) {
  await using folder = await testFolder(files);
  const result = await loadPolicies({ ...testOptions(folder.dir), deployment });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join("\n"));
  await result.snapshot.retire();
  return result.warnings;
}

interface Odd {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** `file:line:column` inside the folder, code, message. */
  readonly warnings: readonly (readonly [at: string, code: CheckCode, message: string])[];
}

const file = "org/a.policy.yaml";
const odd = (name: string, text: string, ...warnings: Odd["warnings"][number][]): Odd => ({
  name,
  files: { [file]: text },
  warnings: warnings.map(([place, ...rest]) => [`${file}:${place}`, ...rest]),
});
const fine = (name: string, text: string): Odd => odd(name, text);

const deny = "rules: [{ id: all, then: deny }]\n";
const cond = "rules: [{ when: request.stream, then: deny }]\n";
const behind = (id: string) =>
  `this policy can never matter: '${id}/all' denies every request in its scope; take one of them away, or give 'all' a condition`;
const chooses = (fact: string) => `the caller chooses ${fact}, and `;
const knows = "decide by what the gateway knows, such as app.id, app.labels or key.id";

const shadowedPolicies: readonly Odd[] = [
  {
    name: "policies behind one that denies everything",
    files: {
      "org/stop.policy.yaml": `scope: { env: [prod, stage], models: ["gpt-*"] }\n${deny}`,
      "org/in.policy.yaml": `scope: { env: [prod], models: ["gpt-4o*", gpt-4o-mini] }\n${cond}`,
      "apps/chat/in.cel": '//! deny: late\n//! scope: { env: [stage], models: ["GPT-4o"] }\nrequest.bytes < 5\n',
      "org/other-env.policy.yaml": `scope: { env: [prod, dev], models: ["gpt-*"] }\n${cond}`,
      "org/other-models.policy.yaml": `scope: { env: [prod], models: ["*"] }\n${cond}`,
      "org/counts.policy.yaml": `mode: audit\nscope: { env: [prod], models: [gpt-4o] }\n${cond}`,
    },
    warnings: [
      ["apps/chat/in.cel:2:5", "C070", behind("org/stop")],
      ["org/in.policy.yaml:1:1", "C070", behind("org/stop")],
    ],
  },
  {
    name: "of two that deny everything, the second",
    files: { "org/a.policy.yaml": deny, "org/b.policy.yaml": deny, "teams/red/c.policy.yaml": deny },
    warnings: [
      ["org/b.policy.yaml:1:1", "C070", behind("org/a")],
      ["teams/red/c.policy.yaml:1:1", "C070", behind("org/a")],
    ],
  },
  {
    name: "nothing, when only some of it is denied",
    files: {
      "org/gated.policy.yaml": `match: [request.stream]\n${deny}`,
      "org/warns.policy.yaml": `mode: warn\n${deny}`,
      "org/late.policy.yaml": "phase: response\nrules: [{ id: all, then: deny }]\n",
      "org/labels.policy.yaml": `scope: { labels: { tier: free } }\n${deny}`,
      "org/but.policy.yaml": `scope: { except: { apps: [chat] } }\n${deny}`,
      "org/one.policy.yaml": cond,
      "apps/chat/one.policy.yaml": cond,
    },
    warnings: [],
  },
  {
    name: "what does not touch the requests that are left out",
    files: {
      "org/but.policy.yaml": `scope: { except: { apps: [chat] } }\n${deny}`,
      "apps/batch/one.policy.yaml": cond,
    },
    warnings: [["apps/batch/one.policy.yaml:1:1", "C070", behind("org/but")]],
  },
  {
    name: "nothing, when an exception lets requests through",
    files: {
      "org/stop.policy.yaml": deny,
      "org/one.policy.yaml": cond,
      "org/chat.exception.yaml":
        "policy: org/stop\nscope: { apps: [chat] }\nowner: o\nreason: r\nexpires: 2099-01-01\n",
    },
    warnings: [],
  },
];

const never = (id: string, wall: string) =>
  `the rule '${id}' can never matter: '${wall}' denies every request that it is about; let it fire before that one does, or take it away`;
const twice = (id: string, wall: string) =>
  `the rule '${id}' can never matter: '${wall}' denies the same requests; take one of them away, or make their conditions different`;

const shadowedRules: readonly Odd[] = [
  odd(
    "a warning above the limit that denies",
    "rules:\n  - { id: most, when: request.bytes > 100, then: deny }\n  - { id: many, when: request.bytes > 200, then: warn }\n",
    ["3:23", "C071", never("many", "most")],
  ),
  odd(
    "a tighter condition, through variables and params",
    "params: { cap: { type: int, default: 100 } }\nvariables: { size: request.bytes }\nrules:\n  - { id: a, when: vars.size > params.cap, then: deny }\n  - { id: b, when: request.stream && request.bytes >= 150, then: deny }\n",
    ["5:20", "C071", never("b", "a")],
  ),
  odd(
    "the same condition twice, however it is spaced",
    "rules:\n  - { id: b, when: 'glob(request.model, \"gpt-*\")', then: deny }\n  - { id: a, when: 'glob( request.model, \"gpt-*\")', then: deny, code: x }\n  - { id: c, when: 'glob(request.model, \"gpt-*\")', then: deny }\n",
    ["4:20", "C071", twice("c", "b")],
  ),
  fine(
    "rules in the right order, and denials of which the narrower one is told",
    "rules:\n  - { id: many, when: request.bytes > 100, then: warn }\n  - { id: most, when: request.bytes > 200, then: deny }\n  - { id: huge, when: request.bytes > 500, then: deny, status: 413 }\n",
  ),
  fine(
    "after the answer, where everything is recorded",
    "phase: usage\nrules:\n  - { id: a, when: usage.total_tokens > 5, then: warn }\n  - { id: b, when: usage.total_tokens > 9, then: warn }\n",
  ),
  fine(
    "a rule that is asked again, after one that is not",
    "rules:\n  - { id: a, when: request.max_tokens > 100, then: deny }\n  - { id: b, when: request.max_tokens > 200, then: deny, recheck: true }\n",
  ),
  {
    name: "nothing, when an exception is from the rule before",
    files: {
      [file]:
        "rules:\n  - { id: a, when: request.bytes > 1, then: deny }\n  - { id: b, when: request.bytes > 5, then: deny }\n",
      "org/x.exception.yaml":
        "policy: org/a\nrule: a\nscope: { apps: [chat] }\nowner: o\nreason: r\nexpires: 2099-01-01\n",
    },
    warnings: [],
  },
];

const unknownModel = (pattern: string, hint: string) => `'${pattern}' fits no model that is known here; ${hint}`;
const add = "add it to 'models' in the configuration if it is one";

const modelGlobs: readonly Odd[] = [
  odd(
    "in scopes",
    "scope: { models: [gpt-4o, gpt4-*, gpt-4o-2024-08-06, GPT-4O-MINI], except: { models: [cluade-2.1, internal-large] } }\nrules: [{ then: warn }]\n",
    ["1:27", "C072", unknownModel("gpt4-*", "did you mean 'gpt-4*'?")],
    ["1:87", "C072", "'cluade-2.1' is no model that is known here; did you mean 'claude-2.1'?"],
    ["1:99", "C072", `'internal-large' is no model that is known here; ${add}`],
  ),
  odd(
    "in configs, and in types inside of types",
    "uses: chain\nwith:\n  steps:\n    - uses: model_allowlist\n      with: { allowed_model_ids: [gpt-4o, o9-*], denied_model_ids: [gpt-4o-mni], aliases: { cheap: gpt-4o-mini, best: gpt-6 } }\n",
    ["5:43", "C072", unknownModel("o9-*", add)],
    ["5:69", "C072", "'gpt-4o-mni' is no model that is known here; did you mean 'gpt-4o-mini'?"],
    ["5:119", "C072", "'gpt-6' is no model that is known here; did you mean 'gpt-4o'?"],
  ),
  odd(
    "in routes",
    'uses: model_route\nwith: { routes: [{ from: ["gpt-3*"], to: gpt-4o-mini }, { from: ["claude-*"], to: claude-sonet-4-5 }] }\n',
    ["2:27", "C072", unknownModel("gpt-3*", "did you mean 'gpt-4*'?")],
    ["2:83", "C072", "'claude-sonet-4-5' is no model that is known here; did you mean 'claude-sonnet-4-5'?"],
  ),
  odd(
    "in expressions, also where a param is the glob",
    'params: { old: { type: string, default: "gemini-*" } }\nmatch: [\'!glob(request.model, "cluade-*")\']\nrules:\n  - { when: \'glob(model, params.old) || glob(app.name, "x-*")\', then: deny }\n  - { when: request.stream, then: modify, modify: [{ op: route, path: model, value: gpt-5o }] }\n',
    ["2:31", "C072", unknownModel("cluade-*", "did you mean 'claude-*'?")],
    ["4:26", "C072", unknownModel("gemini-*", add)],
    ["5:85", "C072", "'gpt-5o' is no model that is known here; did you mean 'gpt-4o'?"],
  ),
  {
    name: "none of the names that another policy makes, nor of samples in the library",
    files: {
      "library/sample.policy.yaml": 'scope: { models: ["internal-*"] }\nrules: [{ then: warn }]\n',
      "org/uses.policy.yaml": "uses: library/sample\n",
      "org/alias.policy.yaml":
        "uses: model_allowlist\nwith: { allowed_model_ids: [gpt-4o], aliases: { cheap: gpt-4o } }\n",
      "org/scope.policy.yaml": "scope: { models: [cheap] }\nrules: [{ then: warn }]\n",
      "org/own.policy.yaml": 'uses: library/sample\nscope: { models: ["extern-*"] }\n',
    },
    warnings: [["org/own.policy.yaml:2:19", "C072", unknownModel("extern-*", add)]],
  },
  {
    name: "in code",
    files: {
      "org/a.policy.ts":
        'import { definePolicy } from "../../src/sdk";\nexport default definePolicy({\n  description: "No.",\n  scope: { models: ["gpt-4o", "cladue-*"] },\n  request: () => null,\n});\n',
    },
    warnings: [["org/a.policy.ts:4:31", "C072", unknownModel("cladue-*", "did you mean 'claude-*'?")]],
  },
];

const unused: readonly Odd[] = [
  odd(
    "params and variables that nothing reads",
    "params:\n  cap: { type: int, default: 5 }\n  used: { type: int, default: 5 }\nvariables:\n  twice: params.used + params.used\n  large: request.bytes > vars.twice\n  other: request.bytes > 9\nrules: [{ when: vars.large, then: deny }]\n",
    ["2:3", "C073", "the param 'cap' is not used; read it as params.cap, or take it away"],
    ["7:3", "C073", "the variable 'other' is not used; read it as vars.other, or take it away"],
  ),
  odd(
    "what is only read by what nothing reads",
    "params: { cap: { type: int, default: 5 } }\nvariables:\n  a: params.cap\n  b: vars.a\nrules: [{ when: request.stream, then: deny }]\n",
    ["1:11", "C073", "the param 'cap' is not used; read it as params.cap, or take it away"],
    ["3:3", "C073", "the variable 'a' is not used; read it as vars.a, or take it away"],
    ["4:3", "C073", "the variable 'b' is not used; read it as vars.b, or take it away"],
  ),
  fine(
    "what messages, gates and modifications read",
    'params:\n  a: { type: int, default: 5 }\n  b: { type: int, default: 5 }\n  c: { type: int, default: 5 }\nvariables: { v: request.bytes }\nmatch: [request.bytes > params.c]\nrules:\n  - { when: request.stream, then: modify, message: "{params.a} {vars.v}", modify: [{ op: cap, path: max_tokens, value: "{params.b}" }] }\n',
  ),
  {
    name: "a param of a .cel file, in its header",
    files: { "org/a.cel": "//! deny: late\n//! params: { cap: { type: int, default: 5 } }\nrequest.stream\n" },
    warnings: [["org/a.cel:2:15", "C073", "the param 'cap' is not used; read it as params.cap, or take it away"]],
  },
  {
    name: "a param of the library, where the library declares it",
    files: {
      "library/l.policy.yaml": `params: { cap: { type: int, default: 5 } }\n${cond}`,
      "org/uses.policy.yaml": "uses: library/l\nwith: { cap: 7 }\n",
    },
    warnings: [
      ["library/l.policy.yaml:1:11", "C073", "the param 'cap' is not used; read it as params.cap, or take it away"],
      ["org/uses.policy.yaml:2:9", "C073", "the param 'cap' is not used; read it as params.cap, or take it away"],
    ],
  },
];

const claims: readonly Odd[] = [
  odd("a gate that a header closes", `match: ["request.bytes > 5 && request.headers['x-check'] != 'off'"]\n${cond}`, [
    "1:31",
    "C075",
    `${chooses("request.headers")}closes this gate by what it says: the policy is then not asked; ${knows}`,
  ]),
  odd(
    "a gate before a policy type, in a variable's words",
    'match: [\'!(user.id in ["ann", "bob"])\']\nuses: request_size\nwith: { max_request_bytes: 5 }\n',
    ["1:12", "C075", `${chooses("user.id")}closes this gate by what it says: the policy is then not asked; ${knows}`],
  ),
  odd(
    "a gate that leaving out the maximum closes",
    "match: [request.max_tokens_requested > 0]\nrules: [{ when: request.bytes > 5, then: deny }]\n",
    [
      "1:9",
      "C075",
      `${chooses("request.max_tokens_requested")}closes this gate by what it says: the policy is then not asked; decide by request.max_tokens, the effective maximum`,
    ],
  ),
  odd(
    "an exemption that anybody can claim",
    "variables: { trusted: user.id == 'admin' || has(request.headers.internal) }\nrules:\n  - when: request.bytes > 5 && !vars.trusted\n    then: deny\n",
    ["3:33", "C075", `${chooses("user.id")}is let through by what it says; ${knows}`],
  ),
  {
    name: "an exemption in the body of a .cel file",
    files: { "org/a.cel": "//! deny: large\nrequest.bytes < 5 || user.id == 'admin'\n" },
    warnings: [["org/a.cel:2:22", "C075", `${chooses("user.id")}is let through by what it says; ${knows}`]],
  },
  odd(
    "a cap that leaving out the maximum slips under",
    "rules:\n  - when: 4096 < request.max_tokens_requested\n    then: deny\n",
    [
      "2:11",
      "C075",
      "a caller that leaves out its maximum has request.max_tokens_requested 0 and is let through, with the model's own maximum; compare request.max_tokens, or cap max_tokens as well",
    ],
  ),
  fine(
    "a cap that sees to those who leave the maximum out",
    "rules:\n  - { when: request.max_tokens_requested > 4096, then: deny }\n  - { when: request.max_tokens > 4096, then: modify, modify: [{ op: cap, path: max_tokens, value: 4096 }] }\n",
  ),
  fine(
    "a demand on what the caller says of itself",
    "rules:\n  - { when: user.id == '', then: deny }\n  - { when: '!has(request.headers.team) || request.headers.team != \"red\"', then: deny }\n  - { when: request.max_tokens_requested == 0 && request.bytes > 5, then: deny }\n",
  ),
  fine(
    "a gate that is open for others as well",
    "match: [\"app.env == 'prod' || request.headers.strict == 'yes'\"]\nrules: [{ when: request.bytes > 5, then: deny }]\n",
  ),
  fine("a policy that refuses nobody", `mode: warn\nmatch: [user.id != "ann"]\n${cond}`),
  fine(
    "a route that somebody asks for",
    "match: [has(request.headers.fast)]\nrules: [{ then: modify, modify: [{ op: route, path: model, value: gpt-4o }] }]\n",
  ),
];

const notes: readonly Odd[] = [
  odd(
    "a limit that another one never lets be reached",
    "uses: rate_limit\nwith:\n  requests_per_minute: 200\n  windows:\n    - { every: day, requests: 100 }\n",
    ["3:24", "C076", "200 requests per minute are never reached: 100 are allowed per day"],
  ),
  odd(
    "a part that is larger than the whole",
    "uses: token_limit\nwith: { max_prompt_tokens: 9000, max_completion_tokens: 100, max_total_tokens: 8000 }\n",
    ["2:28", "C076", "9000 is never reached: prompt and completion together may take 8000 tokens"],
  ),
];

const all = [...shadowedPolicies, ...shadowedRules, ...modelGlobs, ...unused, ...claims, ...notes];
const ofDeployment: readonly CheckCode[] = ["C077"];

describe("what is probably not meant is told with its place:", () => {
  test.each(all.map((one) => [one.name, one] as const))("%s", async (_, { files, warnings }) => {
    const found = await warningsOf(files);
    expect(found.map((p) => [`${p.file}:${p.line}:${p.column}`, p.code, p.message])).toEqual(
      warnings.map(([at, ...rest]) => [`policies/${at}`, ...rest]),
    );
    expect(found.every(({ severity }) => severity === "warning")).toBe(true);
  });

  test("every warning has a case", () => {
    const shown = new Set(all.flatMap(({ warnings }) => warnings.map(([, code]) => code)));
    const known = (Object.keys(checks) as CheckCode[]).filter(isWarning);
    expect(known.filter((code) => !shown.has(code) && !ofDeployment.includes(code))).toEqual([]);
  });
});

describe("what is meant is said in a comment", () => {
  const text = (comment: string, after = "") =>
    `# Stays in step with the catalogue.\n${comment}\nscope: { models: [new-model] }${after}\nrules: [{ then: warn }]\n`;

  test("in the line before, or in the same line", async () => {
    expect(await warningsOf({ [file]: text("#") })).toHaveLength(1);
    expect(await warningsOf({ [file]: text("# sluice: ignore C072 it comes in May") })).toEqual([]);
    expect(await warningsOf({ [file]: text("#", " # sluice: ignore C072, C070") })).toEqual([]);
  });

  test("for this warning alone", async () => {
    expect(await warningsOf({ [file]: text("# sluice: ignore C070") })).toHaveLength(1);
    expect(await warningsOf({ [file]: text("# ignore C072") })).toHaveLength(1);
  });

  test("and takes no problem away", async () => {
    const files = { [file]: "# sluice: ignore C069\nscope: { except: {} }\nrules: [{ then: warn }]\n" };
    expect(warningsOf(files)).rejects.toThrow("C069");
  });
});

test("a model without a price is told where it is configured", async () => {
  const files = { [file]: "rules: [{ when: request.stream, then: warn }]\n" };
  const unpriced = [{ model: "own", where: "sluice.config.yaml:3:8" }, { model: "vendors" }];
  const warnings = await warningsOf(files, { unpriced });
  expect(warnings.map(formatProblem)).toEqual([
    "configuration:1:1  C077  warning: no price is known for the model 'vendors'; set models.vendors.price in the configuration, or models.vendors.unpriced: ok",
    "sluice.config.yaml:3:8  C077  warning: no price is known for the model 'own'; set models.own.price in the configuration, or models.own.unpriced: ok",
  ]);
});

test("models are looked at only where they are known", async () => {
  const files = { [file]: "scope: { models: [nothing] }\nrules: [{ then: warn }]\n" };
  expect(await warningsOf(files, {})).toEqual([]);
});

test("a warning says that it is one", async () => {
  const [warning] = await warningsOf({ [file]: `params:\n  cap: { type: int, default: 5 }\n${cond}` });
  expect(formatProblem(warning!).split("\n")[0]).toBe(
    "policies/org/a.policy.yaml:2:3  C073  warning: the param 'cap' is not used; read it as params.cap, or take it away",
  );
  expect(formatGithub(warning!)).toBe(
    "::warning file=policies/org/a.policy.yaml,line=2,col=3,endColumn=6,title=C073::the param 'cap' is not used; read it as params.cap, or take it away",
  );
});
