import { resolve } from "node:path";
import type { Command } from "commander";
import { formatFolder } from "../policy/format/folder.ts";
import { formatProblem } from "../policy/problem.ts";
import { addSettings, readSettings } from "./settings.ts";

/** Exit code when a file is not formatted, or cannot be read. */
const checkFailed = 3;

/** Adds the verb to the program. The exit code is left in `process.exitCode`. */
export function register(program: Command): void {
  const verb = program
    .command("fmt")
    .description("Put the policies and their tests into their canonical form; TypeScript has formatters of its own.")
    .argument("[paths...]", "files or folders of the policies; all when there are none");
  addSettings(verb, "policies_dir")
    .option("--check", "Change nothing; list what is not formatted and exit 3.")
    .action(async (paths: readonly string[], { check = false }: { readonly check?: boolean }) => {
      const dir = resolve(readSettings(verb).values.policies_dir);
      const { changed, problems, files } = await formatFolder({ dir, paths, check });
      if (files === 0) verb.error(`error: there is nothing to format in ${paths.join(", ") || dir}`, { exitCode: 2 });
      for (const problem of problems) console.log(formatProblem(problem));
      for (const file of changed) console.log(check ? `${file} is not formatted` : `formatted ${file}`);
      console.log(
        `${files} ${files === 1 ? "file" : "files"}, ${changed.length} ${check ? "not formatted" : "changed"}`,
      );
      process.exitCode = problems.length > 0 || (check && changed.length > 0) ? checkFailed : 0;
    });
}
