import { type FactName, factCatalogue, isFactName } from "../core/facts.ts";
import { children, type Node } from "./ast.ts";

/** A text that an expression looks for in a list among the facts, and where it says so. */
export interface SoughtElement {
  readonly list: FactName;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const macros: ReadonlySet<string> = new Set(["exists", "exists_one", "all", "filter"]);

/** Every text that an expression looks for in a list: `"x" in l`, `l.exists(e, e == "x")`, `l.all(e, e in ["x", "y"])`. */
export function elementsSought(node: Node, elements: ReadonlyMap<string, FactName> = new Map()): SoughtElement[] {
  if (node.op === "in") {
    const [left, right] = children(node) as [Node, Node];
    const list = listOf(right);
    if (list !== null) return textsIn(left).map((found) => ({ list, ...found }));
    const of = elements.get(left.args as string);
    if (left.op === "id" && of !== undefined) return textsIn(right).map((found) => ({ list: of, ...found }));
  }
  if (node.op === "==" || node.op === "!=") {
    const [left, right] = children(node) as [Node, Node];
    for (const [name, value] of [
      [left, right],
      [right, left],
    ] as const) {
      const list = name.op === "id" ? elements.get(name.args as string) : undefined;
      if (list !== undefined) return textsIn(value).map((found) => ({ list, ...found }));
    }
  }
  if (node.op === "rcall") {
    const [macro, receiver, args] = node.args as [string, Node, Node[]];
    const list = listOf(receiver);
    const [variable, ...body] = args;
    if (macros.has(macro) && list !== null && variable?.op === "id") {
      const inner = new Map(elements).set(variable.args as string, list);
      return body.flatMap((part) => elementsSought(part, inner));
    }
  }
  return children(node).flatMap((part) => elementsSought(part, elements));
}

function listOf(node: Node): FactName | null {
  if (node.op !== "id" || !isFactName(node.args as string)) return null;
  const name = node.args as FactName;
  return factCatalogue[name].type === "list<string>" ? name : null;
}

/** The texts that a literal holds: a text, or a list of them. */
function textsIn(node: Node): Omit<SoughtElement, "list">[] {
  if (node.op === "list") return children(node).flatMap(textsIn);
  if (node.op !== "value") return [];
  const { start, end } = node;
  const texts = [node.args].flat().filter((text) => typeof text === "string");
  return texts.map((text) => ({ text, start, end }));
}
