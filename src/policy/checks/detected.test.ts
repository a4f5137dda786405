import { expect, test } from "bun:test";
import { loadPolicies } from "../load.ts";
import { testFolder, testOptions } from "../testing.ts";

async function problems(files: Record<string, string>, plugins = true): Promise<string[]> {
  await using folder = await testFolder(files);
  const options = testOptions(folder.dir);
  const registry = { get: () => undefined, names: () => [] };
  const result = await loadPolicies(plugins ? options : { ...options, registry });
  if (result.ok) await result.snapshot.retire();
  return result.ok
    ? []
    : result.problems.map(({ code, line, column, message }) => `${code} ${line}:${column} ${message}`);
}

test.each([
  ["'emial' in pii.types", "C014 1:30 pii.types never has 'emial'; did you mean 'email'?"],
  ["pii.types.exists(t, t == 'mail')", "C014 1:55 pii.types never has 'mail'; did you mean 'email'?"],
  ["secrets.types.exists(t, t in ['openai_key', 'nothing_of_this_kind'])", "C014"],
])("a type that its detector does not know is never there: %s", async (when, said) => {
  const [problem, ...more] = await problems({ "org/a.policy.yaml": `rules: [{ then: deny, when: "${when}" }]` });
  expect(more).toEqual([]);
  expect(problem).toStartWith(said);
});

test("a fact that nothing finds out is refused where it is read", async () => {
  const rules = "rules:\n  - then: deny\n    when: request.stream && pii.count > 1";
  expect(await problems({ "org/a.policy.yaml": rules }, false)).toEqual([
    "C078 3:11 nothing finds out 'pii.count': no policy type provides it",
  ]);
});

test("what the manifest says of facts has to fit the policy types", async () => {
  const files = { "org/a.policy.yaml": "rules: [{ then: deny, when: request.stream }]" };
  const refused = (facts: string) => problems({ ...files, "sluice.yaml": `facts: ${facts}` });
  expect(await refused("{ pii: { timeout_ms: 50, with: { types: [email] } } }")).toEqual([]);
  expect(await refused("{ pi: {} }")).toEqual(["C078 1:10 there is no policy type 'pi'; did you mean 'pii'?"]);
  expect(await refused("{ budget: {} }")).toEqual(["C078 1:10 the policy type 'budget' finds no facts out"]);
  expect((await refused("{ pii: { with: { types: [mail] } } }"))[0]).toContain("is refused");
});
