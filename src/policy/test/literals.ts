import type { Node } from "@babel/types";

/** Fields that are for readers. */
const documentation: readonly string[] = ["summary", "description", "examples", "title", "docs", "owner"];
/** Fields whose text people are told. */
const told: readonly string[] = ["message"];

/**
 * Whether anything depends on a text: it is no sentence, and not what people are told or call something.
 *
 * @param ancestors the nodes it is in, the nearest first
 */
export function decides(node: Node, ancestors: readonly Node[]): boolean {
  return !isSentence(node) && !isTold(node, ancestors[0]) && !isPlainItem(node, ancestors[0]);
}

/** Whether this is a field of an object that is documentation, whatever it holds. */
export function isDocumented(node: Node): boolean {
  return documentation.includes(fieldOf(node) ?? "");
}

/** What is in several words is read by people. */
function isSentence(node: Node): boolean {
  const texts = node.type === "TemplateLiteral" ? node.quasis.map(({ value }) => value.raw) : [textOf(node)];
  return texts.some((text) => /\s/.test(text));
}

function textOf(node: Node): string {
  return node.type === "StringLiteral" ? node.value : "";
}

/** What people are told, or what they call a kind of error. */
function isTold(node: Node, parent: Node | undefined): boolean {
  if (parent === undefined) return false;
  if (told.includes(fieldOf(parent) ?? "")) return true;
  if (parent.type !== "AssignmentExpression" || parent.right !== node) return false;
  const { left } = parent;
  return left.type === "MemberExpression" && left.property.type === "Identifier" && left.property.name === "name";
}

function fieldOf(node: Node): string | undefined {
  if (node.type !== "ObjectProperty" || node.computed) return undefined;
  if (node.key.type === "Identifier") return node.key.name;
  return node.key.type === "StringLiteral" ? node.key.value : undefined;
}

/** An item of a list is dropped, which says as much. */
function isPlainItem(node: Node, parent: Node | undefined): boolean {
  return node.type === "StringLiteral" && parent?.type === "ArrayExpression";
}
