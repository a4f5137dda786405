import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { problemAt } from "./bundle.ts";
import { fileProblem, type Problem } from "./problem.ts";
import type { PolicyFile } from "./tree.ts";

/** What the type checker said, or why it was not asked. */
export type TypeCheck =
  | { readonly checked: true; readonly problems: readonly Problem[]; readonly seconds: number }
  | { readonly checked: false; readonly reason: string };

const sluice = fileURLToPath(new URL("../..", import.meta.url));

/** What the SDK's sources need; the rest is the project's own choice. */
const needed = {
  module: "preserve",
  moduleResolution: "bundler",
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  // Wherever the policies stand, `../../src/sdk` and `sluice/sdk` are the SDK of this Sluice.
  paths: { "sluice/sdk": [join(sluice, "src/sdk/index.ts")] },
};
const usual = { target: "esnext", lib: ["esnext"], strict: true, noUncheckedIndexedAccess: true, types: ["bun"] };

/**
 * Type-checks the TypeScript policies of a folder with what they import, by the compiler of the project they are in, else
 * by Sluice's own. For people and pipelines: it takes longer than a reload may, and a server needs no compiler.
 */
export async function typecheckPolicies(dir: string, files: readonly PolicyFile[]): Promise<TypeCheck> {
  const entries = files.filter(({ kind }) => kind === "typescript").map(({ path }) => join(dir, path));
  if (entries.length === 0) return { checked: false, reason: "there are no TypeScript policies" };
  const compiler = compilerFor(dir);
  if (compiler === null) return { checked: false, reason: "the package 'typescript' is not installed" };

  const from = performance.now();
  const own = await mkdtemp(join(tmpdir(), "sluice-types-"));
  try {
    const config = join(own, "tsconfig.json");
    await writeFile(config, JSON.stringify(await configFor(dir, entries)));
    const command = [process.execPath, compiler, "--pretty", "false", "--project", config];
    const child = Bun.spawn(command, {
      cwd: dir,
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, NO_COLOR: "1" },
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    const problems = problemsOf(out, dir, files);
    // Errors in other files are not the policies' own. What names no file at all is about the run itself.
    const failure =
      /^error TS\d+: .*/m.exec(out)?.[0] ?? (code !== 0 && out === "" ? err.trim().split("\n")[0] : undefined);
    if (failure !== undefined && problems.length === 0) return { checked: false, reason: failure };
    return { checked: true, problems, seconds: (performance.now() - from) / 1000 };
  } finally {
    await rm(own, { recursive: true });
  }
}

function compilerFor(dir: string): string | null {
  for (const from of [dir, sluice]) {
    try {
      return join(dirname(Bun.resolveSync("typescript/package.json", from)), "bin/tsc");
    } catch {
      // Not installed there.
    }
  }
  return null;
}

async function configFor(dir: string, files: readonly string[]): Promise<object> {
  const project = await nearest(dir, "tsconfig.json");
  const rootDirs = [dirname(dir), sluice];
  return {
    ...(project !== null && { extends: project }),
    compilerOptions: {
      ...(project === null && usual),
      ...needed,
      // Looked for from the config's own place otherwise, which is a temporary folder.
      typeRoots: [dirname(project ?? dir), sluice].map((root) => join(root, "node_modules/@types")),
      rootDirs,
    },
    files,
    include: [],
  };
}

async function nearest(dir: string, name: string): Promise<string | null> {
  for (let at = dir; ; at = dirname(at)) {
    if (await Bun.file(join(at, name)).exists()) return join(at, name);
    if (dirname(at) === at) return null;
  }
}

/** `org/a.policy.ts(3,7): error TS2322: …`, with further lines indented. */
const line = /^(\S.*?)\((\d+),(\d+)\): error (TS\d+): (.*(?:\n[ \t]+.*)*)/gm;

function problemsOf(output: string, dir: string, files: readonly PolicyFile[]): Problem[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return [...output.matchAll(line)].flatMap(([, name, row, column, code, text]) => {
    const path = relative(dir, resolve(dir, name!)).replaceAll("\\", "/");
    const file = byPath.get(path);
    if (file === undefined) return [];
    const message = `${text!.trim().replace(/\s*\n\s*/g, " ")} (${code})`;
    const [at, from] = [Number(row), Number(column)];
    const word = /^[\w$"'`]+/.exec(file.text.split("\n")[at - 1]?.slice(from - 1) ?? "")?.[0] ?? " ";
    if (at === 0) return [fileProblem("C059", file.label, message)];
    return [problemAt("C059", file, message, at, from, word.length)];
  });
}
