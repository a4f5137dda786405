import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testFolder } from "../policy/testing.ts";
import { sluice } from "./testing.ts";

let dir = "";
const policies = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "sluice-settings-"));
  // As many policies as its place in the order of precedence.
  for (const [count, name] of ["file", "variable", "flag"].entries()) {
    for (let i = 0; i <= count; i += 1) {
      await Bun.write(join(policies(name), `org/p${i}.policy.yaml`), "rules: [{ then: warn }]\n");
    }
  }
  await Bun.write(join(dir, "sluice.config.yaml"), "policies_dir: ./file\n");
});
afterAll(() => rm(dir, { recursive: true }));

describe("sluice check takes its settings from where a start takes them:", () => {
  const config = () => ["--config", join(dir, "sluice.config.yaml")];
  const variable = () => ({ SLUICE_POLICIES_DIR: policies("variable") });

  test("the configuration file", async () => {
    expect(await sluice(["check", ...config()])).toEqual({ code: 0, out: "1 policy, 0 problems\n", err: "" });
  });

  test("before it the environment", async () => {
    const { out } = await sluice(["check", ...config()], variable());
    expect(out).toBe("2 policies, 0 problems\n");
  });

  test("before that the flags", async () => {
    const { out } = await sluice(["check", ...config(), "--policies-dir", policies("flag")], variable());
    expect(out).toBe("3 policies, 0 problems\n");
  });

  test("a folder may be empty only when that is allowed", async () => {
    await using empty = await testFolder();
    const args = ["check", "--policies-dir", empty.dir];
    expect((await sluice(args)).code).toBe(3);
    expect((await sluice([...args, "--allow-empty"])).code).toBe(0);
    expect((await sluice(args, { SLUICE_ALLOW_EMPTY: "true" })).code).toBe(0);
    expect((await sluice([...args, "--no-allow-empty"], { SLUICE_ALLOW_EMPTY: "true" })).code).toBe(3);
  });
});

describe("a configuration with a problem is refused, exit 2:", () => {
  test.each([
    ["a file that is not there", ["check", "--config", "nope.yaml"], {}, "'nope.yaml' cannot be read: ENOENT"],
    ["an unknown flag", ["check", "--polcies-dir", "x"], {}, "Did you mean --policies-dir?"],
    ["a flag without a value", ["check", "--policies-dir="], {}, "--policies-dir  needs a value"],
    ["an unknown variable", ["check"], { SLUICE_POLICES_DIR: "x" }, "did you mean 'SLUICE_POLICIES_DIR'?"],
    ["the same for another verb", ["new", "plugin", "a"], { SLUICE_PORT: "many" }, "SLUICE_PORT  must be"],
  ])("%s", async (_, args, env: Record<string, string>, message) => {
    const { code, out, err } = await sluice(args, env);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });
});

describe("help", () => {
  test.each([[["--help"]], [["start", "--help"]], [["check", "--help"]], [["keys", "mint", "--help"]]])(
    "asked for with %p is printed, exit 0",
    async (args) => {
      const { code, out, err } = await sluice(args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toStartWith("Usage: sluice");
    },
  );

  test("of start names every setting", async () => {
    const { out } = await sluice(["start", "--help"]);
    for (const flag of ["--port", "--policies-dir", "--openai-api-key"]) expect(out).toContain(`  ${flag} `);
  });

  test.each([[[]], [["keys"]], [["new"]]])(
    "is what %p without a verb gets, on standard error, exit 2",
    async (args) => {
      const { code, out, err } = await sluice(args);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toStartWith("Usage: sluice");
    },
  );
});
