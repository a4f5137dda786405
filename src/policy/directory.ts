import type { PolicyDirectory, PolicyType } from "../core/control.ts";
import { compileTree, type LoadOptions } from "./load.ts";
import type { PolicyService } from "./service.ts";
import { labelOf, readPolicyTree, withFile } from "./tree.ts";

/** The policies of the running gateway, as the control plane looks at them. */
export function createPolicyDirectory(
  service: PolicyService,
  options: LoadOptions,
  types: () => readonly PolicyType[],
): PolicyDirectory {
  return {
    snapshot: () => service.live.current,
    source: (policyId) => service.sources().get(policyId) ?? null,
    state: () => service.status(),
    types,
    async validate(content, path) {
      const label = labelOf(options.dir);
      // People copy the path from a repository, where it begins with the folder.
      const inside = path.replace(/^\.?\/+/, "").replace(new RegExp(`^${RegExp.escape(label)}/`), "");
      const tree = withFile(await readPolicyTree(options.dir, label), inside, content, label);
      const result = await compileTree(tree, options);
      if (!result.ok) return result.problems.filter(({ file }) => file === `${label}/${inside}`);
      await result.snapshot.retire();
      return [];
    },
  };
}
