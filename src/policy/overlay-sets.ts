import type { Modification } from "../core/decision.ts";
import { contradict } from "../core/modify.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { CompiledFile } from "./compile.ts";
import { overlap } from "./scope.ts";

type Compiled = CompiledFile & { readonly policy: CompiledPolicy };

/**
 * Where a database policy would undo what a rule of git's sets: by a higher priority, which decides between two that set
 * the same, or by removing it, which goes before setting. Messages for people.
 */
export function overriddenSets(git: readonly Compiled[], database: Compiled): readonly string[] {
  const own = changesOf(database);
  if (own.length === 0) return [];
  return git
    .filter(({ policy }) => overlap(policy.scope, database.policy.scope))
    .flatMap((file) => {
      const { priority } = file.policy;
      const above = database.policy.priority > priority;
      return changesOf(file).flatMap((change) => {
        if (above && own.some((other) => contradict(change, other))) {
          return [`${file.id} sets ${change.path} to another value, and git's holds; use a priority below ${priority}`];
        }
        const removed = own.some(({ op, path }) => op === "remove" && path === change.path && change.op === "set");
        return removed ? [`${file.id} sets ${change.path}, which is removed here, and git's holds`] : [];
      });
    });
}

function changesOf({ policy, content }: Compiled): readonly Modification[] {
  if (policy.mode !== "enforce") return [];
  return (content?.rules ?? []).flatMap(({ modify = [] }) => modify as readonly Modification[]);
}
