import { createRequire } from "node:module";
import type { ParserOptions } from "@babel/parser";
import type { Node } from "@babel/types";
import { editsOf } from "./code-edits.ts";
import { applyEdit, changeText, type Edit } from "./edit.ts";
import { isDocumented } from "./literals.ts";

/** A change of code, and how it is told. */
export interface CodeChange extends Edit {
  readonly change: string;
}

/** Values around which types stand. */
const typed: readonly string[] = ["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"];
const imports: readonly string[] = ["ImportDeclaration", "ExportAllDeclaration", "ImportExpression"];
/** Where types and comments hang on a node. */
const aside: readonly string[] = [
  ...["typeAnnotation", "returnType", "typeParameters", "typeArguments", "superTypeArguments", "implements"],
  ...["leadingComments", "innerComments", "trailingComments", "extra", "loc"],
];

/**
 * Every small change of TypeScript code that a test should notice, in the order of the text. Types, documentation and
 * what people are told stay as they are; a change that is no TypeScript is left out.
 *
 * @throws SyntaxError when the code is no TypeScript
 */
export function codeChanges(text: string): readonly CodeChange[] {
  const edits = editsInside(parse(text), [], text);
  const sorted = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  return sorted
    .filter((edit, i) => !sorted.slice(0, i).some((other) => isSame(edit, other)) && isCode(applyEdit(text, edit)))
    .map((edit) => ({ ...edit, change: told(text, edit) }));
}

function editsInside(node: Node, ancestors: readonly Node[], text: string): readonly Edit[] {
  if (imports.includes(node.type) || isDeclaredElsewhere(node) || isDocumented(node)) return [];
  const inside = [node, ...ancestors];
  if (typed.includes(node.type)) return editsInside((node as Node & { expression: Node }).expression, inside, text);
  if (node.type.startsWith("TS")) return [];
  return [...editsOf(node, ancestors, text), ...childrenOf(node).flatMap((child) => editsInside(child, inside, text))];
}

function parse(text: string): Node {
  // Loaded when it is needed: a run without mutation does without it.
  const parser = createRequire(import.meta.url)("@babel/parser") as typeof import("@babel/parser");
  const options: ParserOptions = {
    sourceType: "module",
    plugins: ["typescript"],
    createParenthesizedExpressions: true,
  };
  return parser.parse(text, options).program as Node;
}

function isCode(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

function isSame(one: Edit, other: Edit): boolean {
  return one.start === other.start && one.end === other.end && one.replacement === other.replacement;
}

/** What only names something of another file, or exists for the type checker alone. */
function isDeclaredElsewhere(node: Node): boolean {
  if (node.type === "ExportNamedDeclaration") return Boolean(node.source);
  return "declare" in node && node.declare === true;
}

function childrenOf(node: Node): readonly Node[] {
  const skipped = skippedOf(node);
  return Object.entries(node).flatMap(([key, value]: [string, unknown]) => {
    if (aside.includes(key) || skipped.includes(key)) return [];
    return (Array.isArray(value) ? value : [value]).filter(isNode);
  });
}

/** Names, which are no values, and the step of a `for`: a loop without end proves nothing about tests. */
function skippedOf(node: Node): readonly string[] {
  if (node.type === "ForStatement") return ["update"];
  return "key" in node && !("computed" in node && node.computed) ? ["key"] : [];
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

const longest = 60;

/** The change as people read it, on one line of bounded length. */
function told(text: string, edit: Edit): string {
  const { start, end, replacement } = edit;
  if (start === end) {
    // What is put in front of a text is told with the text.
    const quote = text[start - 1]!;
    const inside = text.slice(start, text.indexOf(quote, start));
    return `${short(quote + inside + quote)} → ${short(quote + replacement + inside + quote)}`;
  }
  const before = short(text.slice(start, end));
  return changeText(before, { start: 0, end: before.length, replacement: short(replacement) });
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}
