import type { Duration } from "@marcbachmann/cel-js/evaluator";
import { children, type Node } from "./ast.ts";
import { CelProblem } from "./checks.ts";
import { fail } from "./failure.ts";
import { kindOf } from "./generate-calls.ts";
import { within64 } from "./ints.ts";
import { addSpans, compareSpans, momentAfter, momentBefore, spanBetween, subtractSpans } from "./time.ts";
import { DURATION, TIMESTAMP } from "./types.ts";

type Operator = (left: never, right: never) => unknown;

/** Operators whose implementation in the library leaves the range of their type, or rounds. */
const operators: Readonly<Record<string, Operator | undefined>> = {
  "int / int": (a: bigint, b: bigint) => (b === 0n ? fail("division_by_zero") : within64(a / b)),
  [`${TIMESTAMP} - ${TIMESTAMP}`]: spanBetween,
  [`${TIMESTAMP} - ${DURATION}`]: momentBefore,
  [`${TIMESTAMP} + ${DURATION}`]: momentAfter,
  [`${DURATION} + ${DURATION}`]: addSpans,
  [`${DURATION} - ${DURATION}`]: subtractSpans,
  [`${DURATION} < ${DURATION}`]: (a: Duration, b: Duration) => compareSpans(a, b) < 0,
  [`${DURATION} <= ${DURATION}`]: (a: Duration, b: Duration) => compareSpans(a, b) <= 0,
  [`${DURATION} > ${DURATION}`]: (a: Duration, b: Duration) => compareSpans(a, b) > 0,
  [`${DURATION} >= ${DURATION}`]: (a: Duration, b: Duration) => compareSpans(a, b) >= 0,
};

/**
 * Goes over a checked tree: makes the library's operators what the specification says, and refuses what its checker
 * lets through with a type that the value would not have.
 *
 * @throws CelProblem C004 for the first thing found
 */
export function makeStrict(node: Node): void {
  for (const part of children(node)) makeStrict(part);
  if (node.op === "-_" && node.checkedType?.name === "int") {
    node.handle = (value: bigint) => within64(-value);
    return;
  }
  const [left, right] = children(node);
  if (left === undefined) return;
  if (node.op === "[]" && left.checkedType?.kind === "map") {
    const key = left.checkedType.keyType?.name ?? "string";
    const given = kindOf(right!);
    if (given !== key && key.length > 1 && key !== "dyn" && given !== "dyn") {
      throw new CelProblem("C004", `the keys of this map are of type ${key}, not ${given}`, right!.start, right!.end);
    }
  }
  if (right === undefined) return;
  const types = `${kindOf(left)} ${node.op} ${kindOf(right)}`;
  if (types === `${DURATION} + ${TIMESTAMP}`) {
    throw new CelProblem("C004", "write the timestamp first: timestamp + duration", node.start, node.end);
  }
  const operator = operators[types];
  if (operator !== undefined) node.handle = operator;
}
