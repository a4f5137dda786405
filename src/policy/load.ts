import { pluginCel } from "../cel/plugin-tools.ts";
import type { PolicyException } from "../core/exceptions.ts";
import type { FactName } from "../core/facts.ts";
import { emptyOverlay, type OverlayProblem, type PolicyOverlay } from "../core/overlay.ts";
import { Snapshot } from "../core/snapshot.ts";
import { suggestion } from "../sdk/suggest.ts";
import { setProblems, setWarnings } from "./checks/set.ts";
import { type CompiledFile, type CompileTools, compileFile } from "./compile.ts";
import { CompiledFolder } from "./compiled-folder.ts";
import { conflicts, duplicateIds } from "./conflicts.ts";
import { readData } from "./data.ts";
import { createDetectors, type Detectors } from "./detectors.ts";
import { readExceptions } from "./exception-file.ts";
import { applyExceptions } from "./exceptions.ts";
import { type FileKind, policyId } from "./kinds.ts";
import type { Library } from "./library.ts";
import { manifestProblems, type PolicyManifest, readManifest } from "./manifest.ts";
import { layOver, revisionOf } from "./overlay.ts";
import type { PluginDirectory } from "./plugin.ts";
import { fileProblem, type Problem, sortProblems } from "./problem.ts";
import { labelOf, type PolicyFile, type PolicyTree, readPolicyTree } from "./tree.ts";

/** What a policies folder is loaded with. */
export interface LoadOptions extends Pick<CompileTools, "dir" | "registry" | "cel" | "deployment"> {
  /** Whether a folder without any policy is accepted. */
  readonly allowEmpty?: boolean;
  /** What the control plane lays over the folder; nothing when absent. */
  readonly overlay?: PolicyOverlay;
  /** A folder of the same policies that is part of a set that lives: the same files are not compiled again. */
  readonly known?: CompiledFolder | undefined;
}

/** Where a policy came from. */
export interface LoadedSource {
  /** Inside the policies folder. */
  readonly path: string;
  readonly text: string;
  /** Who answers for it; empty when the file does not say. */
  readonly owner: string;
}

/** A policies folder, compiled whole or refused whole. */
export type LoadResult =
  | {
      readonly ok: true;
      readonly snapshot: Snapshot;
      /** By policy id. */
      readonly sources: ReadonlyMap<string, LoadedSource>;
      readonly files: readonly PolicyFile[];
      /** The folder without what is laid over it, for further sets that are made of the same files. */
      readonly folder: CompiledFolder;
      /** What is probably not meant, and keeps nothing from being live. */
      readonly warnings: readonly Problem[];
      /** The policies as they were compiled, before any exception. */
      readonly compiled: readonly CompiledFile[];
      /** What further policies of this folder are compiled with. */
      readonly tools: CompileTools;
      readonly manifest: PolicyManifest;
      /** Expired ones as well. */
      readonly exceptions: readonly PolicyException[];
      /** What was laid over the folder. */
      readonly overlay: PolicyOverlay;
      /** What does not fit of what is laid over the folder. */
      readonly overlayProblems: readonly OverlayProblem[];
      /** The database policies that are part of the set. */
      readonly overlayFiles: readonly CompiledFile[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly files: readonly PolicyFile[] };

/** Reads and compiles a policies folder. Reports every problem of every file; a partial set is never the result. */
export async function loadPolicies(options: LoadOptions): Promise<LoadResult> {
  return compileTree(await readPolicyTree(options.dir), options);
}

/** The forms that policies are written in. */
const policyKinds: readonly FileKind[] = ["policy", "cel", "typescript"];

/** Compiles what was read. Every resource that a refused set had taken is given back. */
export async function compileTree(tree: PolicyTree, options: LoadOptions): Promise<LoadResult> {
  const { known, overlay = emptyOverlay } = options;
  const same = known?.digest === tree.digest && tree.problems.length === 0;
  const folder = same ? known : await compileFolder(tree, options);
  return folder instanceof CompiledFolder ? makeSet(folder, tree, overlay) : folder;
}

async function compileFolder(
  tree: PolicyTree,
  options: LoadOptions,
): Promise<CompiledFolder | (LoadResult & { readonly ok: false })> {
  const { dir, registry, cel, deployment = {} } = options;
  const problems: Problem[] = [...tree.problems];
  const ofKind = (...kinds: readonly FileKind[]) => tree.files.filter(({ kind }) => kinds.includes(kind));

  const read = readManifest(ofKind("manifest")[0], problems);
  const data = readData(ofKind("data"), problems);
  const modules = new Map(ofKind("module", "typescript", "data").map((file) => [file.path, file]));
  const basic: CompileTools = { dir, registry, cel, data, modules };
  const detectors = createDetectors(registry, read.manifest.facts, pluginCel(cel));
  const shelf = await compileAll(ofKind("library"), basic);
  const library: Library = new Map(shelf.map(({ id, content, policy }) => [id, policy ? (content ?? null) : null]));
  const tools: CompileTools = { ...basic, library, deployment, detectors };
  const own = await compileAll(ofKind(...policyKinds), tools);

  problems.push(...[...shelf, ...own].flatMap((file) => file.problems));
  problems.push(...duplicateIds(shelf), ...duplicateIds(own), ...conflicts(own));
  problems.push(...setProblems(own, shelf, deployment, detectors));
  const targets = { rules: new Map(own.map(({ id, policy }) => [id, policy?.rules])), manifest: read.manifest };
  const exceptionFiles = ofKind("exception").map((file) => ({ id: policyId(file.path), file }));
  problems.push(...duplicateIds(exceptionFiles, "exception"));
  const exceptions = readExceptions(ofKind("exception"), targets, problems);
  const ids = own.map(({ id }) => id);
  problems.push(...manifestProblems(read, tree.files, ids, detectorProblems(registry, detectors)));
  if (own.length === 0 && problems.length === 0 && options.allowEmpty !== true) {
    const message = "there are no policies here; put one in org/, or start with --allow-empty";
    problems.push(fileProblem("C039", labelOf(dir), message));
  }

  const warnings = problems.length > 0 ? [] : setWarnings({ ...deployment, own, shelf, exceptions, registry });
  dispose(shelf);
  if (problems.length > 0) {
    dispose(own);
    detectors.dispose();
    return { ok: false, problems: sortProblems(problems), files: tree.files };
  }
  const { digest } = tree;
  return new CompiledFolder({ digest, compiled: own, tools, manifest: read.manifest, exceptions, warnings });
}

/** Makes a set of a folder and what is laid over it. The folder is held as long as the set's snapshot lives. */
async function makeSet(folder: CompiledFolder, { digest, files }: PolicyTree, overlay: PolicyOverlay) {
  const { compiled, tools, manifest, exceptions, warnings } = folder;
  const release = folder.hold();
  try {
    const laid = await layOver(folder, overlay);
    for (const policy of laid.replaced) policy.dispose?.();
    const sources = [...compiled, ...laid.files].map(
      ({ id, file, owner }) => [id, { path: file.path, text: file.text, owner }] as const,
    );
    const revision = revisionOf(digest, overlay);
    const policies = applyExceptions(laid.policies, exceptions);
    return {
      ok: true,
      snapshot: new Snapshot(
        revision,
        policies,
        manifest.default,
        release,
        tools.detectors?.of,
        new Set(manifest.masked),
      ),
      sources: new Map(sources),
      files,
      folder,
      warnings,
      compiled,
      tools,
      manifest,
      exceptions,
      overlay,
      overlayProblems: laid.problems,
      overlayFiles: laid.files,
    } as const;
  } catch (error) {
    release();
    throw error;
  }
}

/** What is wrong with what a manifest says of a policy type's facts; `null` for nothing. */
function detectorProblems(registry: PluginDirectory, detectors: Detectors) {
  return (type: string): string | null => {
    const plugin = registry.get(type);
    if (plugin === undefined) return `there is no policy type '${type}'${suggestion(type, registry.names(), "types")}`;
    const [fact] = Object.keys(plugin.provides ?? {}) as FactName[];
    return fact === undefined ? `the policy type '${type}' finds no facts out` : detectors.whyNot(fact);
  };
}

/** Milliseconds of compiling after which requests get their turn: a large set takes longer than any of them may wait. */
const turnMs = 5;

async function compileAll(files: readonly PolicyFile[], tools: CompileTools): Promise<CompiledFile[]> {
  const compiled: CompiledFile[] = [];
  let from = performance.now();
  for (const file of files) {
    compiled.push(await compileFile(file, tools));
    if (performance.now() - from < turnMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    from = performance.now();
  }
  return compiled;
}

function dispose(files: readonly CompiledFile[]): void {
  for (const { policy } of files) policy?.dispose?.();
}
