import type { CelNames, CompiledCel } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import { checkVaries } from "../cel/constant.ts";
import type { Phase } from "../core/phases.ts";
import type { Notes, PolicyContext } from "./context.ts";
import { namePattern, type PolicyFileContent } from "./schema.ts";

/** Variables of one policy; each may read those before it. */
const maxVariables = 32;
const isName = new RegExp(namePattern);

/** Compiles variables in their order; what is wrong is noted. */
export function compileVariables(
  content: PolicyFileContent,
  phase: Phase,
  names: Omit<CelNames, "vars">,
  { cel, notes }: Pick<PolicyContext, "cel" | "notes">,
): ReadonlyMap<string, CompiledCel> {
  const variables = new Map<string, CompiledCel>();
  const declared = Object.entries(content.variables ?? {});
  if (declared.length > maxVariables) {
    const message = `${declared.length} variables are too many; the most is ${maxVariables}`;
    notes.report("C006", ["variables"], message, "key");
    return variables;
  }
  for (const [name, source] of declared) {
    if (!checkName(notes, "variables", name)) continue;
    try {
      const variable = cel.compile(source, phase, { ...names, vars: variables });
      if (variable.type === "bool") checkVaries(variable);
      variables.set(name, variable);
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      notes.reportCel(["variables", name], error);
      notes.broken.add(`vars.${name}`);
    }
  }
  return variables;
}

/** Whether CEL could read a name that a section of the file declares; notes it when not. */
export function checkName(notes: Notes, section: string, name: string): boolean {
  if (isName.test(name)) return true;
  const message = `'${name}' is no name; use letters, digits and underscores, such as ${toName(name)}`;
  notes.report("C023", [section, name], message, "key");
  return false;
}

function toName(text: string): string {
  return text.replace(/[^A-Za-z0-9_]+/g, "_").replace(/^(?=\d)/, "_") || "name";
}
