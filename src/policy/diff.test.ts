import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { PolicySetDiff, Tendency } from "../core/revisions.ts";
import { diffTrees } from "./diff.ts";
import { formatDiff } from "./diff-format.ts";
import { testFolder } from "./testing.ts";
import { type PolicyTree, readPolicyTree } from "./tree.ts";

type Files = Readonly<Record<string, string>>;
const knowledge = { onErrorOf: (type: string) => (type === "request_size" ? ("deny" as const) : undefined) };

async function treeOf(files: Files): Promise<PolicyTree> {
  await using folder = await testFolder(files);
  return await readPolicyTree(folder.dir);
}

async function diff(before: Files, after: Files): Promise<PolicySetDiff> {
  return diffTrees(await treeOf(before), await treeOf(after), knowledge);
}

const path = "org/a.policy.yaml";
/** Every field that is different between two texts of one policy, with its tendency. */
async function fields(before: string, after: string, others: Files = {}, file = path) {
  const { items } = await diff({ ...others, [file]: before }, { ...others, [file]: after });
  expect(items.length).toBeLessThan(2);
  return (items[0]?.fields ?? []).map((field) => `${field.field} ${field.tendency}`);
}

const cap = (when: string, more = "") => `rules: [{ id: r, when: '${when}', then: deny${more} }]\n`;
const rules = "rules: [{ id: r, when: request.stream, then: deny }]\n";
const warning = "rules: [{ id: r, when: request.stream, then: warn }]\n";
const capping = (value: number) =>
  `rules: [{ id: r, then: modify, modify: [{ op: cap, path: max_tokens, value: ${value} }] }]\n`;
const setting = "rules: [{ id: r, then: modify, modify: [{ op: set, path: temperature, value: 1 }] }]\n";

describe("a change of a policy says what it does to what may pass:", () => {
  test.each<[name: string, before: string, after: string, wanted: readonly string[]]>([
    ["a bound that is lower", cap("request.max_tokens > 9"), cap("request.max_tokens > 5"), ["rules.r.when tightens"]],
    ["a bound that is higher", cap("request.max_tokens > 5"), cap("request.max_tokens > 9"), ["rules.r.when loosens"]],
    ["a condition more", cap("request.stream"), cap("request.stream && request.bytes > 1"), ["rules.r.when loosens"]],
    ["another condition", cap("request.stream"), cap("request.bytes > 1"), ["rules.r.when unknown"]],
    ["the same in other words", cap("request.bytes > 1"), cap("1 < request.bytes"), ["rules.r.when neither"]],
    [
      "a rule that warns",
      cap("request.bytes > 9").replace("deny", "warn"),
      cap("request.bytes > 1").replace("deny", "warn"),
      ["rules.r.when neither"],
    ],
    ["deny, no longer", rules, rules.replace("deny", "warn"), ["rules.r.then loosens"]],
    ["deny, from now on", rules.replace("deny", "allow"), rules, ["rules.r.then tightens"]],
    [
      "code, status and message",
      cap("request.stream", ", code: a"),
      cap("request.stream", ", code: b, status: 429, message: no"),
      ["rules.r.code neither", "rules.r.status neither", "rules.r.message neither"],
    ],
    ["mode", rules, `mode: audit\n${rules}`, ["mode loosens"]],
    ["mode, back", `mode: warn\n${rules}`, rules, ["mode tightens"]],
    ["mode, between the two that refuse nothing", `mode: warn\n${rules}`, `mode: audit\n${rules}`, ["mode neither"]],
    [
      "what is written out that held anyway",
      rules,
      `mode: enforce\nonError: deny\npriority: 100\nphase: request\n${rules}`,
      [],
    ],
    [
      "anything else while nothing is enforced",
      `mode: audit\n${rules}`,
      `mode: audit\n${cap("request.bytes > 1")}`,
      ["rules.r.when neither"],
    ],
    ["onError", rules, `onError: allow\n${rules}`, ["onError loosens"]],
    [
      "onError of a policy type",
      "uses: request_size\nwith: { max_request_bytes: 5 }\n",
      "uses: request_size\nonError: warn\nwith: { max_request_bytes: 5 }\n",
      ["onError loosens"],
    ],
    [
      "onError of a policy type that is not known",
      "uses: other\nwith: {}\n",
      "uses: other\nonError: deny\nwith: {}\n",
      ["onError unknown"],
    ],
    [
      "owner and description",
      rules,
      `owner: ann\ndescription: New.\n${rules}`,
      ["description neither", "owner neither"],
    ],
    ["phase", rules, `phase: response\n${rules}`, ["phase unknown"]],
    ["priority without modifications", rules, `priority: 5\n${rules}`, ["priority neither"]],
    ["priority with them", setting, `priority: 5\n${setting}`, ["priority unknown"]],
    ["a scope", rules, `scope: { env: [prod] }\n${rules}`, ["scope.env loosens"]],
    [
      "a scope with one more",
      `scope: { env: [prod] }\n${rules}`,
      `scope: { env: [prod, dev] }\n${rules}`,
      ["scope.env tightens"],
    ],
    ["a scope of others", `scope: { env: [prod] }\n${rules}`, `scope: { env: [dev] }\n${rules}`, ["scope.env unknown"]],
    [
      "a glob that covers more",
      `scope: { models: ["gpt-4o*"] }\n${rules}`,
      `scope: { models: ["gpt-*"] }\n${rules}`,
      ["scope.models tightens"],
    ],
    [
      "a name that a glob covers",
      `scope: { models: ["gpt-*"] }\n${rules}`,
      `scope: { models: [GPT-4o] }\n${rules}`,
      ["scope.models loosens"],
    ],
    [
      "a label more",
      `scope: { labels: { a: x } }\n${rules}`,
      `scope: { labels: { a: x, b: y } }\n${rules}`,
      ["scope.labels loosens"],
    ],
    ["an except", rules, `scope: { except: { apps: [a] } }\n${rules}`, ["scope.except loosens"]],
    [
      "an except with one more",
      `scope: { except: { apps: [a] } }\n${rules}`,
      `scope: { except: { apps: [a, b] } }\n${rules}`,
      ["scope.except loosens"],
    ],
    [
      "an except of fewer",
      `scope: { except: { apps: [a] } }\n${rules}`,
      `scope: { except: { apps: [a], env: [dev] } }\n${rules}`,
      ["scope.except tightens"],
    ],
    ["a scope of what only warns", warning, `scope: { env: [prod] }\n${warning}`, ["scope.env neither"]],
    ["a scope of what modifies", setting, `scope: { env: [prod] }\n${setting}`, ["scope.env unknown"]],
    ["a gate", rules, `match: ["request.bytes > 1"]\n${rules}`, ["match loosens"]],
    [
      "a gate that is wider",
      `match: ["request.bytes > 1", request.stream]\n${rules}`,
      `match: [request.stream]\n${rules}`,
      ["match tightens"],
    ],
    [
      "gates in another order",
      `match: [request.stream, "request.bytes > 1"]\n${rules}`,
      `match: ["request.bytes > 1", request.stream]\n${rules}`,
      ["match neither"],
    ],
    ["a cap that is lower", capping(100), capping(50), ["rules.r.modify tightens"]],
    ["a cap that is higher", capping(50), capping(100), ["rules.r.modify loosens"]],
    ["another modification", capping(50), setting, ["rules.r.modify unknown"]],
    ["a rule more", rules, `${rules.replace("]", ", { id: s, then: deny }]")}`, ["rules.s tightens"]],
    ["a rule more that warns", rules, `${rules.replace("]", ", { id: s, then: warn }]")}`, ["rules.s neither"]],
    ["a rule less", `${rules.replace("]", ", { id: s, then: deny }]")}`, rules, ["rules.s loosens"]],
    ["a rule that is asked again", rules, rules.replace("then", "recheck: true, then"), ["rules.r.recheck tightens"]],
    [
      "another policy type",
      "uses: request_size\nwith: { a: 1 }\n",
      "uses: other\nwith: { a: 1 }\n",
      ["onError unknown", "uses unknown"],
    ],
    [
      "a leaf of a config",
      "uses: request_size\nwith: { windows: [{ every: day, requests: 5 }], per: [app] }\n",
      "uses: request_size\nwith: { windows: [{ every: day, requests: 9 }], per: [app, user] }\n",
      ["with.windows.0.requests unknown", "with.per unknown"],
    ],
  ])("%s", async (_, before, after, wanted) => {
    expect(await fields(before, after)).toEqual([...wanted]);
  });

  test("a param, a variable and named data count by what they do in the rules that read them", async () => {
    const policy = (limit: number, asked: string, more = "") => `
params: { cap: { type: int, default: ${limit}, max: 99${more} }, unused: { type: int, default: ${limit} } }
variables: { asked: ${asked}, over: vars.asked > params.cap }
rules: [{ id: r, when: vars.over, then: deny }, { id: s, when: request.model in data.models, then: deny }]
`;
    const data = { "org/m.data.yaml": "lists: { models: [a, b] }\n" };
    const base = policy(50, "request.max_tokens");
    expect(await fields(base, policy(20, "request.max_tokens"), data)).toEqual([
      "params.cap.default tightens",
      "params.unused.default neither",
    ]);
    expect(await fields(base, policy(50, "request.bytes"), data)).toEqual(["variables.asked unknown"]);
    expect(await fields(base, policy(50, "request.max_tokens", ", tunable: true"), data)).toEqual([
      "params.cap.tunable neither",
    ]);
    const { items } = await diff(
      { ...data, [path]: base },
      { "org/m.data.yaml": "lists: { models: [a, b, c] }\n", [path]: base },
    );
    expect(items).toMatchObject([
      { kind: "data", id: "org/m", tendency: "tightens", fields: [{ field: "lists.models", line: 1, column: 10 }] },
    ]);
  });

  test("a .cel file counts by what is no longer true", async () => {
    const file = (most: number) => `//! deny: too_many 403 "no"\nrequest.max_tokens <= ${most}\n`;
    expect(await fields(file(10), file(5), {}, "org/b.cel")).toEqual(["rules.too_many.must tightens"]);
    const list = (names: string) => `//! deny: no 403 "no"\nrequest.model in [${names}]\n`;
    expect(await fields(list('"a", "b"'), list('"a"'), {}, "org/b.cel")).toEqual(["rules.no.must tightens"]);
  });

  test("rules without ids are told apart by what they say", async () => {
    const one = "{ when: request.stream, then: deny }";
    const two = '{ when: request.model == "a", then: deny }';
    expect(await fields(`rules: [${one}, ${two}]\n`, `rules: [${two}, ${one}]\n`)).toEqual([]);
    expect(await fields(`rules: [${one}]\n`, `rules: [${two}, ${one}]\n`)).toEqual(["rules.rule-1 tightens"]);
  });

  test("comments, quotes and order of keys are no difference; nor is another form of the same file", async () => {
    expect(
      await fields("mode: warn\nrules: [{ then: deny }]\n", "# why\nrules: [ { 'then': deny } ]\nmode: 'warn'\n"),
    ).toEqual([]);
    const json = `{"rules": [{"id": "r", "when": "request.stream", "then": "deny"}]}`;
    expect((await diff({ [path]: rules }, { "org/a.policy.json": json })).items).toEqual([]);
  });
});

describe("what was added or removed:", () => {
  const added: [string, Files, Files, Tendency][] = [
    ["a policy that denies", {}, { [path]: rules }, "tightens"],
    ["a policy that is only recorded", {}, { [path]: `mode: audit\n${rules}` }, "neither"],
    ["a policy that warns", {}, { [path]: warning }, "neither"],
    ["a policy that caps", {}, { [path]: capping(5) }, "tightens"],
    ["a policy that sets", {}, { [path]: setting }, "unknown"],
    ["a policy of a type", {}, { [path]: "uses: request_size\nwith: { max_request_bytes: 5 }\n" }, "tightens"],
    ["a policy where the default is deny", { "sluice.yaml": "default: deny\n" }, { [path]: rules }, "unknown"],
    ["code", {}, { "org/a.policy.ts": "export default 1;\n" }, "unknown"],
    ["a module", {}, { "org/a.ts": "export default 1;\n" }, "unknown"],
    ["an exception", { [path]: rules }, { "org/e.exception.yaml": "policy: org/a\n" }, "loosens"],
    ["a library policy", {}, { "library/a.policy.yaml": rules }, "neither"],
    ["data", {}, { "org/m.data.yaml": "lists: { a: [b] }\n" }, "neither"],
    ["a manifest that refuses", {}, { "sluice.yaml": "default: deny\n" }, "tightens"],
    ["a manifest that says what holds anyway", {}, { "sluice.yaml": "default: allow\n" }, "neither"],
  ];
  const opposite = { tightens: "loosens", loosens: "tightens", neither: "neither", unknown: "unknown" } as const;
  test.each(added)("%s", async (_, common, files, tendency) => {
    const [file] = Object.keys(files);
    expect((await diff(common, { ...common, ...files })).items).toMatchObject([
      { change: "added", tendency, file: `policies/${file}`, fields: [] },
    ]);
    expect((await diff({ ...common, ...files }, common)).items).toMatchObject([
      { change: "removed", tendency: opposite[tendency] },
    ]);
  });
});

describe("changes of other files:", () => {
  test.each<[string, string, string, string, readonly string[]]>([
    ["the default", "sluice.yaml", "default: deny\n", "default: allow\n", ["default loosens"]],
    ["a lock more", "sluice.yaml", "locked: [org/a]\n", "locked: [org/a, org/b]\n", ["locked tightens"]],
    ["a lock less", "sluice.yaml", "locked: [org/a]\n", "owner: x\n", ["locked loosens"]],
    [
      "an exception for longer",
      "org/e.exception.yaml",
      "policy: org/a\nexpires: 2030-01-01\n",
      "policy: org/a\nexpires: 2030-02-01\n",
      ["expires loosens"],
    ],
    [
      "an exception for one rule",
      "org/e.exception.yaml",
      "policy: org/a\n",
      "policy: org/a\nrule: r\n",
      ["rule tightens"],
    ],
    [
      "an exception for more",
      "org/e.exception.yaml",
      "scope: { apps: [a] }\n",
      "scope: { apps: [a, b] }\n",
      ["scope loosens"],
    ],
    ["an exception's reason", "org/e.exception.yaml", "reason: a\n", "reason: b\n", ["reason neither"]],
    [
      "data that nothing reads",
      "org/m.data.yaml",
      "tables: { t: { a: 1 } }\n",
      "tables: { t: { a: 2 } }\n",
      ["tables.t.a neither"],
    ],
  ])("%s", async (_, file, before, after, wanted) => {
    expect(await fields(before, after, {}, file)).toEqual([...wanted]);
  });

  test.each([
    ["code", "org/a.policy.ts", "export default 1;\n", "export default 2;\n"],
    ["a module", "org/a.ts", "export default 1;\n", "export default 2;\n"],
    ["what cannot be read", path, "rules: [", rules],
  ])("of %s nothing can be told but that it is another one", async (_, file, before, after) => {
    const { items } = await diff({ [file]: before }, { [file]: after });
    expect(items).toMatchObject([{ change: "changed", tendency: "unknown", fields: [] }]);
  });

  test("a gate or a scope where the default is deny lets through as well as it refuses", async () => {
    const manifest = { "sluice.yaml": "default: deny\n" };
    expect(await fields(rules, `scope: { env: [prod] }\n${rules}`, manifest)).toEqual(["scope.env unknown"]);
    expect(await fields(rules, `match: [request.stream]\n${rules}`, manifest)).toEqual(["match unknown"]);
    const audit = `mode: audit\n${rules}`;
    expect(await fields(audit, `scope: { env: [prod] }\n${audit}`, manifest)).toEqual(["scope.env unknown"]);
    expect(await fields(audit, `scope: { env: [prod] }\n${audit}`)).toEqual(["scope.env neither"]);
    expect((await diff(manifest, { ...manifest, [path]: audit })).items).toMatchObject([{ tendency: "unknown" }]);
  });

  test("what a library policy is given counts like its params", async () => {
    const library = {
      "library/cap.policy.yaml":
        "params: { most: { type: int, default: 9 } }\nrules: [{ id: r, when: request.max_tokens > params.most, then: deny }]\n",
    };
    const use = (most: number) => `uses: library/cap\nwith: { most: ${most} }\n`;
    expect(await fields(use(5), use(3), library)).toEqual(["with.most tightens"]);
    expect(await fields(use(3), "uses: library/cap\n", library)).toEqual(["with.most loosens"]);
  });
});

test("going back is the opposite of every change", async () => {
  const texts = fc.constantFrom(
    rules,
    warning,
    cap("request.max_tokens > 5"),
    cap("request.max_tokens > 9"),
    `mode: audit\n${rules}`,
    `onError: allow\n${rules}`,
    `scope: { env: [prod] }\n${rules}`,
    `match: [request.stream]\n${rules}`,
    capping(5),
    capping(9),
    setting,
  );
  await fc.assert(
    fc.asyncProperty(texts, texts, async (before, after) => {
      const there = await fields(before, after);
      const back = await fields(after, before);
      const turned: Readonly<Record<string, string>> = { tightens: "loosens", loosens: "tightens" };
      const opposite = back.map((line) => line.replace(/\w+$/, (way) => turned[way] ?? way));
      expect(opposite).toEqual(there);
      if (before === after) expect(there).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

test("why something removed loosens or tightens is said of what is no longer there", async () => {
  const files = {
    [path]: rules,
    "org/b.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 5 }\n",
    "org/c.policy.yaml": capping(5),
    "org/e.exception.yaml": "policy: org/a\n",
  };
  expect((await diff(files, {})).items.map(({ why }) => why)).toEqual([
    "what it refused may pass",
    "what it refused may pass",
    "requests keep what it took off them",
    "requests are no longer excepted from a policy",
  ]);
});

describe("differences are printed", () => {
  const before = { [path]: cap("request.max_tokens > 5"), "org/b.policy.yaml": rules };
  const after = { [path]: `owner: ann\n${cap("request.max_tokens > 9")}`, "org/c.policy.yaml": rules };
  const names = { base: "main", head: "policies" };

  test("as text", async () => {
    expect(formatDiff(await diff(before, after), names, "text").join("\n")).toBe(
      `from  main
to    policies

changed policy org/a
  owner: added ann  [neither: it is for people to read]
  rules.r.when: request.max_tokens > 5 → request.max_tokens > 9  [loosens: it fires for fewer requests]

removed policy org/b  [loosens: what it refused may pass]

added policy org/c  [tightens: it may refuse what passed]

1 added, 1 removed, 1 changed: 2 loosening, 1 tightening, 0 that cannot be told, 1 neither`,
    );
  });

  test("as annotations: what loosens is a warning and comes first, what is for people is left out", async () => {
    expect(formatDiff(await diff(before, after), names, "github")).toEqual([
      "::warning file=policies/org/a.policy.yaml,line=2,col=18,title=loosens%3A policy org/a::rules.r.when: request.max_tokens > 5 → request.max_tokens > 9 (it fires for fewer requests)",
      "::warning file=policies/org/b.policy.yaml,line=1,col=1,title=loosens%3A policy org/b::removed: what it refused may pass",
      "::notice file=policies/org/c.policy.yaml,line=1,col=1,title=tightens%3A policy org/c::added: it may refuse what passed",
      "1 added, 1 removed, 1 changed: 2 loosening, 1 tightening, 0 that cannot be told, 1 neither",
    ]);
  });

  test("as JSON for programs", async () => {
    const found = await diff(before, after);
    expect(JSON.parse(formatDiff(found, names, "json").join("\n"))).toEqual({ ...found, names });
  });

  test("as none when there are none", async () => {
    expect(formatDiff(await diff(before, before), names, "text").at(-1)).toBe("no difference in meaning");
  });
});
