import { phases } from "../core/phases.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { Modules } from "./bundle.ts";
import { PolicyCode } from "./code.ts";
import type { CompiledFile } from "./compile.ts";
import { checkDefinition } from "./definition.ts";
import { compileHandlers } from "./handlers.ts";
import { policyId } from "./kinds.ts";
import { runPolicy } from "./run-code.ts";
import { compileScopeOf } from "./scope.ts";
import type { PolicyFile } from "./tree.ts";

/**
 * Compiles a `*.policy.ts` file: bundles it with its imports, runs it once, checks what it exports.
 *
 * Unchanged content is never run again. A file that is refused leaves nothing behind.
 *
 * @param dir the policies folder, for the npm packages that are imported
 * @param modules the files of the folder that may be imported
 */
export async function compileTypeScript(file: PolicyFile, dir: string, modules: Modules): Promise<CompiledFile> {
  const id = policyId(file.path);
  const ran = await runPolicy(file, dir, modules);
  if (!ran.ok) return { id, file, problems: ran.problems, owner: "", conditions: [] };

  const code = new PolicyCode(file.label, file.text);
  const definition = checkDefinition(ran.code.exports, code);
  const scope = definition === null ? {} : compileScopeOf(definition, file.path, code);
  if (definition === null || code.problems.length > 0) {
    return { id, file, problems: code.problems, owner: "", conditions: [] };
  }

  const root = file.label.slice(0, file.label.length - file.path.length);
  const located = (error: unknown): unknown => {
    const place = ran.code.placeOf(error);
    if (place === null) return error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new Error(`${root}${place.path}:${place.line}:${place.column}  ${what}`, { cause: error });
  };
  const handled = phases.filter((phase) => definition[phase] !== undefined);
  const policy: CompiledPolicy = {
    id,
    description: definition.description,
    mode: definition.mode ?? "enforce",
    onError: definition.onError ?? "deny",
    priority: definition.priority ?? 100,
    scope,
    uses: "typescript",
    reads: [...new Set(definition.reads ?? [])],
    evaluate: compileHandlers(definition, handled, located),
  };
  return { id, file, policy, problems: [], owner: definition.owner ?? "", conditions: [] };
}
