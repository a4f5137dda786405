import { mkdir, readdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError } from "commander";
import { checkName } from "../registry/check.ts";
import { readmeTemplate, sourceTemplate, testTemplate } from "./new-plugin-templates.ts";
import { addSettings, readSettings } from "./settings.ts";

const sdk = fileURLToPath(new URL("../sdk", import.meta.url));

/** Adds `sluice new plugin <name>`. */
export function register(program: Command): void {
  const plugin = program
    .command("new")
    .description("Write a new plugin, with a test and a README, to start from.")
    .command("plugin")
    .description("Write plugins/<name> with plugin.ts, plugin.test.ts and README.md.")
    .argument("<name>", "the policy type, in snake_case", (name: string) => {
      const [problem] = checkName(name, name);
      if (problem !== undefined) throw new InvalidArgumentError(problem);
      return name;
    });
  addSettings(plugin, "plugins_dir").action(async (name: string) => {
    const { plugins_dir } = readSettings(plugin).values;
    const below = relative(process.cwd(), plugins_dir);
    const dir = below.startsWith("..") ? plugins_dir : below;
    const files = await newPlugin(name, dir).catch((error: Error) =>
      plugin.error(`error: ${error.message}`, { exitCode: 2 }),
    );
    console.log(files.map((file) => `wrote ${file}`).join("\n"));
    console.log(`\nTry it: npx bun test ${join(dir, name)}\nUse it: uses: ${name}, after a restart of the gateway`);
  });
}

/**
 * Writes a plugin that works as it stands: code, test and README in `<dir>/<name>`. No other file is touched.
 *
 * @param dir folder of the plugins; where it lies decides how the plugin's files reach the SDK
 * @returns the files written
 * @throws Error when the name is not fit for a plugin or the folder exists and is not empty
 */
export async function newPlugin(name: string, dir: string): Promise<string[]> {
  const [problem] = checkName(name, name);
  if (problem !== undefined) throw new Error(problem);
  const folder = join(dir, name);
  const present = await readdir(folder).catch(() => []);
  if (present.length > 0) throw new Error(`${folder} is already there and not empty`);
  await mkdir(folder, { recursive: true });

  const fromHere = relative(resolve(folder), sdk).replaceAll("\\", "/");
  const files = {
    "plugin.ts": sourceTemplate(name, `${fromHere}/index.ts`),
    "plugin.test.ts": testTemplate(name, `${fromHere}/testing.ts`),
    "README.md": readmeTemplate(name),
  };
  for (const [file, text] of Object.entries(files)) await Bun.write(join(folder, file), text);
  return Object.keys(files).map((file) => join(folder, file));
}
