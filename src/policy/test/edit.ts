/** One change of a text: what stands from `start` to `end` becomes something else. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** The text with the change made. */
export function applyEdit(text: string, { start, end, replacement }: Edit): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** The change as people read it, such as `'>' → '>='`. */
export function changeText(text: string, { start, end, replacement }: Edit): string {
  const before = text.slice(start, end);
  return replacement === "" ? `'${before}' dropped` : `'${before}' → '${replacement}'`;
}
