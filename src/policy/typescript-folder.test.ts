import { expect, test } from "bun:test";
import { evaluate } from "../core/engine.ts";
import { emptyFacts } from "../core/facts.ts";
import { loadPolicies } from "./load.ts";
import { createPolicyService } from "./service.ts";
import { testFolder, testOptions } from "./testing.ts";

const importing = (from: string) => `import { definePolicy } from "sluice/sdk";
import { code } from "${from}";
export default definePolicy({ description: "d", request: () => ({ decision: "deny", code, message: "m" }) });
`;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

test("a change in a file that a policy imports is a new revision, enforced at once", async () => {
  await using folder = await testFolder({
    "org/a.policy.ts": importing("../lib/codes.ts"),
    "lib/codes.ts": `export * from "./deep.ts";`,
    "lib/deep.ts": `export const code = "first";`,
  });
  const reloaded: string[] = [];
  const service = await createPolicyService({
    ...testOptions(folder.dir),
    logger: silent,
    watch: false,
    onReload: ({ result }) => reloaded.push(result),
  });
  const code = () => evaluate(service.live.current.policies, "request", emptyFacts()).findings[0]?.code;
  try {
    expect(code()).toBe("first");
    const { revision } = service.status();
    await folder.write("lib/deep.ts", `export const code = "second";`);
    await service.reload();
    expect(code()).toBe("second");
    expect(service.status().revision).not.toBe(revision);

    await folder.write("lib/deep.ts", `export const code = ;`);
    await service.reload();
    expect(code()).toBe("second");
    expect(service.status()).toMatchObject({
      state: "degraded",
      problems: [{ code: "C055", file: "policies/lib/deep.ts", line: 1, column: 21 }],
    });

    await folder.write("lib/deep.ts", `export const code = "first";`);
    await service.reload();
    expect(service.status()).toMatchObject({ state: "ready", revision });
    expect(reloaded).toEqual(["loaded", "loaded", "refused", "loaded"]);
  } finally {
    await service.close();
  }
});

test("a mistake in a file that two policies import is reported once", async () => {
  await using folder = await testFolder({
    "org/a.policy.ts": importing("./codes.ts"),
    "org/b.policy.ts": importing("./codes.ts"),
    "org/codes.ts": "export const = 1;",
  });
  const result = await loadPolicies(testOptions(folder.dir));
  expect(result.ok ? [] : result.problems.map(({ file, code }) => `${file} ${code}`)).toEqual([
    "policies/org/codes.ts C055",
  ]);
});
