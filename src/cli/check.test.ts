import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { wordless } from "../core/coverage.ts";
import { surfaces } from "../core/phases.ts";
import { testFolder } from "../policy/testing.ts";
import { modelNames } from "../upstream/catalogue.ts";
import { type CheckArgs, runCheck } from "./check.ts";
import { sluice } from "./testing.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const broken = 'rules:\n  - when: request.modl == "a"\n    then: deny\n';

async function check(files: Readonly<Record<string, string>>, args: Partial<CheckArgs> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "sluice-check-"));
  const lines: string[] = [];
  try {
    for (const [path, text] of Object.entries(files)) await Bun.write(join(folder, "policies", path), text);
    const code = await runCheck({
      policiesDir: join(folder, "policies"),
      pluginsDir: join(root, "plugins"),
      format: "text",
      print: (line) => void lines.push(line),
      ...args,
    });
    return { code, output: lines.join("\n") };
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("sluice check", () => {
  test("says how many policies are in order and exits 0", async () => {
    expect(await check({ "org/a.policy.yaml": "rules: [{ then: warn }]\n" })).toEqual({
      code: 0,
      output: "1 policy, 0 problems",
    });
  });

  test("shows problems with their lines and exits 3", async () => {
    expect(await check({ "org/a.policy.yaml": broken, "org/b.policy.yaml": "rules: [{ then: warn }]\n" })).toEqual({
      code: 3,
      output: [
        "policies/org/a.policy.yaml:2:11  C002  unknown name 'request.modl'; did you mean 'request.model'?",
        '    2 |   - when: request.modl == "a"',
        "      |           ^^^^^^^^^^^^",
        "2 policies, 1 problem",
      ].join("\n"),
    });
  });

  test("checks the types of TypeScript policies and of what they import, and exits 3", async () => {
    const files = {
      "org/a.policy.ts": [
        'import { definePolicy } from "../../src/sdk";',
        'import { most } from "./most.ts";',
        "export default definePolicy({",
        '  description: "Few messages.",',
        '  reads: ["request.message_count"],',
        "  request: ({ request }) =>",
        '    request.message_cuont > most ? { decision: "deny", code: "many", message: "too many" } : null,',
        "});",
      ].join("\n"),
      "org/most.ts": 'export const most: number = "5";\n',
    };
    const { code, output } = await check(files);
    expect(code).toBe(3);
    expect(output.split("\n").filter((line) => line.startsWith("policies/"))).toEqual([
      "policies/org/a.policy.ts:7:13  C059  Property 'message_cuont' does not exist on type '{ readonly message_count: number; }'. Did you mean 'message_count'? (TS2551)",
      "policies/org/most.ts:1:14  C059  Type 'string' is not assignable to type 'number'. (TS2322)",
    ]);
    expect(output).toMatch(/types checked in \d+\.\d s\n1 policy, 2 problems$/);
  });

  test("of code that is no TypeScript says only that", async () => {
    const { output } = await check({ "org/a.policy.ts": "export default {" }, { format: "json" });
    const { problems } = JSON.parse(output) as { problems: { code: string }[] };
    expect(problems.map(({ code }) => code)).toEqual(["C055"]);
  });

  test("writes JSON for programs", async () => {
    const { code, output } = await check({ "org/a.policy.yaml": broken }, { format: "json" });
    expect(code).toBe(3);
    expect(JSON.parse(output)).toMatchObject({
      valid: false,
      policies: 1,
      problems: [{ code: "C002", file: "policies/org/a.policy.yaml", line: 2, column: 11, length: 12 }],
    });
  });

  test("writes annotations for pull requests", async () => {
    const { output } = await check({ "org/a.policy.yaml": broken }, { format: "github" });
    expect(output.split("\n")).toEqual([
      "::error file=policies/org/a.policy.yaml,line=2,col=11,endColumn=23,title=C002::unknown name 'request.modl'; did you mean 'request.model'?",
      "1 policy, 1 problem",
    ]);
  });

  test("says which plugins could not be loaded", async () => {
    const { code, output } = await check({}, { pluginsDir: join(root, "plugins-missing") });
    expect(code).toBe(3);
    expect(output).toContain("plugins could not be looked for: there is no such folder");
  });

  test("accepts what ships, to the letter", async () => {
    const deployment = { headers: [], models: modelNames({ models: new Map() }) };
    const args = { policiesDir: join(root, "policies"), deployment, strict: true, requireTests: true };
    const { code, output } = await check({}, args);
    expect(output).toMatch(/^types checked in .* s\n\d+ policies, 0 problems$/);
    expect(code).toBe(0);
  });
});

describe("warnings", () => {
  const odd = {
    "org/a.policy.yaml": "params:\n  cap: { type: int, default: 5 }\nrules: [{ when: request.stream, then: deny }]\n",
  };
  const line =
    "policies/org/a.policy.yaml:2:3  C073  warning: the param 'cap' is not used; read it as params.cap, or take it away";

  test("are told, and are no problem", async () => {
    const { code, output } = await check(odd);
    expect(code).toBe(0);
    expect(output.split("\n")).toEqual([
      line,
      "    2 |   cap: { type: int, default: 5 }",
      "      |   ^^^",
      "1 policy, 0 problems, 1 warning",
    ]);
  });

  test("are as bad as problems when that is asked for", async () => {
    expect((await check(odd, { strict: true })).code).toBe(3);
    expect((await check({ "org/a.policy.yaml": "rules: [{ then: warn }]\n" }, { strict: true })).code).toBe(0);
  });

  test("stand by themselves in JSON, and have annotations of their own", async () => {
    const json = JSON.parse((await check(odd, { format: "json" })).output);
    expect(json).toMatchObject({
      valid: true,
      problems: [],
      warnings: [{ code: "C073", line: 2, column: 3, severity: "warning" }],
    });
    const { output } = await check(odd, { format: "github" });
    expect(output).toStartWith("::warning file=policies/org/a.policy.yaml,line=2,col=3,endColumn=6,title=C073::");
  });
});

describe("rules without a test", () => {
  const files = {
    "org/a.policy.yaml":
      "rules:\n  - { id: large, when: request.bytes > 5, then: deny }\n  - { id: many, when: request.message_count > 5, then: deny }\n",
    "org/a.test.yaml":
      "policies: [org/a]\ncases:\n  - { name: large, input: { request: { bytes: 6 } }, expect: { decision: deny } }\n",
    "org/b.cel": "//! deny: late\nclock.hour < 22\n",
    "org/c.policy.yaml": "uses: request_size\nwith: { max_request_bytes: 5 }\n",
    "org/c.test.yaml":
      "policies: [org/c]\ncases:\n  - { name: small, input: { request: { bytes: 5 } }, expect: { decision: allow } }\n",
  };

  test("are found when that is asked for", async () => {
    expect((await check(files)).code).toBe(0);
    const { code, output } = await check(files, { requireTests: true });
    expect(code).toBe(3);
    expect(output.split("\n").filter((one) => one.startsWith("policies/"))).toEqual([
      "policies/org/a.policy.yaml:3:5  C074  no test makes 'many' fire; add a case in which it does",
      "policies/org/b.cel:1:1  C074  no test names the policy 'org/b'; write b.test.yaml beside it",
      "policies/org/c.policy.yaml:1:1  C074  no test makes 'request_size' fire; add a case in which it does",
    ]);
  });

  test("include those of the library, and test files that are wrong are told instead", async () => {
    const library = { "library/l.policy.yaml": "rules: [{ id: x, when: request.stream, then: warn }]\n" };
    const { output } = await check(
      { ...library, "org/a.policy.yaml": "rules: [{ then: warn }]\n" },
      { requireTests: true },
    );
    expect(output).toContain(
      "policies/library/l.policy.yaml:1:1  C074  no test names the policy 'library/l'; write l.test.yaml beside it",
    );
    const wrong = { ...files, "org/a.test.yaml": files["org/a.test.yaml"].replace("org/a]", "org/z]") };
    expect((await check(wrong, { requireTests: true })).output).toContain("policies/org/a.test.yaml:1:12  C090");
  });
});

describe("the coverage matrix", () => {
  const worded = surfaces.filter((surface) => !wordless.has(surface));
  const files = {
    "org/a.policy.yaml": "rules: [{ when: request.stream, then: deny }]\n",
    "org/answers.policy.yaml":
      "scope: { surfaces: [chat] }\nphase: response\nmode: warn\nrules: [{ when: response.bytes > 5, then: deny }]\n",
    "org/late.policy.yaml": "phase: usage\nrules: [{ when: usage.total_tokens > 5, then: warn }]\n",
  };

  test("is a table: what becomes of each policy, whole and streamed, and on which surfaces", async () => {
    const { code, output } = await check(files, { coverageMatrix: true });
    expect(code).toBe(0);
    expect(output.split("\n")).toEqual([
      "policy       mode     whole     streamed   surfaces",
      `org/a        enforce  enforced  enforced   ${worded.join(", ")}`,
      `org/a        enforce  enforced  not asked  ${[...wordless].join(", ")}`,
      "org/answers  warn     enforced  held back  chat",
      `org/late     enforce  recorded  recorded   ${worded.join(", ")}`,
      `org/late     enforce  recorded  not asked  ${[...wordless].join(", ")}`,
      "3 policies, 0 problems",
    ]);
  });

  test("is part of the JSON, and is not there when nobody asks", async () => {
    const json = async (args: Partial<CheckArgs>) =>
      JSON.parse((await check(files, { format: "json", ...args })).output);
    expect((await json({ coverageMatrix: true })).coverage[1]).toMatchObject({
      policy: "org/answers",
      cells: [
        { surface: "chat", stream: false, state: "enforced" },
        { surface: "chat", stream: true, state: "held_back" },
        ...Array.from({ length: 2 * surfaces.length - 2 }, () => ({ state: "out_of_scope" })),
      ],
    });
    expect((await json({})).coverage).toBeUndefined();
  });
});

test("headers and models are those of the configuration", async () => {
  await using folder = await testFolder({
    "org/a.policy.yaml":
      "scope: { models: [in-house-*] }\nrules: [{ when: '\"x-plan\" in request.headers && request.bytes > 5', then: warn }]\n",
  });
  const config = join(folder.dir, "..", "sluice.config.yaml");
  const run = (...args: string[]) => sluice(["check", `--policies-dir=${folder.dir}`, ...args], { HOME: folder.dir });
  const plain = await run();
  expect([plain.code, plain.out]).toEqual([3, expect.stringContaining("C068  the header 'x-plan' is none")]);
  const named = await run("--policy-headers=x-plan");
  expect([named.code, named.out]).toEqual([0, expect.stringContaining("C072  warning: 'in-house-*' fits no model")]);
  await Bun.write(
    config,
    "policy_headers: [x-plan]\nmodels: { in-house-large: { targets: [{ provider: echo, model: echo }] } }\n",
  );
  const configured = await run(`--config=${config}`, "--strict");
  expect([configured.code, configured.out]).toEqual([0, "1 policy, 0 problems\n"]);
});
