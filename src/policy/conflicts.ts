import type { Modification } from "../core/decision.ts";
import { entry } from "../core/entry.ts";
import { canonical } from "../core/modify.ts";
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
  /** Which of the files it is of. */
  readonly order: number;
  readonly rule: number;
  readonly position: number;
  readonly change: Modification;
}

/**
 * Enforced rules of policies that may apply to one request must not want the same thing to be different values. Rules of
 * one policy with conditions are meant to exclude each other: should both fire, the request is refused.
 */
export function conflicts(files: readonly CompiledFile[]): Problem[] {
  // Only what would be the same thing with another value is compared: nearly all changes are about other things.
  const groups = new Map<string, Map<string, Change[]>>();
  return files.flatMap(changesOf).flatMap((later) => {
    const { op, path, value } = later.change;
    if (op !== "set" && op !== "route") return [];
    const values = entry(groups, `${op} ${path} ${later.file.policy.priority}`, () => new Map<string, Change[]>());
    const wanted = canonical(value);
    const earlier = [...values]
      .filter(([other]) => other !== wanted)
      .flatMap(([, changes]) => changes.find((other) => meet(other, later)) ?? [])
      .sort((a, b) => a.order - b.order)[0];
    entry(values, wanted, () => []).push(later);
    return earlier === undefined ? [] : conflict(earlier, later);
  });
}

/** Whether two changes may be asked for of one request. */
function meet(a: Change, b: Change): boolean {
  if (a.file.id === b.file.id && (isConditional(a) || isConditional(b))) return false;
  return overlap(a.file.policy.scope, b.file.policy.scope);
}

function conflict(earlier: Change, later: Change): Problem {
  const rule = `${earlier.file.id}/${ruleId(earlier.file.content!.rules![earlier.rule]!, earlier.rule)}`;
  const { op, path } = later.change;
  const [wanted, taken] = [shown(later.change.value), shown(earlier.change.value)];
  const verb = op === "route" ? "is routed" : "is set";
  const message = `${path} ${verb} to ${wanted} here and to ${taken} by ${rule}; give one of the policies another priority`;
  const { document, file } = later.file;
  const place = ["rules", later.rule, "modify", later.position];
  return document?.problemAt("C035", place, message) ?? fileProblem("C035", file.label, message);
}

function isConditional({ file, rule }: Change): boolean {
  const spec = file.content!.rules![rule]!;
  return spec.when !== undefined || spec.must !== undefined;
}

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function changesOf(file: CompiledFile, index: number): Change[] {
  const { policy, content } = file;
  if (policy === undefined || policy.mode !== "enforce" || content === undefined) return [];
  return (fillModifications(content).rules ?? []).flatMap((spec, rule) =>
    (spec.modify ?? []).map((change, position) => ({
      file: { ...file, policy },
      order: index,
      rule,
      position,
      change: change as Modification,
    })),
  );
}
