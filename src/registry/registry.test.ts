import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, t } from "../sdk/index.ts";
import { createRegistry, discoverPlugins, PluginErrors } from "./registry.ts";

const shipped = join(import.meta.dir, "../../plugins");

/** A plugin with nothing wrong with it. */
const sound = {
  name: "sample",
  summary: "Refuses nothing.",
  onError: "deny",
  phases: ["request"],
  config: t.Object({ max: t.Integer({ description: "A number." }) }),
  reads: ["request.bytes"],
  reasons: { tooMuch: { message: "{bytes} are too much." } },
  examples: [{ max: 1 }],
  create: () => ({ request: () => null }),
};

/** The problems of one plugin that is like the sound one but for some fields. */
function problemsOf(changes: Record<string, unknown>, folder = "sample"): string[] {
  try {
    createRegistry([{ file: "p.ts", folder, exported: Object.freeze({ ...sound, ...changes }) }]);
    return [];
  } catch (error) {
    if (!(error instanceof PluginErrors)) throw error;
    return error.problems.map(({ message }) => message);
  }
}

describe("the check of a plugin", () => {
  test("accepts a sound one", () => {
    expect(problemsOf({})).toEqual([]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ["a missing field", { onError: undefined }, "'onError' is missing"],
    ["a misspelt field", { sumary: "x" }, "unknown field 'sumary'; did you mean 'summary'?"],
    [
      "a name that is not its folder's",
      { name: "other" },
      "'name' is 'other' and the folder is 'sample'; they must be the same",
    ],
    ["a name in camelCase", { name: "samPle" }, "'name' is 'samPle'; expected snake_case, such as 'sam_ple'"],
    ["an empty summary", { summary: " " }, "'summary' must be one sentence"],
    ["an unknown onError", { onError: "open" }, "'onError' is 'open'; known: deny, warn, allow"],
    ["an unknown phase", { phases: ["requst"] }, "'phases' has 'requst'; did you mean 'request'?"],
    ["no phase", { phases: [] }, "'phases' is empty; known: request, stream, response, usage"],
    ["a phase twice", { phases: ["request", "request"] }, "'phases' has 'request' twice"],
    [
      "an unknown fact",
      { reads: ["request.byte"] },
      "'reads': 'request.byte' is not a fact; did you mean 'request.bytes'?",
    ],
    [
      "a fact of a later phase",
      { reads: ["usage.total_tokens"] },
      "'reads' has 'usage.total_tokens', which exists only in the phases response, usage",
    ],
    [
      "a config that is no object schema",
      { config: t.String() },
      "'config' must be an object schema: `t.Object({ … })`",
    ],
    ["a config that is no schema", { config: { max: 1 } }, "'config' must be an object schema: `t.Object({ … })`"],
    ["a reason without a message", { reasons: { tooMuch: {} } }, "the reason 'tooMuch' has no message"],
    [
      "a reason in snake_case",
      { reasons: { too_much: { message: "x" } } },
      "the reason 'too_much' must be in camelCase",
    ],
    [
      "a misspelt reason field",
      { reasons: { tooMuch: { message: "x", stauts: 413 } } },
      "the reason 'tooMuch' has an unknown field 'stauts'; did you mean 'status'?",
    ],
    [
      "a status that is no refusal",
      { reasons: { tooMuch: { message: "x", status: 200 } } },
      "the reason 'tooMuch' has the status 200; expected 400 to 599",
    ],
    [
      "a stray brace",
      { reasons: { tooMuch: { message: "{bytes are" } } },
      "the reason 'tooMuch' has a message with a stray brace: '{bytes are'; placeholders look like {name}",
    ],
    [
      "an example that the schema refuses",
      { examples: [{ max: "1" }] },
      "example 1 at max: expected an integer, got '1'",
    ],
    [
      "a misspelt hook",
      { create: () => ({ reqest: () => null }) },
      "example 1: create gave back an unknown hook 'reqest'; did you mean 'request'?",
    ],
    [
      "a hook outside its phases",
      { create: () => ({ request: () => null, usage: () => null }) },
      "example 1: the hook 'usage' is not among the plugin's phases: request",
    ],
    [
      "an instance that does nothing",
      { create: () => ({}) },
      "example 1: create gave back no handler and no limits, so the policy would do nothing",
    ],
    [
      "a create that gives nothing back",
      { create: () => null },
      "example 1: create must give back an object with handlers",
    ],
  ])("refuses %s", (_what, changes, problem) => {
    expect(problemsOf(changes)).toContain(problem);
  });

  test.each(["rules", "library"])("refuses the reserved name %s", (name) => {
    expect(problemsOf({ name }, name)[0]).toStartWith(`the name '${name}' is reserved`);
  });

  test("refuses what is no plugin, and one not made by definePlugin", () => {
    const register = (exported: unknown) => createRegistry([{ file: "p.ts", folder: "sample", exported }]);
    expect(() => register(undefined)).toThrow("p.ts: the default export is not a plugin");
    expect(() => register({ ...sound })).toThrow("p.ts: it was not made by definePlugin");
  });

  test("reports everything that is wrong with everything, each with its file", () => {
    const bad = Object.freeze({ ...sound, onError: "open", phases: ["x"] });
    const found = ["a.ts", "b.ts"].map((file) => ({ file, folder: "sample", exported: bad }));
    expect(() => createRegistry(found)).toThrow(PluginErrors);
    try {
      createRegistry(found);
    } catch (error) {
      expect((error as Error).message.split("\n").map((line) => line.slice(0, 15))).toEqual([
        "a.ts: 'onError'",
        "a.ts: 'phases' ",
        "b.ts: 'onError'",
        "b.ts: 'phases' ",
      ]);
    }
  });

  test("refuses two plugins of one name, naming both files", () => {
    const plugin = Object.freeze({ ...sound });
    const found = ["a.ts", "b.ts"].map((file) => ({ file, folder: "sample", exported: plugin }));
    expect(() => createRegistry(found)).toThrow("b.ts: the name 'sample' is already taken by a.ts");
  });
});

describe("discovery", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "sluice-registry-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test("finds the shipped plugins and nothing else", async () => {
    const registry = await discoverPlugins(shipped);
    expect(registry.names()).toEqual([...registry.names()].sort());
    expect(registry.names()).toEqual(
      expect.arrayContaining([
        "custom_cel",
        "message_limits",
        "model_allowlist",
        "rate_limit",
        "request_size",
        "token_limit",
      ]),
    );
    expect(registry.list().map(({ name }) => name)).toEqual([...registry.names()]);
    expect(registry.get("request_size")!.summary).toBe("Refuses request bodies above a number of bytes.");
    expect(registry.get("requestsize")).toBeUndefined();
  });

  test("passes over folders without plugin.ts, hidden ones and files", async () => {
    const plain = join(dir, "plain");
    await mkdir(join(plain, "not_a_plugin"), { recursive: true });
    await mkdir(join(plain, ".hidden"));
    await Bun.write(join(plain, ".hidden", "plugin.ts"), "export default 1;");
    await Bun.write(join(plain, "README.md"), "plugins");
    expect((await discoverPlugins(plain)).names()).toEqual([]);
  });

  test("a file that cannot be loaded is reported beside the others' problems", async () => {
    const broken = join(dir, "broken");
    await Bun.write(join(broken, "throws", "plugin.ts"), 'throw new Error("no luck");');
    await Bun.write(join(broken, "number", "plugin.ts"), "export default 7;");
    const error = await discoverPlugins(broken).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PluginErrors);
    expect((error as PluginErrors).problems).toEqual([
      { file: join(broken, "throws", "plugin.ts"), message: "it could not be loaded: no luck" },
      {
        file: join(broken, "number", "plugin.ts"),
        message: "the default export is not a plugin; write `export default definePlugin({ … })`",
      },
    ]);
  });

  test("a folder that is not there is an error that names it", async () => {
    await expect(discoverPlugins(join(dir, "absent"))).rejects.toThrow("there is no such folder");
  });

  test("two registries know nothing of each other", async () => {
    const empty = join(dir, "empty");
    await mkdir(empty);
    expect((await discoverPlugins(empty)).names()).toEqual([]);
    expect((await discoverPlugins(shipped)).names().length).toBeGreaterThan(0);
  });
});

describe("the listing", () => {
  test("is JSON, with the schema closed to unknown keys and defaults not required", async () => {
    const registry = await discoverPlugins(shipped);
    const types = registry.describe();
    expect(JSON.parse(JSON.stringify(types))).toEqual(types);
    const rate = types.find(({ name }) => name === "rate_limit")!;
    expect(rate.config).toMatchObject({ type: "object", additionalProperties: false, required: [] });
    expect(rate.reasons.spent).toMatchObject({ code: "rate_limit_exceeded", status: 429 });
  });

  test("derives a reason's code from its id, and 403 where no status is given", () => {
    const plugin = definePlugin({ ...sound, onError: "deny", phases: ["request"], reads: ["request.bytes"] });
    const registry = createRegistry([{ file: "p.ts", folder: "sample", exported: plugin }]);
    expect(registry.describe()[0]!.reasons).toEqual({
      tooMuch: { code: "too_much", status: 403, message: "{bytes} are too much." },
    });
  });
});
