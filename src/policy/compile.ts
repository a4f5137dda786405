import type { ScopeFactory } from "../cel/bindings.ts";
import type { Cel, CompiledCel } from "../cel/cel.ts";
import type { ParamValues } from "../core/overlay.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { ConfigProblem } from "../sdk/config.ts";
import type { Modules } from "./bundle.ts";
import type { Deployment } from "./checks/set.ts";
import { readPolicy } from "./content.ts";
import type { PolicyContext } from "./context.ts";
import type { NamedData } from "./data.ts";
import type { Detectors } from "./detectors.ts";
import type { PolicyDocument } from "./document.ts";
import { policyId } from "./kinds.ts";
import { isLibraryId, type Library, useLibrary, withParams } from "./library.ts";
import { checkModificationParams, fillModifications } from "./modify-values.ts";
import { compilePlugin, type PluginDirectory } from "./plugin.ts";
import { fileProblem, type Problem } from "./problem.ts";
import { compileRules } from "./rules.ts";
import type { PolicyFileContent } from "./schema.ts";
import { compileScopeOf } from "./scope.ts";
import type { PolicyFile } from "./tree.ts";
import { compileTypeScript } from "./typescript.ts";

/** What policies are compiled with. */
export interface CompileTools {
  /** The policies folder, for what a policy imports. */
  readonly dir: string;
  readonly registry: PluginDirectory;
  readonly cel: Cel;
  /** The folder's named data; none when absent. */
  readonly data?: NamedData;
  /** The folder's library; empty when absent. */
  readonly library?: Library;
  /** The files that TypeScript policies may import, by path. */
  readonly modules?: Modules;
  /** What the deployment has that policies may refer to. */
  readonly deployment?: Deployment;
  /** What finds out facts of prompts' words; what rules read of them is not checked when absent. */
  readonly detectors?: Detectors;
  /** Values for the policy's params instead of its defaults; they must be within its bounds. */
  readonly params?: ParamValues;
}

/** An expression that decides something in a policy, for tools that look at its parts: coverage and explanations. */
export interface Condition {
  /** Where it stands in the policy's content: `match.0`, `rules.1.when`, or `rules.0.must` of a `.cel` file. */
  readonly path: string;
  /** As it is written: `must` says the opposite of what triggers the rule. */
  readonly cel: CompiledCel;
  /** Makes what it is evaluated with. */
  readonly scopes: ScopeFactory;
}

/** One policy file, compiled or refused. */
export interface CompiledFile {
  readonly id: string;
  readonly file: PolicyFile;
  /** Absent when there are problems. */
  readonly policy?: CompiledPolicy;
  readonly problems: readonly Problem[];
  readonly owner: string;
  /** What the file says, with what it takes from the library; absent when there are problems, and of TypeScript. */
  readonly content?: PolicyFileContent;
  /** Gates, then the rules' conditions. Empty for a policy that has none, or whose conditions are code. */
  readonly conditions: readonly Condition[];
  /** The document, for problems that only show among several files; absent of TypeScript. */
  readonly document?: PolicyDocument;
  /** What its policy type says of its config. */
  readonly notes?: readonly ConfigProblem[];
}

/** Compiles one policy file, whatever its form. All that is wrong in it is reported, not only the first. */
export async function compileFile(file: PolicyFile, tools: CompileTools): Promise<CompiledFile> {
  switch (file.kind) {
    case "policy":
    case "cel":
    case "library":
      return compilePolicy(file, tools);
    case "typescript":
      return await compileTypeScript(file, tools.dir, tools.modules ?? new Map());
    default: {
      const problems = [fileProblem("C028", file.label, `a file of the kind '${file.kind}' is no policy`)];
      return { id: policyId(file.path), file, problems, owner: "", conditions: [] };
    }
  }
}

/** Compiles a policy of YAML, JSON or CEL. */
export function compilePolicy(file: PolicyFile, tools: CompileTools): CompiledFile {
  const { document, content: given } = readPolicy(file);
  const id = policyId(file.path);
  const refused = (owner = "") => ({ id, file, problems: document.problems, owner, document, conditions: [] });
  if (given === null) return refused();

  const source = sourceOf(given, file, tools, document);
  if (source === null) return refused(given.owner);
  const { notes } = source;
  const content = tools.params === undefined ? source.content : withParams(source.content, tools.params);
  const scope = compileScopeOf(content, file.path, notes);
  const { registry, cel, data, deployment } = tools;
  const { headers } = deployment ?? {};
  const visible = data?.visibleTo(file.path) ?? {};
  const context: PolicyContext = { id, notes, registry, cel, data: visible, ...(headers && { headers }) };
  checkModificationParams(content, notes);
  const compiled =
    content.uses === undefined ? compileRules(fillModifications(content), context) : compilePlugin(content, context);
  const parts: Partial<CompiledPolicy> | undefined = compiled?.parts;
  if (compiled === null || document.problems.length > 0) {
    parts?.dispose?.();
    return refused(content.owner);
  }

  const plugin = content.uses === undefined ? undefined : registry.get(content.uses);
  const policy: CompiledPolicy = {
    id,
    description: content.description ?? "",
    mode: content.mode ?? "enforce",
    onError: content.onError ?? plugin?.onError ?? "deny",
    priority: content.priority ?? 100,
    scope,
    uses: given.uses ?? "rules",
    ...compiled.parts,
  };
  const { conditions, notes: said = [] } = compiled;
  return { id, file, policy, problems: [], owner: content.owner ?? "", content, conditions, document, notes: said };
}

/** What a file says, with what it takes from the library; `null` after noting why it cannot. */
function sourceOf(
  given: PolicyFileContent,
  { kind }: PolicyFile,
  { library }: CompileTools,
  document: PolicyDocument,
): { readonly content: PolicyFileContent; readonly notes: PolicyContext["notes"] } | null {
  if (!isLibraryId(given.uses)) return { content: given, notes: document };
  if (kind !== "library") return useLibrary(given, library ?? new Map(), document);
  document.report("C047", ["uses"], "a library policy is whole in itself; it has rules or uses a policy type");
  return null;
}
