import type { PolicyDirectory, PolicyType } from "../core/policy-directory.ts";
import { compileTree, type LoadOptions } from "./load.ts";
import type { Problem } from "./problem.ts";
import type { PolicyService } from "./service.ts";
import { labelOf, type PolicyTree, readPolicyTree, seenTree, withFile } from "./tree.ts";
import { validateCel } from "./validate-cel.ts";

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
    validateCel: (question, sees) => validateCel(options.cel, options.dir, question, sees),
    async validate(content, path, sees) {
      const label = labelOf(options.dir);
      // People copy the path from a repository, where it begins with the folder.
      const inside = path.replace(/^\.?\/+/, "").replace(new RegExp(`^${RegExp.escape(label)}/`), "");
      const tree = seenTree(await readPolicyTree(options.dir, label), sees);
      const problems = await problemsOf(withFile(tree, inside, content, label), options);
      const elsewhere = problems.filter(({ file }) => file !== `${label}/${inside}`);
      if (elsewhere.length === 0) return problems;
      // What other files lose by it (data that they read, a policy that they except from) is a problem of this one.
      const known = new Set((await problemsOf(tree, options)).map(placeOf));
      return problems.filter((problem) => !elsewhere.includes(problem) || !known.has(placeOf(problem)));
    },
  };
}

/** Without the message, which may suggest other names now. */
function placeOf({ file, line, column, code }: Problem): string {
  return `${file}:${line}:${column} ${code}`;
}

async function problemsOf(tree: PolicyTree, options: LoadOptions): Promise<readonly Problem[]> {
  const result = await compileTree(tree, options);
  if (!result.ok) return result.problems;
  await result.snapshot.retire();
  return result.warnings;
}
