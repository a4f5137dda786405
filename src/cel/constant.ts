import { children } from "./ast.ts";
import type { CompiledCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { domainWords, type Formula, formulaOf, isAlways } from "./formula.ts";
import { sliceOf } from "./slices.ts";

/**
 * Looks for a part of a condition that is the same for every request, by what its facts can be: `clock.hour > 24`,
 * `request.bytes >= 0`, `x > 5 && x < 3`. What depends on a param is left alone: with another value it may not be.
 *
 * @throws CelProblem C008 for the innermost such part
 */
export function checkVaries(condition: CompiledCel): void {
  const { parts } = formulaOf(condition);
  for (const { node, formula } of parts) {
    const answer = constantValue(formula);
    if (answer === null) continue;
    const { text, start, end } = sliceOf(node);
    const words = text.replace(/\s+/g, " ");
    const shown = words.length > 60 ? `${words.slice(0, 59)}…` : words;
    const hint =
      children(node)
        .map(domainWords)
        .find((domain) => domain !== "") ?? "";
    const message = `'${shown}' is ${answer ? "always" : "never"} true, whatever the request${hint && `; ${hint}`}`;
    throw new CelProblem("C008", message, start, end);
  }
}

/** The value that a formula always has; `null` when it can have both, or there is too much to try. */
function constantValue(formula: Formula): boolean | null {
  const { terms, mentions } = formula;
  // Of parts that have nothing to do with each other, one that varies makes the whole vary; nearly all are so.
  if (mentions > 1 && mentions === terms.size) return null;
  if (mentions === 1 && terms.values().next().value?.kind === "bool") return null;
  return [true, false].find((value) => isAlways(formula, value) === true) ?? null;
}
