import type { CelNames, CompiledCel } from "../cel/cel.ts";
import { CelProblem } from "../cel/checks.ts";
import { checkVaries } from "../cel/constant.ts";
import type { Phase } from "../core/phases.ts";
import type { PolicyContext } from "./context.ts";
import type { Path } from "./document.ts";

/** What conditions mean where they stand; the forms differ, so problems with a condition's value say it. */
const meanings = {
  gate: "a gate says when the policy applies",
  when: "'when' says what triggers the rule",
  must: "the body of a .cel file says what must be true",
} as const;

/** What a condition says. */
export interface ConditionPlace {
  readonly path: Path;
  readonly says: keyof typeof meanings;
}

/** Compiles a condition at a path of the file; `null` after noting what is wrong with it. */
export function compileCondition(
  source: string,
  phase: Phase,
  names: CelNames,
  { cel, notes }: Pick<PolicyContext, "cel" | "notes">,
  { path, says }: ConditionPlace,
): CompiledCel | null {
  try {
    const condition = cel.condition(source, phase, names);
    checkVaries(condition);
    return condition;
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    const { code, message, start, end } = error;
    const unclear = code === "C005" || code === "C008";
    notes.reportCel(path, unclear ? new CelProblem(code, `${message}; ${meanings[says]}`, start, end) : error);
    return null;
  }
}

/** The condition that holds when this one does not; `null` after noting why there is none. */
export function compileNegation(
  condition: CompiledCel,
  context: Pick<PolicyContext, "cel" | "notes">,
  place: ConditionPlace,
): CompiledCel | null {
  // A line of its own for the bracket: the last line of the source may be a comment.
  const source = `!(${condition.source}\n)`;
  try {
    return context.cel.condition(source, condition.phase, condition.names);
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    const { code, message, start, end } = error;
    context.notes.reportCel(place.path, new CelProblem(code, message, Math.max(0, start - 2), Math.max(0, end - 2)));
    return null;
  }
}
