import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { PolicyDocument } from "../document.ts";
import { fileProblem, type Problem } from "../problem.ts";
import { labelOf } from "../tree.ts";
import { formatFile, isFormatted } from "./format.ts";

/** What became of a folder's files. */
export interface FormatResult {
  /** Files that were not in their canonical form, as people know them. */
  readonly changed: readonly string[];
  /** Files that cannot be read, which stay as they are. */
  readonly problems: readonly Problem[];
  /** How many files were looked at. */
  readonly files: number;
}

/** Which files, and whether they are written. */
export interface FormatOptions {
  /** The policies folder. */
  readonly dir: string;
  /** Files and folders inside it; all of it when empty. */
  readonly paths?: readonly string[];
  /** What relative paths are relative to; the working directory when absent. */
  readonly cwd?: string;
  /** Only tell, change nothing. */
  readonly check: boolean;
}

/** Puts policies, their tests and what stands beside them into their canonical form, the library's included. */
export async function formatFolder({
  dir,
  paths = [],
  cwd = process.cwd(),
  check,
}: FormatOptions): Promise<FormatResult> {
  const label = labelOf(dir);
  const changed: string[] = [];
  const problems: Problem[] = [];
  const wanted = paths.map((path) => relative(dir, resolve(cwd, path)).replaceAll("\\", "/"));
  const names = (await readdir(dir, { recursive: true })).map((name) => name.replaceAll("\\", "/"));
  const chosen = names.filter(
    (name) => isFormatted(name) && !/(^|\/)(\.|node_modules\/)/.test(name) && isWanted(name, wanted),
  );
  for (const name of chosen.sort()) {
    const text = await readFile(join(dir, name), "utf8");
    const formatted = formatFile(name, text);
    if (formatted === null) problems.push(...problemsOf(`${label}/${name}`, text));
    else if (formatted !== text) {
      changed.push(`${label}/${name}`);
      if (!check) await replace(join(dir, name), formatted);
    }
  }
  return { changed, problems, files: chosen.length };
}

function isWanted(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((path) => path === "" || name === path || name.startsWith(`${path}/`));
}

/** At once: a gateway may be following the folder, and must never see half a file. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`;
  await writeFile(beside, text, { mode: (await stat(path)).mode });
  await rename(beside, path);
}

function problemsOf(label: string, text: string): readonly Problem[] {
  const { problems } = new PolicyDocument(label, text);
  return problems.length > 0 ? problems : [fileProblem("C020", label, "the file cannot be formatted")];
}
