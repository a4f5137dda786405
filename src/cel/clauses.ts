import type { ClauseValue } from "../core/explain.ts";
import type { Facts } from "../core/facts.ts";
import type { Node } from "./ast.ts";
import type { CelScope } from "./bindings.ts";
import { type CompiledCel, celText } from "./cel.ts";
import { type Evaluated, isBool, isConnective, operandsOf, PartEvaluator, type PartInputs, varies } from "./parts.ts";
import { type Slice, sliceOf } from "./slices.ts";

/**
 * Every smallest boolean part of a condition that can be true and false: comparisons, calls, macros as a whole and
 * boolean names, in the order of their places. What is the same for every request, such as a param, is no such part.
 */
export function branchesOf(condition: CompiledCel): readonly Slice[] {
  const branches: Slice[] = [];
  collect(condition.tree);
  return branches;

  function collect(node: Node): void {
    const connects = isConnective(node);
    if (!connects && isBool(node) && varies(node)) branches.push(sliceOf(node));
    // `request.stream == false` says as much of `request.stream` as that would itself.
    for (const part of operandsOf(node)) if (connects || part.op !== "id") collect(part);
  }
}

/**
 * What a condition and its parts came to with these facts. What CEL would not evaluate, such as the right side of
 * `false && x`, is not evaluated and not there.
 *
 * @param scope the policy's, when the condition may read its variables
 * @param hidden facts whose values cannot be told; a part that depends on them says why instead
 */
export function clausesOf(
  condition: CompiledCel,
  facts: Facts,
  scope?: CelScope,
  hidden?: PartInputs["hidden"],
): ClauseValue {
  return toClause(new PartEvaluator(condition, { facts, scope, hidden }).evaluate(condition.tree));
}

/** What was evaluated, as it is shown. */
export function toClause({ slice, outcome, clauses }: Evaluated): ClauseValue {
  return {
    ...slice,
    value: outcome.ok ? celText(outcome.value) : null,
    ...(!outcome.ok && { error: outcome.error }),
    clauses: clauses.map(toClause),
  };
}
