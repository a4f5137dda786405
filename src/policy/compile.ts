import type { ScopeFactory } from "../cel/bindings.ts";
import type { Cel, CompiledCel } from "../cel/cel.ts";
import type { Phase } from "../core/phases.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { ConfigErrors, parseConfig } from "../sdk/config.ts";
import { PolicyDocument } from "./document.ts";
import { compilePlugin, type PluginDirectory } from "./plugin.ts";
import { fileProblem, type Problem } from "./problem.ts";
import { compileRules } from "./rules.ts";
import { manifestSchema, type PolicyFileContent, policySchema } from "./schema.ts";
import { compileScopeOf } from "./scope.ts";
import type { PolicyFile } from "./tree.ts";

/** What policies are compiled with. */
export interface CompileTools {
  /** The policies folder, for what a policy imports. */
  readonly dir: string;
  readonly registry: PluginDirectory;
  readonly cel: Cel;
}

/** An expression that decides something in a policy, for tools that look at its parts: coverage and explanations. */
export interface Condition {
  /** Where it stands in the policy's content, such as `match.0` or `rules.1.when`. */
  readonly path: string;
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
  /** What the file says; absent when there are problems, and of TypeScript. */
  readonly content?: PolicyFileContent;
  /** Gates, then the rules' conditions. Empty for a policy that has none, or whose conditions are code. */
  readonly conditions: readonly Condition[];
  /** The document, for problems that only show among several files; absent of TypeScript. */
  readonly document?: PolicyDocument;
}

/** The phases that the gateway asks policies in. What is for another would never be asked, so it is refused. */
const enforced: readonly Phase[] = ["request", "response", "usage"];

/** Compiles one policy file, whatever its form. All that is wrong in it is reported, not only the first. */
export async function compileFile(file: PolicyFile, tools: CompileTools): Promise<CompiledFile> {
  switch (file.kind) {
    case "policy":
      return compilePolicy(file, tools);
    default: {
      const message = `files of the kind '${file.kind}' are not supported by this version; write a *.policy.yaml`;
      const problems = [fileProblem("C028", file.label, message)];
      return { id: policyId(file.path), file, problems, owner: "", conditions: [] };
    }
  }
}

function compilePolicy(file: PolicyFile, { registry, cel }: CompileTools): CompiledFile {
  const document = new PolicyDocument(file.label, file.text);
  const id = policyId(file.path);
  const refused = (owner = "") => ({ id, file, problems: document.problems, owner, document, conditions: [] });
  if (document.problems.length > 0) return refused();

  const content = parse(document);
  if (content === null) return refused();
  const scope = compileScopeOf(content, file.path, document);
  const compiled =
    content.uses === undefined
      ? compileRules(content, id, cel, document)
      : compilePlugin(content, registry, cel, document);
  const parts: Partial<CompiledPolicy> | undefined = compiled?.parts;
  if (parts?.evaluate !== undefined) checkPhases(parts.evaluate, content.uses, document);
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
    uses: content.uses ?? "rules",
    ...compiled.parts,
  };
  const { conditions } = compiled;
  return { id, file, policy, problems: [], owner: content.owner ?? "", content, conditions, document };
}

/** A policy type is looked at with its config: it may have a handler for a phase only when the config asks for one. */
function checkPhases(evaluate: CompiledPolicy["evaluate"], uses: string | undefined, document: PolicyDocument): void {
  for (const phase of Object.keys(evaluate) as Phase[]) {
    if (enforced.includes(phase)) continue;
    const what = uses === undefined ? "rules" : `handlers of the policy type '${uses}'`;
    const message = `${what} in phase ${phase} are not enforced by this version; enforced: ${enforced.join(", ")}`;
    document.report("C037", [uses === undefined ? "phase" : "uses"], message);
  }
}

/** The path is the identity: without the ending. */
export function policyId(path: string): string {
  return path.replace(/\.(policy\.(yaml|yml|json|ts)|cel)$/, "");
}

function parse(document: PolicyDocument): PolicyFileContent | null {
  const content = parseWhatFits(document);
  if (content === null) return null;
  if (content.rules === undefined && content.uses === undefined) {
    // A file whose rules were refused for their form has said enough.
    if (document.problems.length === 0) {
      document.report("C023", [], "a policy has either 'rules' or 'uses' with 'with'; this one has neither");
    }
    return null;
  }
  if (content.with !== undefined && content.uses === undefined) {
    document.report("C033", ["with"], "'with' has no effect without 'uses'", "key");
  }
  return content;
}

/** The content without what the schema refuses, so that the rest of a wrong file is checked as well. */
function parseWhatFits(document: PolicyDocument): PolicyFileContent | null {
  try {
    return parseConfig(policySchema, document.value);
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
    const rest = structuredClone(document.value);
    for (const { path } of error.errors) remove(rest, path);
    try {
      return parseConfig(policySchema, rest);
    } catch {
      return null;
    }
  }
}

/** Elements of lists stay: without one the others would have another place. */
function remove(value: unknown, path: readonly (string | number)[]): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, part) => (at as Record<string | number, unknown>)?.[part], value);
  const key = path.at(-1);
  if (typeof parent === "object" && parent !== null && !Array.isArray(parent) && key !== undefined) {
    delete (parent as Record<string | number, unknown>)[key];
  }
}

/** The manifest's default; what is wrong is added to `problems`. */
export function compileManifest(file: PolicyFile | undefined, problems: Problem[]): "allow" | "deny" {
  if (file === undefined) return "allow";
  const document = new PolicyDocument(file.label, file.text);
  try {
    if (document.problems.length === 0) return parseConfig(manifestSchema, document.value).default ?? "allow";
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    document.reportConfig("C023", [], error);
  } finally {
    problems.push(...document.problems);
  }
  return "allow";
}
