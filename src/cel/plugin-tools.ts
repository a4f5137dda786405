import type { Phase } from "../core/phases.ts";
import { type CelTest, PluginConfigError } from "../sdk/plugin.ts";
import type { Cel } from "./cel.ts";
import { CelProblem } from "./checks.ts";

/** The `cel` that the host lends to plugins. A problem becomes a PluginConfigError at the expression's path. */
export function pluginCel(cel: Cel): (path: string, expression: string, phase: Phase) => CelTest {
  return (path, expression, phase) => {
    try {
      return cel.condition(expression, phase);
    } catch (error) {
      if (!(error instanceof CelProblem)) throw error;
      throw new PluginConfigError(path, error.message, { start: error.start, end: error.end });
    }
  };
}
