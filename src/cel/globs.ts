import type { FactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";
import { GlobPattern } from "./functions.ts";

/** A glob that a fact is held against, and where it stands. */
export interface GlobRead {
  readonly fact: FactName;
  readonly pattern: string;
  readonly start: number;
  readonly end: number;
}

/** Every `glob(fact, pattern)` of an expression, the pattern with its param's value where it is a param. */
export function globsRead(node: Node): readonly GlobRead[] {
  const inner = children(node).flatMap(globsRead);
  const [name, args] = node.op === "call" ? (node.args as [string, Node[]]) : [];
  const [text, glob] = args ?? [];
  if (name !== "glob" || text?.op !== "id" || !(glob?.args instanceof GlobPattern)) return inner;
  const { start, end } = glob;
  return [{ fact: text.args as FactName, pattern: glob.args.pattern, start, end }, ...inner];
}
