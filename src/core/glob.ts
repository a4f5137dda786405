/**
 * A test for glob patterns with `*` (any run of characters) and `?` (one character), matched over the whole value,
 * ignoring ASCII case. Linear in the value for each `*`: no backtracking over earlier stars is ever needed.
 */
export function compileGlob(pattern: string): (value: string) => boolean {
  const wanted = pattern.toLowerCase();
  if (!/[*?]/.test(wanted)) return (value) => value.toLowerCase() === wanted;
  return (value) => globMatches(wanted, value.toLowerCase());
}

/** A test whether any of the patterns matches; `undefined` patterns match everything. */
export function compileGlobs(patterns: readonly string[]): (value: string) => boolean {
  const tests = patterns.map(compileGlob);
  return (value) => tests.some((test) => test(value));
}

function globMatches(pattern: string, value: string): boolean {
  let p = 0;
  let v = 0;
  let star = -1;
  let resume = 0;
  while (v < value.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p;
      p += 1;
      resume = v;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === value[v])) {
      p += 1;
      v += 1;
    } else if (star >= 0) {
      // Only the last star ever needs to take one more character: an earlier one could not do better.
      p = star + 1;
      resume += 1;
      v = resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}
