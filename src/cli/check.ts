import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { createCel } from "../cel/cel.ts";
import { loadPolicies } from "../policy/load.ts";
import { formatGithub, formatProblem, type Problem, sortProblems } from "../policy/problem.ts";
import type { PolicyFile } from "../policy/tree.ts";
import { type TypeCheck, typecheckPolicies } from "../policy/typecheck.ts";
import { discoverPlugins, PluginErrors } from "../registry/registry.ts";
import { addSettings, readSettings } from "./settings.ts";

const formats = ["text", "json", "github"] as const;

/** What `sluice check` is told. */
export interface CheckArgs {
  readonly policiesDir: string;
  readonly pluginsDir: string;
  readonly format: (typeof formats)[number];
  /** Whether a folder without any policy is accepted. */
  readonly allowEmpty?: boolean;
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
 * @returns the exit code: 0, or 3 when something is wrong
 */
export async function runCheck(args: CheckArgs): Promise<number> {
  const { print, format } = args;
  try {
    const registry = await discoverPlugins(resolve(args.pluginsDir));
    const result = await loadPolicies({
      dir: resolve(args.policiesDir),
      registry,
      cel: createCel(),
      allowEmpty: args.allowEmpty ?? false,
    });
    if (result.ok) await result.snapshot.retire();
    const found = result.ok ? [] : result.problems;
    const types = await checkTypes(resolve(args.policiesDir), result.files);
    const problems = sortProblems([...found, ...typeProblems(types, found)]);
    const policies = result.files.filter(({ kind }) => policyKinds.includes(kind)).length;
    report(problems, policies, types, format, print);
    return problems.length === 0 ? 0 : checkFailed;
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

function report(
  problems: readonly Problem[],
  policies: number,
  types: TypeCheck | null,
  format: CheckArgs["format"],
  print: CheckArgs["print"],
): void {
  if (format === "json") {
    const result = { valid: problems.length === 0, policies, problems };
    print(JSON.stringify(types === null ? result : { ...result, types: summary(types) }, null, 2));
    return;
  }
  for (const problem of problems) print(format === "github" ? formatGithub(problem) : formatProblem(problem));
  if (types !== null && format === "text") print(`types ${summary(types)}`);
  print(`${count(policies, "policy", "policies")}, ${count(problems.length, "problem", "problems")}`);
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
  addSettings(check, "policies_dir", "plugins_dir", "allow_empty")
    .addOption(new Option("--format <format>", "How problems are printed.").choices(formats).default("text"))
    .action(async ({ format }: { format: CheckArgs["format"] }) => {
      const {
        policies_dir: policiesDir,
        plugins_dir: pluginsDir,
        allow_empty: allowEmpty,
      } = readSettings(check).values;
      const print = (line: string) => void process.stdout.write(`${line}\n`);
      process.exitCode = await runCheck({ policiesDir, pluginsDir, allowEmpty, format, print });
    });
}
