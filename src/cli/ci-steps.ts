import { createCel } from "../cel/cel.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { Deployment } from "../policy/checks/set.ts";
import { diffTrees } from "../policy/diff.ts";
import { formatDiff } from "../policy/diff-format.ts";
import { type NamedSet, readNamedSet } from "../policy/diff-source.ts";
import { formatFolder } from "../policy/format/folder.ts";
import { compileTree, type LoadOptions } from "../policy/load.ts";
import { formatProblem } from "../policy/problem.ts";
import { usualThresholds } from "../policy/test/coverage.ts";
import { usualScore } from "../policy/test/mutate.ts";
import { measurePace } from "../policy/test/pace.ts";
import { githubReport } from "../policy/test/report-github.ts";
import { summaryLine, textReport } from "../policy/test/report-text.ts";
import { openSuite } from "../policy/test/suite.ts";
import { runTests } from "../policy/test/tests.ts";
import { discoverPlugins } from "../registry/registry.ts";
import { runCheck } from "./check.ts";
import type { StepResult } from "./ci-summary.ts";
import { exitCodes } from "./test.ts";

/** What the steps of `sluice ci` are told. */
export interface CiArgs {
  readonly policiesDir: string;
  readonly pluginsDir: string;
  readonly dataDir: string;
  /** What the policies are compared with; `undefined` for nothing. */
  readonly base: string | undefined;
  /** Whether policies are mutated as well. */
  readonly mutate: boolean;
  /** How many times as long as the base's the policies may take. */
  readonly budget: number;
  /** Whether annotations for GitHub are wanted. */
  readonly annotate: boolean;
  /** What the configuration says that policies may refer to. */
  readonly deployment?: Deployment;
  /** Takes annotations. */
  readonly print: (line: string) => void;
}

/** The loader's problems and warnings, and the problems of types. */
export async function check({ policiesDir, pluginsDir, deployment, annotate, print }: CiArgs): Promise<StepResult> {
  const about = { policiesDir, pluginsDir, ...(deployment && { deployment }) };
  const lines: string[] = [];
  const code = await runCheck({ ...about, format: "text", print: (line) => void lines.push(line) });
  const summary = lines.pop() ?? "";
  const annotations = (line: string) => void (line.startsWith("::") && print(line));
  if (annotate && lines.length > 0) await runCheck({ ...about, format: "github", print: annotations });
  return { step: "check", code, summary, details: lines.join("\n") };
}

/** Files that are not in their canonical form. */
export async function fmt({ policiesDir: dir }: CiArgs): Promise<StepResult> {
  const { changed, problems, files } = await formatFolder({ dir, check: true });
  const code = changed.length + problems.length > 0 ? 3 : 0;
  const details = [...problems.map(formatProblem), ...changed.map((file) => `${file} is not formatted`)].join("\n");
  const summary = code === 0 ? `${files} files are formatted` : `run sluice fmt: ${changed.length} of ${files} files`;
  return { step: "fmt", code, summary, details };
}

/** The tests of all policies, with coverage. */
export async function test(args: CiArgs): Promise<StepResult> {
  const options = await loadOptions(args);
  const run = await runTests({ ...options, coverage: usualThresholds, ...(args.mutate && { mutate: usualScore }) });
  if (args.annotate) for (const line of githubReport(run.report).slice(0, -1)) args.print(line);
  const summary = run.result === "no_tests" ? "there are no tests" : summaryLine(run.report);
  const lines = textReport(run.report).slice(0, -1);
  const details = lines.filter((line) => !line.startsWith("ok ")).join("\n");
  return { step: "test", code: exitCodes[run.result], summary, details: details.trim() };
}

/**
 * How long the policies take to decide the requests of their tests, beside how long the base's take. Slower is a matter of
 * taste until it is more than the budget allows.
 */
export async function bench(args: CiArgs, base: NamedSet | null): Promise<StepResult> {
  const options = await loadOptions(args);
  const suite = await openSuite(options);
  if ("problems" in suite) return { step: "bench", code: null, summary: "the policies or their tests are refused" };
  const cases = suite.files.filter(({ path }) => !path.startsWith("library/")).flatMap((file) => file.cases);
  const before = base === null ? null : await compileTree(base.tree, { ...options, allowEmpty: true });
  const sets: (readonly CompiledPolicy[])[] = [[...suite.loaded.values()]];
  if (before?.ok) sets.push(before.snapshot.policies);
  const [now, then] = measurePace(sets, cases);
  await suite.close();
  if (before?.ok) await before.snapshot.retire();

  const time = `${now!.microseconds.toFixed(2)} µs for one of ${now!.requests} requests`;
  if (then === undefined) return { step: "bench", code: 0, summary: time };
  const ratio = now!.microseconds / then.microseconds;
  // Below a microsecond more, a ratio says more about the machine than about the policies.
  const slower = ratio > args.budget && now!.microseconds - then.microseconds > 1;
  const summary = `${time}, ${then.microseconds.toFixed(2)} µs before: ${ratio.toFixed(2)} times, at most ${args.budget}`;
  return { step: "bench", code: slower ? 6 : 0, summary };
}

/** What is different in meaning. Never a failure: whether it is meant is for a person to say. */
export async function diff(args: CiArgs, base: NamedSet | null): Promise<StepResult> {
  if (base === null) return { step: "diff", code: null, summary: "nothing to compare with; give --base" };
  const { registry } = await loadOptions(args);
  const head = await readNamedSet(args.policiesDir, args);
  const found = diffTrees(base.tree, head.tree, { onErrorOf: (type) => registry.get(type)?.onError });
  const names = { base: base.name, head: head.name };
  if (args.annotate) for (const line of formatDiff(found, names, "github").slice(0, -1)) args.print(line);
  const lines = formatDiff(found, names, "text");
  const details = found.items.length === 0 ? "" : lines.join("\n");
  return { step: "diff", code: 0, summary: lines.at(-1) ?? "", details };
}

async function loadOptions({ policiesDir, pluginsDir }: CiArgs): Promise<LoadOptions> {
  return { dir: policiesDir, registry: await discoverPlugins(pluginsDir), cel: createCel() };
}
