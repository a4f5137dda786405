import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { emptyFacts } from "../core/facts.ts";
import { instantiate } from "../registry/instantiate.ts";
import { discoverPlugins } from "../registry/registry.ts";
import { newPlugin, register } from "./new.ts";

const noCel = () => {
  throw new Error("not asked for");
};

describe("sluice new plugin", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "sluice-plugins-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function run(command: string[]) {
    const child = Bun.spawn(command, { cwd: join(import.meta.dir, "../.."), stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, text: out + err };
  }

  test("writes a folder whose own test passes", async () => {
    await newPlugin("hello_world", dir);
    expect(await readdir(dir)).toEqual(["hello_world"]);
    const { code, text } = await run([process.execPath, "test", join(dir, "hello_world", "plugin.test.ts")]);
    expect(text).toContain("0 fail");
    expect(code).toBe(0);
  });

  test.each(["a", "a_name_that_is_about_as_long_as_anybody_would_make_one"])(
    "what it writes for %p is formatted, so that the project's own check stays green",
    async (name) => {
      await newPlugin(name, dir);
      await run(["cp", "biome.json", dir]);
      const { text, code } = await run([
        ...["node_modules/.bin/biome", "check", "--error-on-warnings", "--vcs-enabled=false"],
        ...["--config-path", dir, join(dir, name)],
      ]);
      expect(text).toContain("Checked 3 files");
      expect(code).toBe(0);
    },
  );

  test("the new plugin is found, checked and works, and no other file was touched", async () => {
    await newPlugin("hello", dir);
    const registry = await discoverPlugins(dir);
    expect(registry.names()).toEqual(["hello"]);
    const { evaluate } = instantiate(registry.get("hello")!, { max_messages: 1 }, noCel);
    const facts = emptyFacts();
    facts.request.message_count = 2;
    expect(evaluate.request!(facts)).toMatchObject([{ rule: "tooMany", effect: "deny", code: "hello_too_many" }]);
  });

  test.each([
    ["Hello", "'name' is 'Hello'; expected snake_case, such as 'hello'"],
    ["hello-world", "'name' is 'hello-world'; expected snake_case, such as 'hello_world'"],
    ["../escape", "'name' is '../escape'; expected snake_case, such as 'escape'"],
    ["rules", "the name 'rules' is reserved; reserved: rules, library, cel, typescript"],
  ])("refuses the name %p", async (name, message) => {
    await expect(newPlugin(name, dir)).rejects.toThrow(message);
    expect(await readdir(dir)).toEqual([]);
  });

  test("never writes over what is there", async () => {
    await newPlugin("hello", dir);
    await expect(newPlugin("hello", dir)).rejects.toThrow("already there");
  });

  test("is a verb of the command line, and a bad name is a usage error", async () => {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
    register(program);
    program.commands[0]!.exitOverride()
      .commands[0]!.exitOverride()
      .configureOutput({ writeErr: () => {} });
    const bad = ["new", "plugin", "No Good", "--plugins-dir", dir];
    await expect(program.parseAsync(bad, { from: "user" })).rejects.toThrow("snake_case");
    await program.parseAsync(["new", "plugin", "from_cli", "--plugins-dir", dir], { from: "user" });
    expect(await readdir(join(dir, "from_cli"))).toHaveLength(3);
  });
});
