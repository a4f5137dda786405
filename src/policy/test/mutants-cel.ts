import { children, type Node } from "../../cel/ast.ts";
import type { CompiledCel } from "../../cel/cel.ts";
import { sliceOf } from "../../cel/slices.ts";
import type { Edit } from "./edit.ts";

const swaps: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "==": "!=",
  "!=": "==",
  "&&": "||",
  "||": "&&",
};
const methodSwaps: Readonly<Record<string, string>> = {
  startsWith: "endsWith",
  endsWith: "startsWith",
  exists: "all",
  all: "exists",
};

/** Every small change of an expression that a test should notice. */
export function expressionEdits({ tree, source }: Pick<CompiledCel, "tree" | "source">): readonly Edit[] {
  const edits: Edit[] = [];
  visit(tree);
  return edits;

  function visit(node: Node): void {
    const parts = children(node);
    if (node.op === "value") literal(node);
    if (swaps[node.op] !== undefined) between(parts[0]!, parts[1]!, node.op, swaps[node.op]!);
    if (node.op === "!_") edits.push({ start: node.start, end: node.start + 1, replacement: "" });
    if (node.op === "rcall") method(node);
    if (node.op === "list") dropItems(parts);
    for (const part of parts) visit(part);
  }

  /** Between two operands there are but the operator, white space, brackets and comments. */
  function between(left: Node, right: Node, operator: string, replacement: string): void {
    const from = sliceOf(left).end;
    const gap = source.slice(from, sliceOf(right).start).replace(/\/\/[^\n]*/g, (text) => " ".repeat(text.length));
    const at = gap.indexOf(operator);
    if (at >= 0) edits.push({ start: from + at, end: from + at + operator.length, replacement });
  }

  function method(node: Node): void {
    const [name, receiver] = node.args as [string, Node];
    const replacement = methodSwaps[name];
    const from = sliceOf(receiver).end;
    const at = source.indexOf(name, from);
    if (replacement !== undefined && at >= from && at < node.end) {
      edits.push({ start: at, end: at + name.length, replacement });
    }
  }

  function dropItems(items: readonly Node[]): void {
    for (const [i, item] of items.entries()) {
      const { start, end } = sliceOf(item);
      const next = items[i + 1];
      const previous = items[i - 1];
      if (next !== undefined) edits.push({ start, end: sliceOf(next).start, replacement: "" });
      else if (previous !== undefined) edits.push({ start: sliceOf(previous).end, end, replacement: "" });
    }
  }

  function literal(node: Node): void {
    const { text, start, end } = sliceOf(node);
    const replace = (replacement: string) => edits.push({ start, end, replacement });
    if (text === "true" || text === "false") replace(text === "true" ? "false" : "true");
    else if (/^\d+$/.test(text)) for (const value of neighbours(BigInt(text))) replace(String(value));
    else if (/^[rR]?["'].*["']$/s.test(text)) replace(otherText(text));
  }
}

function neighbours(value: bigint): bigint[] {
  return value === 0n ? [1n] : [value - 1n, value + 1n];
}

/** Another text, with the same quotes. */
function otherText(text: string): string {
  const quote = text.search(/["']/) + 1;
  return `${text.slice(0, quote)}~${text.slice(quote)}`;
}
