import type { Phase } from "../core/phases.ts";
import { type CelTest, PluginConfigError } from "../sdk/plugin.ts";
import type { Cel, CelNames, CompiledCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { checkVaries } from "./constant.ts";

/**
 * The `cel` that the host lends to plugins. A problem becomes a PluginConfigError at the expression's path.
 *
 * @param names what expressions of the policy's folder can read beside facts
 * @param check what else is wrong with an expression, and where
 */
export function pluginCel(
  cel: Cel,
  names: Pick<CelNames, "data"> = {},
  check: (
    condition: CompiledCel,
  ) => { readonly message: string; readonly start: number; readonly end: number } | null = () => null,
): (path: string, expression: string, phase: Phase) => CelTest {
  return (path, expression, phase) => {
    try {
      const condition = cel.condition(expression, phase, names);
      checkVaries(condition);
      const problem = check(condition);
      if (problem === null) return condition;
      throw new PluginConfigError(path, problem.message, { start: problem.start, end: problem.end });
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      throw new PluginConfigError(path, error.message, { start: error.start, end: error.end });
    }
  };
}
