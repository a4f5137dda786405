import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CheckArgs, runCheck } from "./check.ts";

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

  test("accepts what ships", async () => {
    const { code } = await check({}, { policiesDir: join(root, "policies") });
    expect(code).toBe(0);
  });
});
