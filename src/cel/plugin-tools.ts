import type { Phase } from "../core/phases.ts";
import { type CelTest, PluginConfigError } from "../sdk/plugin.ts";
import type { Cel, CelNames } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { checkVaries } from "./constant.ts";

/**
 * The `cel` that the host lends to plugins. A problem becomes a PluginConfigError at the expression's path.
 *
 * @param names what expressions of the policy's folder can read beside facts
 */
export function pluginCel(
  cel: Cel,
  names: Pick<CelNames, "data"> = {},
): (path: string, expression: string, phase: Phase) => CelTest {
  return (path, expression, phase) => {
    try {
      const condition = cel.condition(expression, phase, names);
      checkVaries(condition);
      return condition;
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      throw new PluginConfigError(path, error.message, { start: error.start, end: error.end });
    }
  };
}
