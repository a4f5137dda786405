import { describe, expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import { loadPolicies } from "./load.ts";
import { testFolder, testOptions } from "./testing.ts";

const cap = `description: Caps the body.
mode: warn
scope: { env: [prod], models: ['gpt-*'] }
match: ['request.stream == false']
params:
  most: { type: int, default: 5, min: 1, max: 100 }
  word: { type: string, default: a }
rules:
  - { id: over, when: request.bytes > params.most, then: deny, message: "more than {params.most}" }
`;

async function load(files: Readonly<Record<string, string>>) {
  await using folder = await testFolder({ "library/cap.policy.yaml": cap, ...files });
  const result = await loadPolicies(testOptions(folder.dir));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

function messages(policies: Parameters<typeof evaluate>[0], bytes: number, stream = false): string[] {
  const facts = emptyFacts();
  Object.assign(facts.request, { bytes, stream });
  return evaluate(policies, "request", facts).findings.map(({ policy, message }) => `${policy}: ${message}`);
}

describe("a library policy", () => {
  test("is put to work in one line, under the id of the file that uses it", async () => {
    const { snapshot, sources } = await load({ "org/body.policy.yaml": "uses: library/cap" });
    expect(snapshot.policies).toMatchObject([
      {
        id: "org/body",
        uses: "library/cap",
        description: "Caps the body.",
        mode: "warn",
        scope: { env: ["prod"], models: ["gpt-*"] },
        rules: [{ id: "over" }],
      },
    ]);
    expect(messages(snapshot.policies, 6)).toEqual(["org/body: more than 5"]);
    expect(sources.get("org/body")?.path).toBe("org/body.policy.yaml");
  });

  test("takes its params from 'with', each use its own", async () => {
    const { snapshot } = await load({
      "org/a.policy.yaml": "uses: library/cap\nwith: { most: 7 }",
      "org/b.policy.yaml": "uses: library/cap\nwith: { most: 9 }",
    });
    expect(messages(snapshot.policies, 8)).toEqual(["org/a: more than 7"]);
    expect(messages(snapshot.policies, 10)).toEqual(["org/a: more than 7", "org/b: more than 9"]);
  });

  test("keeps what the using file leaves out, and its gates beside those of the file", async () => {
    const { snapshot } = await load({
      "teams/red/a.policy.yaml":
        "uses: library/cap\nmode: enforce\ndescription: Ours.\nscope: { env: [dev] }\nmatch: [request.bytes < 50]",
    });
    expect(snapshot.policies).toMatchObject([
      { mode: "enforce", description: "Ours.", scope: { env: ["dev"], models: ["gpt-*"], teams: ["red"] } },
    ]);
    expect(messages(snapshot.policies, 6)).toEqual(["teams/red/a: more than 5"]);
    expect(messages(snapshot.policies, 60)).toEqual([]);
    expect(messages(snapshot.policies, 6, true)).toEqual([]);
  });

  test("may use a policy type, whose config the using file lays over", async () => {
    const { snapshot } = await load({
      "library/type.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 5 }",
      "org/a.policy.yaml": "uses: library/type",
      "org/b.policy.yaml": "uses: library/type\nwith: { max_request_bytes: 7 }",
    });
    expect(messages(snapshot.policies, 6).map((message) => message.split(":")[0])).toEqual(["org/a"]);
    expect(messages(snapshot.policies, 8).map((message) => message.split(":")[0])).toEqual(["org/a", "org/b"]);
  });

  test("may be a .cel file, in a folder of the library", async () => {
    const { snapshot } = await load({
      "library/size/cap.cel":
        '//! deny: over 413 "over {params.most}"\n//! params: { most: { type: int, default: 5 } }\nrequest.bytes <= params.most\n',
      "org/a.policy.yaml": "uses: library/size/cap\nwith: { most: 6 }",
    });
    expect(messages(snapshot.policies, 7)).toEqual(["org/a: over 6"]);
    expect(messages(snapshot.policies, 6)).toEqual([]);
  });

  test("does nothing by itself", async () => {
    const files = { "org/a.policy.yaml": "rules: [{ when: request.stream, then: warn }]" };
    expect((await load(files)).snapshot.policies.map(({ id }) => id)).toEqual(["org/a"]);
  });

  test("that has changed is another revision of what uses it", async () => {
    const revision = async (text: string) =>
      (await load({ "library/cap.policy.yaml": text, "org/a.policy.yaml": "uses: library/cap" })).snapshot.revision;
    expect(await revision(cap)).not.toBe(await revision(cap.replace("default: 5", "default: 6")));
  });
});
