import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { posix } from "node:path/posix";
import type { Loader, OnLoadResult, OnResolveArgs, OnResolveResult } from "bun";
import { suggestion } from "../sdk/suggest.ts";
import type { CheckCode } from "./checks.ts";
import { PolicyCode } from "./code.ts";
import { fileProblem, type Problem, SourceText } from "./problem.ts";
import type { PolicyFile } from "./tree.ts";

/** The files of a policies folder that code may import, by their path in it. */
export type Modules = ReadonlyMap<string, PolicyFile>;

/** What a policy's code asks for to get the SDK; the host answers with its own. */
export const sdkName = "sluice/sdk";

/** A policy with all that it imports, as one script: a function of `exports`, `require` and `module`. */
export interface Bundle {
  readonly code: string;
  /** Maps places in the code to places in the files. */
  readonly map: string;
  /** Every path of the folder that was looked for, with what was there: while they are the same, so is the bundle. */
  readonly inputs: ReadonlyMap<string, string | undefined>;
}

/** A bundle, or every reason why there is none. */
export type BundleResult =
  | { readonly ok: true; readonly bundle: Bundle }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Files in the bundler's own terms: `policies:org/a.policy.ts`. */
const namespace = "policies";
const sdkPath = /^(?:\.\.\/)+src\/sdk(?:\/index(?:\.ts)?)?$/;
const loaders: Readonly<Record<string, Loader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".json": "json",
  ".yaml": "yaml",
  ".yml": "yaml",
};
const endings = ["", ".ts", ".js", ".json", "/index.ts", "/index.js"];

/**
 * Bundles a policy with its imports. The texts are those that were read with the folder, not those on the disk now, so
 * that the revision names what runs. Only npm packages are read from the disk.
 *
 * @param dir the policies folder: packages are those of the project that it is in
 */
export async function bundlePolicy(file: PolicyFile, dir: string, modules: Modules): Promise<BundleResult> {
  const files = new Map([...modules, [file.path, file]]);
  const inputs = new Map<string, string | undefined>();
  const refused: { importer: PolicyFile; specifier: string; message: string }[] = [];

  async function resolve(args: OnResolveArgs): Promise<OnResolveResult | undefined> {
    const { path: specifier, kind } = args;
    if (kind.startsWith("entry-point")) return { path: file.path, namespace };
    const importer = files.get(args.importer);
    // What packages import is their own affair.
    if (importer === undefined) return isBuiltin(specifier) ? { path: specifier, external: true } : undefined;
    const found = await target(importer, specifier);
    if (typeof found !== "string") return found;
    refused.push({ importer, specifier, message: found });
    // Left out, so that the rest is still looked at.
    return { path: specifier, external: true };
  }

  async function target(importer: PolicyFile, specifier: string): Promise<OnResolveResult | string> {
    if (specifier === sdkName || isBuiltin(specifier)) return { path: specifier, external: true };
    if (!/^\.{1,2}(?:\/|$)/.test(specifier)) return await packageTarget(specifier, dir);
    const path = posix.join(posix.dirname(importer.path), specifier);
    if (sdkPath.test(path)) return { path: sdkName, external: true };
    if (path.startsWith("../") || path === "..") return outside(specifier);
    for (const ending of endings) {
      const candidate = `${path}${ending}`;
      const there = files.get(candidate);
      inputs.set(candidate, there?.text);
      if (there !== undefined) return { path: candidate, namespace };
    }
    if (path.startsWith("library/")) return `'${specifier}' is in library/, from which nothing is imported`;
    return `there is no module '${path}' in the policies folder${nearby(path, [...modules.keys()])}`;
  }

  function load({ path }: { path: string }): OnLoadResult {
    const { text } = files.get(path)!;
    inputs.set(path, text);
    return { contents: text, loader: loaders[posix.extname(path)] ?? "js" };
  }

  const built = await Bun.build({
    entrypoints: [`./${file.path}`],
    root: "/",
    format: "cjs",
    target: "bun",
    sourcemap: "external",
    throw: false,
    plugins: [
      {
        name: "policies",
        setup(build) {
          build.onResolve({ filter: /.*/ }, resolve);
          build.onLoad({ filter: /.*/, namespace }, load);
        },
      },
    ],
  });

  const problems = [
    ...refused.map(({ importer, specifier, message }) => importProblem(importer, specifier, message)),
    ...withoutConsequences(built.logs).map((log) => buildProblem(log, files, file)),
  ];
  if (problems.length > 0) return { ok: false, problems };
  const text = async (kind: string) => (await built.outputs.find((output) => output.kind === kind)?.text()) ?? "";
  return { ok: true, bundle: { code: await text("entry-point"), map: await text("sourcemap"), inputs } };
}

function outside(specifier: string): string {
  return `'${specifier}' is outside the policies folder; a policy imports '${sdkName}', files of its folder and npm packages`;
}

function nearby(path: string, known: readonly string[]): string {
  return known.length === 0 ? "" : suggestion(path, known, "there are");
}

/** An npm package, when the project that the policies folder is in declares it; else why not. */
async function packageTarget(specifier: string, dir: string): Promise<OnResolveResult | string> {
  const name = /^(?:@[^/]+\/)?[^/@:][^/:]*/.exec(specifier)?.[0];
  const leaves = specifier.split("/").some((part) => part === "." || part === "..");
  if (name === undefined || leaves || /^[a-z]+:/.test(specifier)) return outside(specifier);
  const project = await projectOf(dir);
  if (project === null) return `'${name}' cannot be found: there is no package.json in or above the policies folder`;
  const declared = Object.keys(project.dependencies ?? {});
  if (!declared.includes(name)) {
    return `'${name}' is not among the dependencies in package.json; add it there, or import a file of the policies folder`;
  }
  try {
    return { path: Bun.resolveSync(specifier, project.dir) };
  } catch {
    return `'${specifier}' is declared in package.json and not installed`;
  }
}

interface Project {
  readonly dir: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

async function projectOf(dir: string): Promise<Project | null> {
  for (let at = dir; ; at = dirname(at)) {
    const file = Bun.file(join(at, "package.json"));
    // One that cannot be read declares nothing.
    if (await file.exists()) return { ...((await file.json().catch(() => ({}))) as Omit<Project, "dir">), dir: at };
    if (dirname(at) === at) return null;
  }
}

function importProblem(importer: PolicyFile, specifier: string, message: string): Problem {
  const code = new PolicyCode(importer.label, importer.text);
  code.reportImport("C056", specifier, message);
  return code.problems[0]!;
}

/** Of a file that is not even TypeScript, only the first mistake: the rest follow from it. */
function withoutConsequences(logs: readonly (BuildMessage | ResolveMessage)[]): (BuildMessage | ResolveMessage)[] {
  const seen = new Set<string>();
  return logs.filter(({ level, message, position }) => {
    if (level !== "error") return false;
    if (message.startsWith("No matching export")) return true;
    const first = !seen.has(position?.file ?? "");
    seen.add(position?.file ?? "");
    return first;
  });
}

function buildProblem(log: BuildMessage | ResolveMessage, files: Modules, entry: PolicyFile): Problem {
  const { position } = log;
  const file = position === null ? undefined : files.get(position.file);
  const message = log.message.replaceAll(`${namespace}:`, "");
  if (position === null || file === undefined) return fileProblem("C055", entry.label, message);
  return problemAt("C055", file, message, position.line, position.column, position.length);
}

/** A problem at a line and column, both counted from 1. */
export function problemAt(
  code: CheckCode,
  { label, text }: PolicyFile,
  message: string,
  line: number,
  column: number,
  length: number,
): Problem {
  let start = 0;
  for (let i = 1; i < line; i += 1) start = text.indexOf("\n", start) + 1;
  start += column - 1;
  return new SourceText(label, text).problem(code, message, start, start + length);
}
