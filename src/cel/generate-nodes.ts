import { type CheckedType, children, type Node } from "./ast.ts";
import { NotCompilable } from "./code.ts";
import { callTemplates, kindOf, type Template } from "./generate-calls.ts";
import { narrow } from "./ints.ts";
import type { Helper } from "./runtime.ts";
import { DURATION, TIMESTAMP } from "./types.ts";

/** Questions about checked nodes that generating code asks. */

export const scalars = new Set(["int", "double", "string", "bool", TIMESTAMP, DURATION]);
export const arithmetic: Readonly<Record<string, Helper>> = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
  "%": "modulo",
};

export const timeOperators: Readonly<Record<string, Helper>> = {
  [`${TIMESTAMP} ${TIMESTAMP} -`]: "spanBetween",
  [`${TIMESTAMP} ${DURATION} -`]: "momentBefore",
  [`${TIMESTAMP} ${DURATION} +`]: "momentAfter",
  [`${DURATION} ${DURATION} +`]: "addSpans",
  [`${DURATION} ${DURATION} -`]: "subtractSpans",
};

export function isConcrete(type: string): boolean {
  return !/\b(dyn|[A-Z?])\b/.test(type) && type !== "?";
}

export function isEmpty(node: Node): boolean {
  return (node.op === "list" || node.op === "map") && (node.args as unknown[]).length === 0;
}

export function templateOf(node: Node): Template {
  const [name] = node.args as [string];
  const template = callTemplates[`${node.op === "rcall" ? "." : ""}${name}(${children(node).map(kindOf).join(", ")})`];
  if (template === undefined) throw new NotCompilable(name);
  return template;
}

export function readsVariable(node: Node): boolean {
  return node.op === "id" ? (node.args as string).startsWith("vars.") : children(node).some(readsVariable);
}

export function isOpaque(node: Node): boolean {
  return ["LinearRegex", "GlobPattern", "AddressBlock", "TextSet", "NumberSet"].includes(typeName(node));
}

export function typeName({ checkedType }: { readonly checkedType?: CheckedType }): string {
  return checkedType?.name ?? "?";
}

/** The node itself, when it is of this type. */
export function only(node: Node, type: string): Node {
  if (typeName(node) !== type) throw new NotCompilable(`${typeName(node)} for ${type}`);
  return node;
}

export function operandsOf(node: Node, op: string): readonly Node[] {
  return node.op === op ? (node.args as Node[]).flatMap((operand) => operandsOf(operand, op)) : [node];
}

/** The elements of a list of texts or ints that is the same for every request. */
export function knownElements(node: Node): readonly unknown[] | null {
  const listed = node.op === "list" ? (node.args as Node[]) : [];
  const elements: unknown =
    node.op === "value" ? node.args : listed.map(({ op, args }) => (op === "value" ? args : {}));
  if (!Array.isArray(elements) || elements.length === 0) return null;
  if (elements.every((value) => typeof value === "string")) return elements;
  return elements.every((value) => typeof value === "bigint") ? elements.map(narrow) : null;
}
