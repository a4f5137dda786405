import { type FactName, factCatalogue, isFactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";

/** A key of a map that an expression asks for by a literal, and where. */
export interface KeyRead {
  readonly map: FactName;
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Every key of a map among the facts that an expression names: `request.headers.x`, `m["x"]`, `"x" in m`, `has(m.x)`. */
export function keysRead(node: Node): readonly KeyRead[] {
  const own = keyOf(node);
  const inner = children(node).flatMap(keysRead);
  return own === null ? inner : [own, ...inner];
}

function keyOf(node: Node): KeyRead | null {
  const [left, right] = node.op === "." ? [(node.args as [Node, string])[0]] : children(node);
  const range = { start: node.start, end: node.end };
  switch (node.op) {
    case ".":
      return isMap(left) ? { map: left.args, key: (node.args as [Node, string])[1], ...range } : null;
    case "[]":
      return isMap(left) && isText(right) ? { map: left.args, key: right.args, ...range } : null;
    case "in":
      return isMap(right) && isText(left) ? { map: right.args, key: left.args, ...range } : null;
    default:
      return null;
  }
}

function isMap(node: Node | undefined): node is Node & { readonly args: FactName } {
  return (
    node?.op === "id" && isFactName(node.args as string) && factCatalogue[node.args as FactName].type.startsWith("map")
  );
}

function isText(node: Node | undefined): node is Node & { readonly args: string } {
  return node?.op === "value" && typeof node.args === "string";
}
