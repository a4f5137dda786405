import { appendFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { type NamedSet, readNamedSet, UnknownSetError } from "../policy/diff-source.ts";
import { deploymentOf } from "./check.ts";
import { bench, type CiArgs, check, diff, fmt, test } from "./ci-steps.ts";
import { markdownSummary, type StepResult, worstCode } from "./ci-summary.ts";
import { addSettings, readSettings } from "./settings.ts";

/** How many times as long as before the policies may take, when nothing else is said. */
const usualBudget = 3;

/**
 * Checks a policies folder as a pull request needs it: check, format, tests with coverage, pace, and what is different
 * from the base. A folder that does not load is neither tested nor measured.
 *
 * @throws UnknownSetError when the base is no policy set
 */
export async function runCi(args: CiArgs): Promise<readonly StepResult[]> {
  const base: NamedSet | null = args.base === undefined ? null : await readNamedSet(args.base, args);
  const checked = await check(args);
  const steps: StepResult[] = [checked, await fmt(args)];
  if (checked.code !== 0) {
    const summary = "the policies are refused";
    return [...steps, ...(["test", "bench", "diff"] as const).map((step) => ({ step, code: null, summary }))];
  }
  steps.push(await test(args));
  steps.push(await bench(args, base));
  steps.push(await diff(args, base));
  return steps;
}

interface Flags {
  readonly base?: string;
  readonly mutate?: boolean;
  readonly budget: number;
}

/** Adds the verb to the program. The exit code is left in `process.exitCode`. */
export function register(program: Command): void {
  const verb = program
    .command("ci")
    .description("Check a pull request: check, fmt --check, test --coverage, bench, diff; one Markdown summary.");
  addSettings(verb, "policies_dir", "plugins_dir", "data_dir")
    .option(
      "--base <revision>",
      "What to compare with: a git revision, a folder or a retained revision.",
      baseOfGithub(),
    )
    .option("--mutate", "Test the tests as well: change the policies in small ways.")
    .option("--budget <ratio>", "How many times as long as the base's the policies may take.", ratio, usualBudget)
    .action(async ({ base, mutate = false, budget }: Flags) => {
      const { values } = readSettings(verb);
      const { policies_dir, plugins_dir, data_dir } = values;
      const args: CiArgs = {
        policiesDir: resolve(policies_dir),
        pluginsDir: resolve(plugins_dir),
        dataDir: resolve(data_dir),
        base,
        mutate,
        budget,
        deployment: deploymentOf(values),
        annotate: process.env.GITHUB_ACTIONS === "true",
        print: (line) => console.log(line),
      };
      const steps = await runCi(args).catch((error: unknown) => {
        if (error instanceof UnknownSetError) return verb.error(`error: ${error.message}`, { exitCode: 2 });
        throw error;
      });
      const summary = markdownSummary(steps);
      console.log(summary);
      const file = process.env.GITHUB_STEP_SUMMARY;
      if (file !== undefined && file !== "") await appendFile(file, `${summary}\n`);
      process.exitCode = worstCode(steps);
    });
}

/** On GitHub a pull request says itself what it is to be merged into. */
function baseOfGithub(): string | undefined {
  const branch = process.env.GITHUB_BASE_REF;
  return branch === undefined || branch === "" ? undefined : `origin/${branch}`;
}

function ratio(text: string): number {
  const number = Number(text);
  if (!(number >= 1)) throw new InvalidArgumentError("Expected a number of at least 1.");
  return number;
}
