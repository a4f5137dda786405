/** Words and signs of other languages, with what CEL has in their place. What is matched begins at the error. */
const slips: readonly { readonly before?: RegExp; readonly at: RegExp; readonly advice: string }[] = [
  { at: /^and\b/i, advice: "write && instead of 'and'" },
  { at: /^or\b/i, advice: "write || instead of 'or'" },
  { before: /\bnot\s+$/i, at: /^/, advice: "write ! instead of 'not'" },
  { before: /!=$/, at: /^=/, advice: "write != instead of '!=='" },
  { before: /==$/, at: /^=/, advice: "write == instead of '==='" },
  { at: /^=~/, advice: "write re.matches(text, pattern) instead of '=~'" },
  { at: /^=/, advice: "write == to compare" },
  { before: /<$/, at: /^>/, advice: "write != instead of '<>'" },
  { before: /(^|[^\w.-])\d[\d.]*$/, at: /^[a-z_]/i, advice: "a number is digits alone, without a unit" },
  { before: /[a-z_][\w.]*-[\w.-]*\d$/i, at: /^[a-z_]/i, advice: "a text stands in quotes, such as 'gpt-4o'" },
];

/** What to write instead when an expression that is not CEL reads like another language at `start`, where its error is. */
export function slip(source: string, start: number): string | undefined {
  const [before, at] = [source.slice(0, start), source.slice(start)];
  return slips.find((one) => (one.before?.test(before) ?? true) && one.at.test(at))?.advice;
}
