import { createRequire, isBuiltin, SourceMap } from "node:module";
import { Script } from "node:vm";
import { LRUCache } from "lru-cache";
import * as sdk from "../sdk/index.ts";
import { type Bundle, bundlePolicy, type Modules, problemAt, sdkName } from "./bundle.ts";
import { PolicyCode } from "./code.ts";
import type { Problem } from "./problem.ts";
import type { PolicyFile } from "./tree.ts";

/** A policy's code that has run once: what it exports, and where in its files something was thrown. */
export interface RunCode {
  readonly exports: Readonly<Record<string, unknown>>;
  /** The place nearest to where an error was thrown that is in a file of the policies folder. */
  placeOf(error: unknown): Place | null;
}

/** A place in a file of the policies folder; line and column count from 1. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Code that has run, or every reason why it could not. */
export type RunResult =
  | { readonly ok: true; readonly code: RunCode }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Contents that are kept: enough for all policies of a large folder, few enough for those that edits left behind. */
const maxKept = 512;

// Kept by content, so every folder and every test shares them: the same content is the same objects.
const bundles = new LRUCache<string, Bundle>({ max: maxKept });
const runs = new LRUCache<string, RunCode>({ max: maxKept });

/**
 * Bundles a policy with its imports and runs it, once for each content: as long as nothing that it is made of has
 * changed, the answer holds the same objects.
 *
 * It runs as a script and not as a module of this process: modules are never given back, so each edit would be kept for
 * ever; a script goes when the last set that uses it goes.
 */
export async function runPolicy(file: PolicyFile, dir: string, modules: Modules): Promise<RunResult> {
  const key = `${dir}\0${file.path}\0${file.text}`;
  let bundle = bundles.get(key);
  if (bundle === undefined || !isCurrent(bundle, file, modules)) {
    const result = await bundlePolicy(file, dir, modules);
    if (!result.ok) return result;
    bundle = result.bundle;
    bundles.set(key, bundle);
  }
  const known = runs.get(bundle.code);
  if (known !== undefined) return { ok: true, code: known };
  const ran = run(bundle, file, modules);
  if (ran.ok) runs.set(bundle.code, ran.code);
  return ran;
}

function isCurrent({ inputs }: Bundle, file: PolicyFile, modules: Modules): boolean {
  for (const [path, text] of inputs) if (path !== file.path && modules.get(path)?.text !== text) return false;
  return true;
}

function run({ code, map }: Bundle, file: PolicyFile, modules: Modules): RunResult {
  // The bundler's first line is a comment to Bun's own loader.
  const body = code.slice(code.indexOf("(function"));
  const before = code.slice(0, code.length - body.length).split("\n").length - 1;
  let mapping: SourceMap | undefined;
  const placeOf = (error: unknown): Place | null => {
    const stack = error instanceof Error ? (error.stack ?? "") : "";
    const [, line, column] = new RegExp(`${RegExp.escape(file.label)}:(\\d+):(\\d+)`).exec(stack) ?? [];
    if (line === undefined || column === undefined) return null;
    mapping ??= new SourceMap(JSON.parse(map) as ConstructorParameters<typeof SourceMap>[0]);
    const entry = mapping.findEntry(Number(line) - 1 + before, Number(column) - 1);
    if (!("originalSource" in entry)) return null;
    const path = entry.originalSource.replace(/^policies:/, "");
    return { path, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  };

  const module = { exports: {} as Record<string, unknown> };
  try {
    const define = new Script(body, { filename: file.label }).runInThisContext() as (...args: unknown[]) => void;
    withinTime(() => define(module.exports, requireFor, module, file.label, ""));
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === timedOut) return { ok: false, problems: [endless(file)] };
    return { ok: false, problems: [thrown(error, placeOf(error), file, modules)] };
  }
  return { ok: true, code: { exports: module.exports, placeOf } };
}

/** How long a policy may run while it is loaded, in milliseconds: nothing else runs in the meantime. */
const maxLoadMs = 1_000;
const timedOut = "ERR_SCRIPT_EXECUTION_TIMEOUT";
const running = Symbol.for("sluice.policy.running");
const timed = new Script('globalThis[Symbol.for("sluice.policy.running")]()');

/** Runs what may not come to an end. Only a script can be stopped, so that it is one that calls it. */
function withinTime(act: () => void): void {
  const global = globalThis as { [running]?: () => void };
  global[running] = act;
  try {
    timed.runInThisContext({ timeout: maxLoadMs });
  } finally {
    delete global[running];
  }
}

function endless(file: PolicyFile): Problem {
  const what = `the code is still running after ${maxLoadMs} ms of being loaded; at the top of a file nothing may take so long`;
  return problemAt("C057", file, what, 1, 1, 1);
}

const requireBuiltin = createRequire(import.meta.url);

/** The SDK is this process's own: there is one `notApplicable`. Everything else that is imported is in the bundle. */
function requireFor(name: string): unknown {
  if (name === sdkName) return sdk;
  if (isBuiltin(name)) return requireBuiltin(name);
  throw new Error(`'${name}' cannot be required while a policy runs; import it at the top of the file`);
}

function thrown(error: unknown, place: Place | null, file: PolicyFile, modules: Modules): Problem {
  const message = `the code throws while it is loaded: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
  const at = place === null ? undefined : place.path === file.path ? file : modules.get(place.path);
  if (place !== null && at !== undefined) return problemAt("C057", at, message, place.line, place.column, 1);
  const code = new PolicyCode(file.label, file.text);
  code.report("C057", [], message);
  return code.problems[0]!;
}
