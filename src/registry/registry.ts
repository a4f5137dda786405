import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { PolicyType } from "../core/policy-directory.ts";
import { closeObjects } from "../sdk/config.ts";
import { type Plugin, reasonCode } from "../sdk/plugin.ts";
import { checkPlugin } from "./check.ts";
import { pluginReference } from "./reference.ts";

/** The policy types that policies can use. Immutable. */
export interface Registry {
  /** The plugin of that name. */
  get(name: string): Plugin | undefined;
  /** All names, sorted. */
  names(): readonly string[];
  /** All plugins, sorted by name. */
  list(): readonly Plugin[];
  /** What GET /admin/v1/policy-types answers. */
  describe(): readonly PolicyType[];
}

/** A plugin that was found, and where. */
export interface FoundPlugin {
  /** The file as errors name it. */
  readonly file: string;
  /** The name its folder gives it. */
  readonly folder: string;
  readonly exported: unknown;
}

/** Plugins that are refused, with everything that is wrong with them: one line each, `file: problem`. */
export class PluginErrors extends Error {
  readonly problems: readonly { readonly file: string; readonly message: string }[];

  constructor(problems: readonly { readonly file: string; readonly message: string }[]) {
    super(problems.map(({ file, message }) => `${file}: ${message}`).join("\n"));
    this.name = "PluginErrors";
    this.problems = problems;
  }
}

/**
 * Finds, loads and checks the plugins of a folder: the default export of each `<dir>/<name>/plugin.ts`.
 *
 * Nothing but the folder's content decides what is found; a folder without a `plugin.ts` is passed over. An empty
 * folder gives an empty registry.
 *
 * @param dir absolute, or relative to the working directory; need not be inside the project
 * @throws PluginErrors with every problem of every plugin; an absent `dir` is one
 */
export async function discoverPlugins(dir: string): Promise<Registry> {
  const found: FoundPlugin[] = [];
  const problems: { file: string; message: string }[] = [];
  for (const folder of await foldersOf(dir)) {
    const file = join(dir, folder, "plugin.ts");
    if (!(await Bun.file(file).exists())) continue;
    try {
      const module: { default?: unknown } = await import(pathToFileURL(resolve(file)).href);
      found.push({ file, folder, exported: module.default });
    } catch (error) {
      problems.push({ file, message: `it could not be loaded: ${error instanceof Error ? error.message : error}` });
    }
  }
  return createRegistry(found, problems);
}

/**
 * Checks plugins and collects them.
 *
 * @param problems what is already known to be wrong; reported with the rest
 * @throws PluginErrors with every problem
 */
export function createRegistry(
  found: readonly FoundPlugin[],
  problems: readonly { readonly file: string; readonly message: string }[] = [],
): Registry {
  const all = [...problems];
  const byName = new Map<string, { plugin: Plugin; file: string }>();
  const providers = new Map<string, string>();
  for (const { file, folder, exported } of found) {
    const wrong = checkPlugin(exported, folder);
    all.push(...wrong.map((message) => ({ file, message })));
    if (wrong.length > 0) continue;
    const plugin = exported as Plugin;
    const other = byName.get(plugin.name);
    if (other === undefined) byName.set(plugin.name, { plugin, file });
    else all.push({ file, message: `the name '${plugin.name}' is already taken by ${other.file}` });
    for (const fact of Object.keys(plugin.provides ?? {})) {
      const first = providers.get(fact);
      if (first === undefined) providers.set(fact, file);
      else all.push({ file, message: `the fact '${fact}' is already provided by ${first}` });
    }
  }
  if (all.length > 0) throw new PluginErrors(all);

  const names = [...byName.keys()].sort();
  const plugins = names.map((name) => byName.get(name)!.plugin);
  return {
    get: (name) => byName.get(name)?.plugin,
    names: () => names,
    list: () => plugins,
    describe: () => plugins.map(describePlugin),
  };
}

function describePlugin(plugin: Plugin): PolicyType {
  const { name, summary, onError, phases, reads, provides = {}, reasons, examples = [] } = plugin;
  return {
    name,
    summary,
    onError,
    phases,
    config: toJsonSchema(plugin),
    reads,
    provides: Object.keys(provides),
    reasons: Object.fromEntries(
      Object.entries(reasons).map(([id, spec]) => {
        const { message, status = 403 } = spec;
        return [id, { code: reasonCode(id, spec), status, message }];
      }),
    ),
    examples,
    docs: pluginReference(plugin),
  };
}

/** The schema as JSON. What has a default need not be written, so it is not listed as required. */
function toJsonSchema(plugin: Plugin): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(closeObjects(plugin.config)), (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || !("properties" in value) || !("required" in value)) return value;
    const { properties, required } = value as { properties: Record<string, object>; required: string[] };
    return { ...value, required: required.filter((name) => !("default" in (properties[name] ?? {}))) };
  });
}

async function foldersOf(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
    return folders
      .map(({ name }) => name)
      .filter((name) => !name.startsWith("."))
      .sort();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such folder" : String(error);
    throw new PluginErrors([{ file: dir, message: `plugins could not be looked for: ${reason}` }]);
  }
}
