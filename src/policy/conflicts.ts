import type { Modification } from "../core/decision.ts";
import { contradict } from "../core/modify.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import type { CompiledFile } from "./compile.ts";
import { fillModifications } from "./modify-values.ts";
import { fileProblem, type Problem } from "./problem.ts";
import { ruleId } from "./rule.ts";
import { overlap } from "./scope.ts";

/** Files that would have the same id: names that differ only in their ending. */
export function duplicateIds(files: readonly Pick<CompiledFile, "id" | "file">[], what = "policy"): Problem[] {
  const first = new Map<string, Pick<CompiledFile, "id" | "file">>();
  const problems: Problem[] = [];
  for (const file of files) {
    const other = first.get(file.id);
    if (other === undefined) first.set(file.id, file);
    else {
      const message = `the ${what} id '${file.id}' is already taken by ${other.file.label}`;
      problems.push(fileProblem("C030", file.file.label, message));
    }
  }
  return problems;
}

/** One change of a policy's file, and where it stands. */
interface Change {
  readonly file: CompiledFile & { readonly policy: CompiledPolicy };
  readonly rule: number;
  readonly position: number;
  readonly change: Modification;
}

/**
 * Enforced rules of policies that may apply to one request must not want the same thing to be different values. Rules of
 * one policy with conditions are meant to exclude each other: should both fire, the request is refused.
 */
export function conflicts(files: readonly CompiledFile[]): Problem[] {
  const changes = files.flatMap(changesOf);
  const problems: Problem[] = [];
  for (const [i, later] of changes.entries()) {
    const earlier = changes
      .slice(0, i)
      .find(
        (other) =>
          contradict(other.change, later.change) &&
          !(other.file.id === later.file.id && (isConditional(other) || isConditional(later))) &&
          other.file.policy.priority === later.file.policy.priority &&
          overlap(other.file.policy.scope, later.file.policy.scope),
      );
    if (earlier === undefined) continue;
    const rule = `${earlier.file.id}/${ruleId(earlier.file.content!.rules![earlier.rule]!, earlier.rule)}`;
    const { op, path } = later.change;
    const [wanted, taken] = [shown(later.change.value), shown(earlier.change.value)];
    const verb = op === "route" ? "is routed" : "is set";
    const message = `${path} ${verb} to ${wanted} here and to ${taken} by ${rule}; give one of the policies another priority`;
    const { document, file } = later.file;
    const place = ["rules", later.rule, "modify", later.position];
    problems.push(document?.problemAt("C035", place, message) ?? fileProblem("C035", file.label, message));
  }
  return problems;
}

function isConditional({ file, rule }: Change): boolean {
  const spec = file.content!.rules![rule]!;
  return spec.when !== undefined || spec.must !== undefined;
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function changesOf(file: CompiledFile): Change[] {
  const { policy, content } = file;
  if (policy === undefined || policy.mode !== "enforce" || content === undefined) return [];
  return (fillModifications(content).rules ?? []).flatMap((spec, rule) =>
    (spec.modify ?? []).map((change, position) => ({
      file: { ...file, policy },
      rule,
      position,
      change: change as Modification,
    })),
  );
}
