import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { createCel } from "../cel/cel.ts";
import type { ConfigValues } from "../config.ts";
import { coverageOf, type PolicyCoverage } from "../core/coverage.ts";
import type { Deployment } from "../policy/checks/set.ts";
import { coverageTable } from "../policy/coverage-table.ts";
import { loadPolicies } from "../policy/load.ts";
import { formatGithub, formatProblem, type Problem, sortProblems } from "../policy/problem.ts";
import { untestedRules } from "../policy/test/untested.ts";
import type { PolicyFile } from "../policy/tree.ts";
import { type TypeCheck, typecheckPolicies } from "../policy/typecheck.ts";
import { discoverPlugins, PluginErrors } from "../registry/registry.ts";
import { modelNames, unpricedModels } from "../upstream/catalogue.ts";
import { addSettings, readSettings } from "./settings.ts";

const formats = ["text", "json", "github"] as const;

/** What `sluice check` is told. */
export interface CheckArgs {
  readonly policiesDir: string;
  readonly pluginsDir: string;
  readonly format: (typeof formats)[number];
  /** Whether a folder without any policy is accepted. */
  readonly allowEmpty?: boolean;
  /** What the configuration says that policies may refer to; without it that is not checked. */
  readonly deployment?: Deployment;
  /** Whether a warning is as bad as a problem. */
  readonly strict?: boolean;
  /** Whether every rule must have a test. */
  readonly requireTests?: boolean;
  /** Whether to show where each policy is enforced. */
  readonly coverageMatrix?: boolean;
  /** Takes the output, line by line. */
  readonly print: (line: string) => void;
}

/** Exit code when policies or plugins are refused. */
const checkFailed = 3;

/** The kinds of files that hold a policy. */
const policyKinds: readonly PolicyFile["kind"][] = ["policy", "cel", "typescript"];

/**
 * Checks a policies folder with the loader that the server uses, and the types of its TypeScript policies, which the
 * server does not look at.
 *
 * @returns the exit code: 0, or 3 when something is wrong or, if that is strict, looks like it
 */
export async function runCheck(args: CheckArgs): Promise<number> {
  const { print, format } = args;
  try {
    const registry = await discoverPlugins(resolve(args.pluginsDir));
    const options = {
      dir: resolve(args.policiesDir),
      registry,
      cel: createCel(),
      allowEmpty: args.allowEmpty ?? false,
      ...(args.deployment && { deployment: args.deployment }),
    };
    const result = await loadPolicies(options);
    const coverage = result.ok ? result.snapshot.policies.map((policy) => coverageOf(policy)) : [];
    if (result.ok) await result.snapshot.retire();
    const found = result.ok ? [] : result.problems;
    const types = await checkTypes(resolve(args.policiesDir), result.files);
    const untested = result.ok && args.requireTests === true ? await untestedRules(options) : [];
    const problems = sortProblems([...found, ...typeProblems(types, found), ...untested]);
    const warnings = result.ok ? result.warnings : [];
    const policies = result.files.filter(({ kind }) => policyKinds.includes(kind)).length;
    const findings = { problems, warnings, policies, types, ...(args.coverageMatrix === true && { coverage }) };
    report(findings, format, print);
    return problems.length > 0 || (args.strict === true && warnings.length > 0) ? checkFailed : 0;
  } catch (error) {
    if (!(error instanceof PluginErrors)) throw error;
    if (format === "json") print(JSON.stringify({ valid: false, policies: 0, problems: [], plugins: error.problems }));
    else for (const { file, message } of error.problems) print(`${file}  ${message}`);
    return checkFailed;
  }
}

/** `null` when there is nothing with types. */
async function checkTypes(dir: string, files: readonly PolicyFile[]): Promise<TypeCheck | null> {
  return files.some(({ kind }) => kind === "typescript") ? await typecheckPolicies(dir, files) : null;
}

/** Of a file that is not even TypeScript, or imports what it may not, the loader has said it better. */
function typeProblems(types: TypeCheck | null, found: readonly Problem[]): readonly Problem[] {
  if (types === null || !types.checked) return [];
  const broken = new Set(found.filter(({ code }) => code === "C055" || code === "C056").map(({ file }) => file));
  return types.problems.filter(({ file }) => !broken.has(file));
}

interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly policies: number;
  readonly types: TypeCheck | null;
  readonly coverage?: readonly PolicyCoverage[];
}

function report(findings: Findings, format: CheckArgs["format"], print: CheckArgs["print"]): void {
  const { problems, warnings, policies, types, coverage } = findings;
  if (format === "json") {
    const result = { valid: problems.length === 0, policies, problems, warnings };
    const more = { ...(types && { types: summary(types) }), ...(coverage && { coverage }) };
    print(JSON.stringify({ ...result, ...more }, null, 2));
    return;
  }
  for (const problem of [...problems, ...warnings]) {
    print(format === "github" ? formatGithub(problem) : formatProblem(problem));
  }
  if (format === "text") {
    if (coverage !== undefined) for (const line of coverageTable(coverage)) print(line);
    if (types !== null) print(`types ${summary(types)}`);
  }
  const counts = [count(policies, "policy", "policies"), count(problems.length, "problem", "problems")];
  if (warnings.length > 0) counts.push(count(warnings.length, "warning", "warnings"));
  print(counts.join(", "));
}

function summary(types: TypeCheck): string {
  return types.checked ? `checked in ${types.seconds.toFixed(1)} s` : `not checked: ${types.reason}`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** Adds the verb to the program. The exit code is left in `process.exitCode`. */
export function register(program: Command): void {
  const check = program
    .command("check")
    .description("Check the policies as the server would load them; exit 3 when something is wrong.");
  addSettings(check, "policies_dir", "plugins_dir", "allow_empty", "policy_headers")
    .addOption(new Option("--format <format>", "How problems are printed.").choices(formats).default("text"))
    .option("--strict", "Exit 3 for warnings as well.")
    .option("--require-tests", "Refuse rules that no test makes fire.")
    .option("--coverage-matrix", "Show where each policy is enforced: on which surfaces, whole and streamed.")
    .action(async (flags: Flags) => {
      const { values } = readSettings(check);
      const { policies_dir: policiesDir, plugins_dir: pluginsDir, allow_empty: allowEmpty } = values;
      const deployment = deploymentOf(values);
      const print = (line: string) => void process.stdout.write(`${line}\n`);
      process.exitCode = await runCheck({ policiesDir, pluginsDir, allowEmpty, deployment, print, ...flags });
    });
}

type Flags = Pick<CheckArgs, "format" | "strict" | "requireTests" | "coverageMatrix">;

/** What the configuration says that policies may refer to. */
export function deploymentOf(values: ConfigValues): Deployment {
  return { headers: values.policy_headers, models: modelNames(values), unpriced: unpricedModels(values) };
}
