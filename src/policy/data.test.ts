import { describe, expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const data = `description: What several policies need.
lists:
  retired: [gpt-3, claude-1]
  sizes: [1, 2, 9007199254740991]
  none: []
tables:
  caps: { free: 1000, pro: 20000 }
  prices: { free: 1.0, pro: 2 }
  owners: { free: nobody }
`;

async function fires(when: string, change: (facts: Facts) => void = () => undefined): Promise<boolean> {
  await using folder = await testFolder({
    "org/common.data.yaml": data,
    "org/a.policy.json": `{ "rules": [{ "id": "a", "when": ${JSON.stringify(when)}, "then": "deny" }] }`,
  });
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(result.problems[0]?.message);
  const facts = emptyFacts();
  change(facts);
  const { findings } = evaluate(result.snapshot.policies, "request", facts);
  if (findings[0]?.kind === "error") throw new Error("the policy failed");
  return findings.length > 0;
}

const model = (name: string) => (facts: Facts) => (facts.request.model = name);
const app =
  (id: string, change: (facts: Facts) => void = () => undefined) =>
  (facts: Facts) => {
    facts.app.id = id;
    change(facts);
  };

describe("named data", () => {
  test.each([
    ["inSet('retired', model)", model("gpt-3"), true],
    ["inSet('retired', model)", model("GPT-3"), false],
    ["model in data.retired", model("claude-1"), true],
    ["data.retired.exists(name, model.startsWith(name))", model("gpt-3.5"), true],
    ["inSet('sizes', request.bytes)", app("", ({ request }) => (request.bytes = 2)), true],
    ["inSet('sizes', request.bytes)", app("", ({ request }) => (request.bytes = 3)), false],
    ["request.bytes in data.sizes", app("", ({ request }) => (request.bytes = 9007199254740991)), true],
    ["inSet('none', model)", model("gpt-3"), false],
    ["inSet('caps', app.id)", app("pro"), true],
    ["inSet('caps', app.id)", app("toString"), false],
    [
      "app.id in data.caps && request.bytes > data.caps[app.id]",
      app("free", ({ request }) => (request.bytes = 1001)),
      true,
    ],
    [
      "app.id in data.caps && request.bytes > data.caps[app.id]",
      app("pro", ({ request }) => (request.bytes = 1001)),
      false,
    ],
    ["request.temperature > data.prices[app.id]", app("free", ({ request }) => (request.temperature = 1.5)), true],
    ["data.owners[app.id] == 'nobody'", app("free"), true],
    ["data.caps.pro > request.bytes", app("pro"), true],
  ])("%s", async (when, change, expected) => {
    expect(await fires(when, change)).toBe(expected);
  });

  test("that a table does not have is an error of the policy", async () => {
    expect(fires("data.caps[app.id] > request.bytes", app("other"))).rejects.toThrow("the policy failed");
  });

  test("of org/ is read everywhere, that of a team or an application in its own folder", async () => {
    const rule = (name: string) => `rules: [{ when: model in data.${name}, then: deny }]\n`;
    await using folder = await testFolder({
      "org/common.data.yaml": "lists: { ours: [a] }",
      "teams/red/more.data.yaml": "lists: { reds: [b] }",
      "teams/blue/more.data.json": '{ "lists": { "reds": ["c"] } }',
      "teams/red/deep/er/a.policy.yaml": rule("ours"),
      "teams/red/b.policy.yaml": rule("reds"),
      "teams/blue/b.policy.yaml": rule("reds"),
      "apps/chat/c.policy.yaml": rule("ours"),
    });
    const result = await loadPolicies(testOptions(folder.dir));
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const facts = emptyFacts();
    facts.request.model = "c";
    const { findings } = evaluate(result.snapshot.policies, "request", facts);
    expect(findings.map(({ policy }) => policy)).toEqual(["teams/blue/b"]);
  });

  test("is read by the expressions of policy types, by gates, variables and messages", async () => {
    await using folder = await testFolder({
      "org/common.data.yaml": "lists: { ours: [a, b] }",
      "org/type.policy.yaml":
        "uses: custom_cel\nmatch: ['!(model in data.ours)']\nwith: { pre_check_expression: 'inSet(\"ours\", model)' }",
      "org/rules.policy.yaml":
        "variables: { known: model in data.ours }\nrules: [{ when: '!vars.known', then: deny, message: 'known: {data.ours}' }]",
    });
    const result = await loadPolicies(testOptions(folder.dir));
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const facts = emptyFacts();
    facts.request.model = "c";
    const { findings } = evaluate(result.snapshot.policies, "request", facts);
    expect(findings.map(({ policy, message }) => [policy, message])).toContainEqual(["org/rules", "known: a, b"]);
    expect(findings.map(({ policy }) => policy)).toContain("org/type");
  });

  test("that has changed is another revision", async () => {
    const files = { "org/a.policy.yaml": "rules: [{ when: model in data.a, then: deny }]" };
    const revision = async (list: string) => {
      await using folder = await testFolder({ ...files, "org/a.data.yaml": `lists: { a: [${list}] }` });
      const result = await loadPolicies(testOptions(folder.dir));
      return result.ok ? result.snapshot.revision : "refused";
    };
    expect(await revision("b")).not.toBe(await revision("c"));
  });
});
