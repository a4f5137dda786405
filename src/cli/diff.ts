import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { diffTrees } from "../policy/diff.ts";
import { type DiffFormat, diffFormats, formatDiff } from "../policy/diff-format.ts";
import { readNamedSet, UnknownSetError } from "../policy/diff-source.ts";
import { discoverPlugins, PluginErrors } from "../registry/registry.ts";
import { addSettings, readSettings } from "./settings.ts";

/** What `sluice diff` is told. */
export interface DiffArgs {
  /** A folder, a git revision, or a retained revision. */
  readonly base: string;
  readonly head: string;
  readonly policiesDir: string;
  readonly pluginsDir: string;
  readonly dataDir: string;
  readonly format: DiffFormat;
  /** Takes the output, line by line. */
  readonly print: (line: string) => void;
}

/**
 * Prints what is different between two policy sets, by meaning.
 *
 * @throws UnknownSetError when one of the names stands for none
 */
export async function runDiff({ base, head, pluginsDir, format, print, ...sources }: DiffArgs): Promise<void> {
  // What is known of policy types helps; that one is ill is for 'sluice check' to say.
  const registry = await discoverPlugins(resolve(pluginsDir)).catch((error: unknown) => {
    if (error instanceof PluginErrors) return null;
    throw error;
  });
  const [from, to] = [await readNamedSet(base, sources), await readNamedSet(head, sources)];
  const diff = diffTrees(from.tree, to.tree, { onErrorOf: (type) => registry?.get(type)?.onError });
  for (const line of formatDiff(diff, { base: from.name, head: to.name }, format)) print(line);
}

/** Adds `sluice diff`. */
export function register(program: Command): void {
  const diff = program
    .command("diff")
    .description("Compare two policy sets by what they mean: which rules are other ones, and what may pass now.")
    .argument("<base>", "a folder, a git revision such as main, or a retained revision, by its digest or as 'previous'")
    .argument("[head]", "the same; the policies folder when absent");
  addSettings(diff, "policies_dir", "plugins_dir", "data_dir")
    .addOption(new Option("--format <format>", "How it is printed.").choices(diffFormats).default("text"))
    .action(async (base: string, head: string | undefined, { format }: { format: DiffFormat }) => {
      const { policies_dir: policiesDir, plugins_dir: pluginsDir, data_dir: dataDir } = readSettings(diff).values;
      const print = (line: string) => void process.stdout.write(`${line}\n`);
      try {
        await runDiff({ base, head: head ?? policiesDir, policiesDir, pluginsDir, dataDir, format, print });
      } catch (error) {
        if (!(error instanceof UnknownSetError)) throw error;
        diff.error(`error: ${error.message}`);
      }
    });
}
