import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { createCel } from "../cel/cel.ts";
import { GitError } from "../policy/git.ts";
import { usualThresholds } from "../policy/test/coverage.ts";
import { usualScore } from "../policy/test/mutate.ts";
import { type ReportFormat, reportFormats, type TestReport } from "../policy/test/report.ts";
import { githubReport } from "../policy/test/report-github.ts";
import { jsonReport } from "../policy/test/report-json.ts";
import { junitReport } from "../policy/test/report-junit.ts";
import { textReport } from "../policy/test/report-text.ts";
import { runTests, type TestResult } from "../policy/test/tests.ts";
import { discoverPlugins, PluginErrors } from "../registry/registry.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Exit codes of a run of policy tests. No test at all counts as a failed one: a filter that misses must not look like success. */
export const exitCodes: Readonly<Record<TestResult, number>> = {
  passed: 0,
  nothing_changed: 0,
  refused: 3,
  failed: 4,
  no_tests: 4,
  coverage: 5,
};

const writers: Readonly<Record<ReportFormat, (report: TestReport) => string>> = {
  text: (report) => textReport(report).join("\n"),
  json: jsonReport,
  junit: junitReport,
  github: (report) => githubReport(report).join("\n"),
};

interface Flags {
  readonly format: ReportFormat;
  readonly filter?: string;
  readonly changedFrom?: string;
  readonly coverage?: boolean;
  readonly mutate?: boolean;
  readonly minRules: number;
  readonly minBranches: number;
  readonly minScore: number;
}

/** Adds the verb to the program. The exit code is left in `process.exitCode`. */
export function register(program: Command): void {
  const verb = program
    .command("test")
    .description("Run the tests of the policies (*.test.yaml); exit 4 when one fails, 5 when too little is tested.")
    .argument("[paths...]", "test files, policy files, folders or policy ids; all when there are none");
  addSettings(verb, "policies_dir", "plugins_dir")
    .addOption(new Option("--format <format>", "How results are printed.").choices(reportFormats).default("text"))
    .option("--filter <text>", "Only cases whose file and name hold this text.")
    .option("--changed-from <revision>", "Only tests of what changed since this git revision.")
    .option("--coverage", "Count the rules hit and not hit, and the CEL branches seen true and false.")
    .option("--mutate", "Change the policies in small ways and report the changes that no test notices.")
    .option("--min-rules <percent>", "Least coverage of rules.", percent, usualThresholds.rules)
    .option("--min-branches <percent>", "Least coverage of branches.", percent, usualThresholds.branches)
    .option("--min-score <percent>", "Least mutation score.", percent, usualScore)
    .action(async (paths: readonly string[], flags: Flags) => {
      const { policies_dir: dir, plugins_dir: plugins } = readSettings(verb).values;
      try {
        process.exitCode = await run(resolve(dir), resolve(plugins), paths, flags);
      } catch (error) {
        if (error instanceof GitError) verb.error(`error: ${error.message}`, { exitCode: 2 });
        if (!(error instanceof PluginErrors)) throw error;
        for (const { file, message } of error.problems) process.stderr.write(`${file}  ${message}\n`);
        process.exitCode = exitCodes.refused;
      }
    });
}

async function run(dir: string, plugins: string, paths: readonly string[], flags: Flags): Promise<number> {
  const { report, result } = await runTests({
    dir,
    registry: await discoverPlugins(plugins),
    cel: createCel(),
    paths,
    shared: [plugins],
    ...(flags.filter !== undefined && { filter: flags.filter }),
    ...(flags.changedFrom !== undefined && { changedFrom: flags.changedFrom }),
    ...(flags.coverage === true && { coverage: { rules: flags.minRules, branches: flags.minBranches } }),
    ...(flags.mutate === true && { mutate: flags.minScore }),
  });
  process.stdout.write(`${writers[flags.format](report)}\n`);
  if (result === "no_tests") process.stderr.write("no tests matched\n");
  return exitCodes[result];
}

function percent(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !(number >= 0 && number <= 100)) throw new InvalidArgumentError("Expected a percentage.");
  return number;
}
