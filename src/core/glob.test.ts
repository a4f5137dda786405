import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileGlob, compileGlobs } from "./glob.ts";

/** Characters that mean something to a glob, to a regular expression, or to letter case. */
const letter = fc.constantFrom("a", "b", "A", "B", "*", "?", ".", "-", "/", "[", "\\", "$", "\n", "é", "É", "😀");
const text = fc.array(letter, { maxLength: 10 }).map((letters) => letters.join(""));

/** The plain reading of a pattern: each character is itself, but for the two wildcards. */
function model(pattern: string): RegExp {
  const parts = [...pattern.toLowerCase()].map((char) =>
    char === "*" ? "[^]*" : char === "?" ? "[^]" : char.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"),
  );
  return new RegExp(`^${parts.join("")}$`);
}

describe("globs", () => {
  test("agree with a plain regular expression on every pattern and value", () => {
    fc.assert(
      fc.property(text, text, (pattern, value) => {
        expect(compileGlob(pattern)(value)).toBe(model(pattern).test(value.toLowerCase()));
      }),
      { numRuns: 2000 },
    );
  });

  test("match values that were made from the pattern", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            text.map((part) => part.replace(/[*?]/g, "")),
            text,
          ),
          { maxLength: 5 },
        ),
        (parts) => {
          const pattern = parts.map(([fixed]) => `${fixed}*`).join("");
          const value = parts.map(([fixed, any]) => fixed + any).join("");
          expect(compileGlob(pattern)(value)).toBe(true);
        },
      ),
    );
  });

  test.each([
    ["gpt-4o", "gpt-4o", true],
    ["gpt-4o", "gpt-4o-mini", false],
    ["gpt-*", "GPT-4o", true],
    ["*", "", true],
    ["?", "", false],
    ["", "", true],
    ["", "a", false],
    ["a*b*c", "abbbc", true],
    ["a*b*c", "acb", false],
  ])("%p on %p is %p", (pattern, value, matches) => {
    expect(compileGlob(pattern)(value)).toBe(matches);
  });

  test("many stars do not make matching explode", () => {
    expect(compileGlob(`${"a*".repeat(30)}b`)("a".repeat(5000))).toBe(false);
  });

  test("of several patterns one is enough, and of none nothing matches", () => {
    expect(compileGlobs(["x", "gpt-*"])("gpt-4o")).toBe(true);
    expect(compileGlobs(["x", "y"])("gpt-4o")).toBe(false);
    expect(compileGlobs([])("gpt-4o")).toBe(false);
  });
});
