import type { Node } from "./ast.ts";

/** Where a part of an expression stands in its source. */
export interface Slice {
  readonly text: string;
  /** In UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** Texts and comments, in which brackets mean nothing. */
const opaque =
  /[rR]?"""[\s\S]*?"""|[rR]?'''[\s\S]*?'''|[rR]"[^"\n]*"|[rR]'[^'\n]*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\/[^\n]*/g;

/**
 * The source of a node, as an expression of its own.
 *
 * The parser leaves brackets out of the range of what they hold, so the range of `(a || b) && c` begins behind the
 * first of them; what is open or closed too often is taken in from both sides.
 */
export function sliceOf({ input, start: from, end: to }: Pick<Node, "input" | "start" | "end">): Slice {
  const masked = input.replace(opaque, (text) => " ".repeat(text.length));
  let open = 0;
  let missing = 0;
  for (const character of masked.slice(from, to)) {
    if (character === "(") open += 1;
    else if (character === ")" && open > 0) open -= 1;
    else if (character === ")") missing += 1;
  }
  let start = from;
  for (; missing > 0 && start > 0; missing -= 1) start = masked.lastIndexOf("(", start - 1);
  let end = to;
  for (; open > 0 && end < input.length; open -= 1) end = masked.indexOf(")", end) + 1;
  return { text: input.slice(start, end), start, end };
}
