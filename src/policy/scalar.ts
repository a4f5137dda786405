import type { Scalar } from "yaml";

/**
 * Maps positions in a scalar's text to positions in its file.
 *
 * YAML folds lines, strips indentation and has escapes, so a place in an expression is not simply so many characters
 * after where the scalar begins. White space may stand for any white space in the file; everything else is there as it
 * is, or as an escape.
 */
export function scalarOffsets(node: Scalar<string>, source: string): (offset: number) => number {
  const [start, end] = node.range ?? [0, 0, 0];
  const text = node.value;
  const positions: number[] = [];
  let at = start;

  if (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED") at = source.indexOf("\n", start) + 1;
  else if (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE") at += 1;

  for (const character of text) {
    const isSpace = /\s/.test(character);
    if (node.type === "QUOTE_DOUBLE") at = skipContinuation(source, at);
    const escapes = node.type === "QUOTE_DOUBLE" && source[at] === "\\" ? escapeLength(source, at) : 0;
    if (escapes === 0 && !isSpace) while (at < end && /\s/.test(source[at]!)) at += 1;
    for (let unit = 0; unit < character.length; unit++) positions.push(escapes === 0 ? at + unit : at);
    if (escapes > 0) at += escapes;
    else if (node.type === "QUOTE_SINGLE" && character === "'") at += 2;
    else if (!isSpace || /\s/.test(source[at] ?? "")) at += character.length;
  }
  const last = (positions.at(-1) ?? at - 1) + 1;
  return (offset) => positions[offset] ?? last;
}

function skipContinuation(source: string, at: number): number {
  const continued = /^\\\r?\n[ \t]*/.exec(source.slice(at, at + 256));
  return at + (continued?.[0].length ?? 0);
}

function escapeLength(source: string, at: number): number {
  const lengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };
  return lengths[source[at + 1] ?? ""] ?? 2;
}
