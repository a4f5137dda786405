import type { Node } from "@babel/types";
import type { Edit } from "./edit.ts";
import { decides } from "./literals.ts";

const swaps: Readonly<Record<string, string>> = {
  ...{ "<": "<=", "<=": "<", ">": ">=", ">=": ">" },
  ...{ "==": "!=", "!=": "==", "===": "!==", "!==": "===" },
  ...{ "&&": "||", "||": "&&", "&&=": "||=", "||=": "&&=", "??=": "=" },
  ...{ "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "+=": "-=", "-=": "+=" },
};
const methodSwaps: Readonly<Record<string, string>> = {
  ...{ min: "max", max: "min", floor: "ceil", ceil: "floor" },
  ...{ some: "every", every: "some", startsWith: "endsWith", endsWith: "startsWith" },
};
/** Where a statement can be left out. */
const bodies: readonly string[] = ["Program", "BlockStatement", "SwitchCase"];
/** What leaves a function or a turn of a loop: a condition before it is a guard. */
const jumps: readonly string[] = ["ReturnStatement", "ContinueStatement", "BreakStatement", "ThrowStatement"];

/**
 * The small changes of a piece of code itself, not of its parts.
 *
 * @param ancestors the nodes it is in, the nearest first
 * @param text the whole code
 */
export function editsOf(node: Node, ancestors: readonly Node[], text: string): readonly Edit[] {
  switch (node.type) {
    case "BinaryExpression":
      return node.operator === "+" && joinsTexts(node) ? [] : otherOperator(node, text);
    case "LogicalExpression":
      return node.operator === "??" ? oneSide(node) : otherOperator(node, text);
    case "AssignmentExpression":
      return otherOperator(node, text);
    case "UnaryExpression":
      return node.operator === "!" ? [without(node.start!, node.argument.start!)] : [];
    case "ConditionalExpression":
      return opposite(node.test, text);
    case "IfStatement":
      return isGuard(node, ancestors[0]) ? [without(node.start!, node.end!)] : opposite(node.test, text);
    case "CallExpression":
      return otherMethod(node.callee as Node);
    case "ArrayExpression":
      return withoutItems(node.elements as readonly (Node | null)[]);
    case "BooleanLiteral":
      return [instead(node, String(!node.value))];
    case "NumericLiteral":
      return neighbours(node.value).map((value) => instead(node, String(value)));
    case "StringLiteral":
    case "TemplateLiteral":
      return decides(node, ancestors) ? [{ start: node.start! + 1, end: node.start! + 1, replacement: "~" }] : [];
    default:
      return [];
  }
}

function instead({ start, end }: Node, replacement: string): Edit {
  return { start: start!, end: end!, replacement };
}

function without(start: number, end: number): Edit {
  return { start, end, replacement: "" };
}

interface Operation {
  readonly left: Node;
  readonly right: Node;
  readonly operator: string;
}

/** Between two operands there are but the operator, white space, brackets and comments. */
function otherOperator({ left, right, operator }: Operation, text: string): readonly Edit[] {
  const replacement = swaps[operator];
  const from = left.end!;
  const gap = text.slice(from, right.start!).replace(/\/\/[^\n]*/g, (comment) => " ".repeat(comment.length));
  const at = gap.indexOf(operator);
  if (replacement === undefined || at < 0) return [];
  return [{ start: from + at, end: from + at + operator.length, replacement }];
}

/** Of a value with another one for its absence: each of the two alone. */
function oneSide({ left, right }: Operation): readonly Edit[] {
  return [without(left.end!, right.end!), without(left.start!, right.start!)];
}

/** As much as to swap the branches. Where a change of the condition says that anyway, it would be the same twice. */
function opposite(test: Node, text: string): readonly Edit[] {
  const isNot = test.type === "UnaryExpression" && test.operator === "!";
  const isEquality = test.type === "BinaryExpression" && /^[!=]==?$/.test(test.operator);
  return isNot || isEquality ? [] : [instead(test, `!(${text.slice(test.start!, test.end!)})`)];
}

/** Whether it only keeps what comes after it from being reached. */
function isGuard({ consequent, alternate }: Node & { type: "IfStatement" }, parent: Node | undefined): boolean {
  const last = consequent.type === "BlockStatement" ? consequent.body.at(-1) : consequent;
  return !alternate && jumps.includes(last?.type ?? "") && bodies.includes(parent?.type ?? "");
}

function otherMethod(callee: Node): readonly Edit[] {
  if (callee.type !== "MemberExpression" || callee.computed || callee.property.type !== "Identifier") return [];
  const { name } = callee.property;
  return Object.hasOwn(methodSwaps, name) ? [instead(callee.property, methodSwaps[name]!)] : [];
}

function withoutItems(items: readonly (Node | null)[]): readonly Edit[] {
  return items.flatMap((item, i) => {
    const [next, previous] = [items[i + 1], items[i - 1]];
    if (item === null) return [];
    return [next ? without(item.start!, next.start!) : without(previous?.end ?? item.start!, item.end!)];
  });
}

function neighbours(value: number): readonly number[] {
  return value === 0 ? [1] : [value - 1, value + 1];
}

/** Whether this is a `+` of texts. */
function joinsTexts(node: Node): boolean {
  if (node.type === "BinaryExpression") return joinsTexts(node.left) || joinsTexts(node.right);
  return node.type === "StringLiteral" || node.type === "TemplateLiteral";
}
