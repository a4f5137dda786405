/**
 * Runs before a mutant's tests, in the copied project: a plugin that no registry takes proves nothing about tests, so
 * the process ends here. `MUTANT_FOLDER` is the plugin's folder.
 */
import { basename, join } from "node:path";
import fc from "fast-check";
import { checkPlugin } from "../../../src/registry/check.ts";

/** How the process ends then. */
export const refusedCode = 97;

const folder = process.env.MUTANT_FOLDER;
if (folder !== undefined) {
  // The same mutant is noticed by the same examples in every run.
  fc.configureGlobal({ seed: 1 });
  if (!(await isPlugin(folder))) process.exit(refusedCode);
}

async function isPlugin(dir: string): Promise<boolean> {
  try {
    const module: { default?: unknown } = await import(join(dir, "plugin.ts"));
    return checkPlugin(module.default, basename(dir)).length === 0;
  } catch {
    return false;
  }
}
