import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import type { Phase } from "../core/phases.ts";
import { notApplicable, type RuleHit, type Verdict } from "../core/policy.ts";
import type { Modules } from "./bundle.ts";
import { formatProblem } from "./problem.ts";
import type { PolicyFile } from "./tree.ts";
import { refusedTypeScript } from "./typescript.cases.ts";
import { compileTypeScript } from "./typescript.ts";

/** The project's own folder, so that its packages can be imported. */
const dir = join(import.meta.dir, "../../policies");

const fileOf = (path: string, text: string): PolicyFile => ({
  kind: path.endsWith(".policy.ts") ? "typescript" : "module",
  path,
  label: `policies/${path}`,
  text,
});

/** Compiles `org/a.policy.ts` beside other files. */
async function compile(text: string, others: Readonly<Record<string, string>> = {}, path = "org/a.policy.ts") {
  const modules: Modules = new Map(Object.entries(others).map(([name, code]) => [name, fileOf(name, code)]));
  return await compileTypeScript(fileOf(path, text), dir, modules);
}

/** A policy with these members. */
const policy = (members: string, before = "") =>
  `import { definePolicy, notApplicable, t } from "sluice/sdk";\n${before}export default definePolicy({ description: "d", ${members} });\n`;

async function ask(text: string, facts: Facts = emptyFacts(), phase: Phase = "request"): Promise<Verdict> {
  const { policy, problems } = await compile(text);
  expect(problems.map(formatProblem)).toEqual([]);
  return policy!.evaluate[phase]!(facts, { texts: () => ["the prompt"] });
}

test("a policy is what its file says, and asked with what it declares", async () => {
  const text = policy(`
    owner: "platform", mode: "warn", onError: "allow", priority: 7, scope: { env: ["prod"] },
    params: t.Object({ allow: t.Array(t.String()), most: t.Integer({ default: 2 }) }),
    with: { allow: ["search"] },
    reads: ["request.tool_names", "now"],
    request({ request, params, now, content }) {
      const other = request.tool_names.find((name) => !params.allow.includes(name));
      if (other === undefined) return null;
      return { decision: "deny", code: "tool_not_listed", message: other + params.most + now.getTime() + content.texts(), status: 422 };
    }`);
  const compiled = await compile(text);
  expect(compiled).toMatchObject({
    id: "org/a",
    owner: "platform",
    problems: [],
    policy: { mode: "warn", onError: "allow", priority: 7, scope: { env: ["prod"] }, uses: "typescript" },
  });
  expect(compiled.policy!.reads).toEqual(["request.tool_names", "now"]);
  const facts = emptyFacts();
  expect(await ask(text, facts)).toBeNull();
  facts.request.tool_names = ["search", "shell"];
  expect(await ask(text, facts)).toEqual([
    { rule: "tool-not-listed", effect: "deny", code: "tool_not_listed", message: "shell20the prompt", status: 422 },
  ]);
});

describe("the SDK is this process's own, by", () => {
  test.each(["sluice/sdk", "../../src/sdk", "../../src/sdk/index.ts"])("%s", async (name) => {
    const text = `import { definePolicy, notApplicable } from "${name}";
      export default definePolicy({ description: "d", request: () => notApplicable });`;
    expect(await ask(text)).toBe(notApplicable);
  });
});

test("files of the folder and declared packages can be imported, and what they import", async () => {
  const text = policy(
    `request: () => ({ decision: "deny", code: "a", message: parse(most).join() + names + more.list })`,
    `import { most } from "../helpers/index.ts"; import names from "./names.data.json"; import { parse } from "yaml"; import more from "../more.data.yaml";\n`,
  );
  const { policy: compiled } = await compile(text, {
    "helpers/index.ts": `export { most } from "./deep/most";`,
    "helpers/deep/most.ts": `export const most: string = "[1, 2]";`,
    "org/names.data.json": `["x", "y"]`,
    "more.data.yaml": "list: [z]",
  });
  expect(compiled!.evaluate.request!(emptyFacts())).toMatchObject([{ message: "1,2x,yz" }]);
});

describe("content decides whether a file is run again:", () => {
  const text = policy(
    `request: () => ({ decision: "deny", code: helper, message: String(ran) })`,
    `import { helper } from "./helper.ts"; const ran = (globalThis.sluiceRan = (globalThis.sluiceRan ?? 0) + 1);\n`,
  );
  const runs = () => (globalThis as { sluiceRan?: number }).sluiceRan ?? 0;
  const codeWith = async (helper: string, others: Record<string, string> = {}) => {
    const { policy } = await compile(text, { "org/helper.ts": `export const helper = "${helper}";`, ...others });
    const verdict = policy!.evaluate.request!(emptyFacts()) as readonly { code: string }[];
    return verdict[0]!.code;
  };

  test("the same one never is, a change in a helper is seen, and going back is no new run", async () => {
    const before = runs();
    expect([await codeWith("first"), await codeWith("first")]).toEqual(["first", "first"]);
    expect(runs()).toBe(before + 1);
    expect(await codeWith("second")).toBe("second");
    expect(runs()).toBe(before + 2);
    expect(await codeWith("first", { "org/other.ts": "what nobody imports" })).toBe("first");
    expect(runs()).toBe(before + 2);
  });

  test("a file that is found before the one that was is seen", async () => {
    const importing = policy(
      `request: () => ({ decision: "deny", code, message: "m" })`,
      `import { code } from "./x";\n`,
    );
    const later = { "org/x/index.ts": `export const code = "folder";` };
    const codeOf = async (others: Record<string, string>) => {
      const { policy } = await compile(importing, others);
      return (policy!.evaluate.request!(emptyFacts()) as readonly { code: string }[])[0]!.code;
    };
    expect(await codeOf(later)).toBe("folder");
    expect(await codeOf({ ...later, "org/x.ts": `export const code = "file";` })).toBe("file");
  });
});

describe("handlers", () => {
  test("share the state of one request in all its phases, and no other's", async () => {
    const { policy: compiled } = await compile(
      policy(`state: () => ({ calls: 0 }),
        request({ state }) { state.calls += 1; return null; },
        response({ state }) { state.calls += 1; return { decision: "warn", code: "calls", message: String(state.calls) }; }`),
    );
    const [one, other] = [emptyFacts(), emptyFacts()];
    for (const facts of [one, other, one]) compiled!.evaluate.request!(facts);
    expect(compiled!.evaluate.response!(one)).toMatchObject([{ message: "3" }]);
    expect(compiled!.evaluate.response!(other)).toMatchObject([{ message: "2" }]);
  });

  test("change nothing of what other policies see", async () => {
    const facts = emptyFacts();
    facts.now = new Date(1_000);
    facts.request.tool_names = ["b", "a"];
    const text = policy(`reads: ["now", "request.tool_names"],
      request({ now, request }) { now.setTime(0); request.tool_names.sort(); return null; }`);
    await expect(ask(text, facts)).rejects.toThrow("readonly property");
    expect([facts.now.getTime(), facts.request.tool_names]).toEqual([1_000, ["b", "a"]]);
  });

  test("may answer with a list, and with changes of the request", async () => {
    const hits = `[{ decision: "modify", code: "capped", message: "m", rule: "cap", modify: [{ op: "cap", path: "max_tokens", value: 5 }] },
      { decision: "allow", code: "noted", message: "n" }]`;
    expect(await ask(policy(`request: () => (${hits})`))).toEqual([
      {
        rule: "cap",
        effect: "modify",
        code: "capped",
        message: "m",
        status: 403,
        modifications: [{ op: "cap", path: "max_tokens", value: 5 }],
      },
      { rule: "noted", effect: "allow", code: "noted", message: "n", status: 403 },
    ]);
  });

  test("cut messages that are too long", async () => {
    const [hit] = (await ask(
      policy(`request: () => ({ decision: "deny", code: "a", message: "x".repeat(9999) })`),
    )) as readonly RuleHit[];
    expect(hit!.message).toHaveLength(1_000);
  });

  const odd: readonly [string, string, string][] = [
    ["nothing", "undefined", "answered nothing"],
    ["true", "true", "answered true"],
    ["a promise", "Promise.reject(new Error())", "a promise"],
    ["an unknown decision", "({ decision: 'dney', code: 'a', message: 'm' })", "one of allow, warn, modify, deny"],
    ["no code", "({ decision: 'deny', message: 'm' })", "code nothing"],
    ["a code that is no word", "({ decision: 'deny', code: 'A b', message: 'm' })", "a word in snake_case"],
    ["no message", "({ decision: 'deny', code: 'a' })", "message nothing"],
    ["an empty message", "({ decision: 'deny', code: 'a', message: '' })", "expected a text"],
    ["a rule that is no word", "({ decision: 'deny', code: 'a', message: 'm', rule: 'B!' })", "rule 'B!'"],
    ["a misspelt key", "({ decision: 'deny', code: 'a', message: 'm', stauts: 429 })", "no 'stauts'"],
    ["a status out of range", "({ decision: 'deny', code: 'a', message: 'm', status: 200 })", "from 400 to 599"],
    ["a status of a warning", "({ decision: 'warn', code: 'a', message: 'm', status: 429 })", "for a deny"],
    ["no changes", "({ decision: 'modify', code: 'a', message: 'm' })", "a list of what to change"],
    [
      "changes of what cannot be changed",
      "({ decision: 'modify', code: 'a', message: 'm', modify: [{ op: 'set', path: 'x', value: 1 }] })",
      "'x' cannot be modified",
    ],
    ["changes in a refusal", "({ decision: 'deny', code: 'a', message: 'm', modify: [] })", "for the decision modify"],
    ["a list with something odd in it", "[null]", "answered null"],
  ];
  test.each(odd)("that answer with %s are errors of the policy", async (_, answer, said) => {
    const { policy: compiled } = await compile(policy(`onError: "allow", request: () => (${answer})`));
    const thrown: unknown[] = [];
    const decision = evaluate([compiled!], "request", emptyFacts(), (_policy, error) => thrown.push(error));
    expect(decision).toMatchObject({
      outcome: "error",
      effect: "allow",
      findings: [{ kind: "error", would: "allow" }],
    });
    expect(String(thrown[0])).toContain(said);
  });

  const undeclared: readonly [string, string][] = [
    ["input.request.bytes", "'request.bytes' is read and not among 'reads'"],
    ["input.app.id", "no fact 'app.…' is among 'reads'"],
    ["input.now", "'now' is read and not among 'reads'"],
    ["input.usage.total_tokens", "known in phase request"],
  ];
  test.each(undeclared)("that read what they did not declare fail: %s", async (expression, said) => {
    const text = policy(
      `reads: ["request.model", "usage.total_tokens"], request: (input) => (${expression} > 5 ? null : null), usage: () => null`,
    );
    await expect(ask(text)).rejects.toThrow(said);
  });

  test("that throw say where in their own file, or in the one they imported", async () => {
    const { policy: compiled } = await compile(
      policy(`request: () => null.x, usage: () => fail("b")`, `import { fail } from "./fail.ts";\n`),
      {
        "org/fail.ts": `type A = string;\ninterface B { a: A }\nexport function fail(a: A): never {\n  throw new Error(a);\n}\n`,
      },
    );
    const { request, usage } = compiled!.evaluate;
    expect(() => request!(emptyFacts())).toThrow("policies/org/a.policy.ts:3:");
    expect(() => usage!(emptyFacts())).toThrow("policies/org/fail.ts:4:13  Error: b");
  });
});

test("the example in the README of the policies is a policy", async () => {
  const readme = await Bun.file(join(dir, "README.md")).text();
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme)!;
  const facts = emptyFacts();
  facts.request.tool_names = ["search", "shell"];
  expect(await ask(example!, facts)).toMatchObject([{ code: "tool_not_listed", message: "shell is not listed" }]);
});

describe("a file is refused with every problem and its place:", () => {
  test.each(refusedTypeScript.map((bad) => [bad.name, bad] as const))("%s", async (_, { files, problems }) => {
    const path = Object.keys(files).find((name) => name.endsWith(".policy.ts"))!;
    const { [path]: text, ...others } = files;
    const compiled = await compile(text!, others, path);
    expect(compiled.policy).toBeUndefined();
    expect(compiled.problems.map((p) => [`${p.file}:${p.line}:${p.column}`, p.code, p.message])).toEqual(
      problems.map((problem) => [...problem]),
    );
  });
});
