const [quote, backslash, openList, closeList, openObject, closeObject] = [34, 92, 91, 93, 123, 125];

/** Whether a JSON text is nested deeper than so many lists and objects. What is no JSON may be told either way. */
export function exceedsDepth(text: string, max: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === backslash) i += 1;
      else if (code === quote) quoted = false;
    } else if (code === quote) quoted = true;
    else if (code === openList || code === openObject) {
      depth += 1;
      if (depth > max) return true;
    } else if (code === closeList || code === closeObject) depth -= 1;
  }
  return false;
}
