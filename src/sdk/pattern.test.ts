import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePattern, maxPatternSize, maxPatternSource, maxPatternText } from "./pattern.ts";

describe("compilePattern", () => {
  test("matches anywhere in the text, by RE2's rules", () => {
    expect(compilePattern("b+c").test("abbcd")).toBe(true);
    expect(compilePattern("^b+c").test("abbcd")).toBe(false);
    expect(compilePattern("(?i)SELECT\\s").test("select *")).toBe(true);
  });

  test("replaces every match that is not empty by the very text given", () => {
    expect(compilePattern("b+").replaceAll("abbcb", "$1")).toBe("a$1c$1");
    expect(compilePattern("b*").replaceAll("abbcb", "-")).toBe("a-c-");
    expect(compilePattern("(?i)É|😀").replaceAll("é 😀!", "")).toBe(" !");
    expect(compilePattern("b").replaceAll("aaa", "-")).toBe("aaa");
    expect(() => compilePattern("a", 3).replaceAll("bbba", "-")).toThrow("is too long for a pattern");
  });

  test.each([
    ["what is no expression", "(", "the pattern is not a valid RE2 expression"],
    ["lookahead", "a(?=b)", "the pattern is not a valid RE2 expression"],
    ["backreferences", "(a)\\1", "the pattern is not a valid RE2 expression"],
    ["what compiles to too much", "(a{100}){10}b", `instructions, the most is ${maxPatternSize}`],
    ["what is too long", "a".repeat(maxPatternSource + 1), "is too long"],
  ])("refuses %s with a sentence", (_what, source, message) => {
    expect(() => compilePattern(source)).toThrow(message);
  });

  test("a text that is too long is an error, never an answer", () => {
    const pattern = compilePattern("a");
    expect(pattern.test("b".repeat(maxPatternText))).toBe(false);
    expect(() => pattern.test("a".repeat(maxPatternText + 1))).toThrow("is too long for a pattern");
    expect(compilePattern("a", 3).test("bba")).toBe(true);
    expect(() => compilePattern("a", 3).test("bbba")).toThrow("is too long for a pattern");
  });

  test.each(["(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){12}", "(a?){60}a{60}", ".*a.*a.*a.*b"])(
    "%s takes no more than linear time on the longest text",
    (source) => {
      const pattern = compilePattern(source);
      const text = `${"a".repeat(maxPatternText - 1)}!`;
      const started = performance.now();
      pattern.test(text);
      // A backtracking engine would need longer than the universe is old; this leaves room for a busy machine.
      expect(performance.now() - started).toBeLessThan(2_000);
    },
  );

  test("what is no pattern is refused as such, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (source) => {
        try {
          expect(typeof compilePattern(source).test(source)).toBe("boolean");
        } catch (error) {
          expect((error as Error).message).toStartWith("the pattern");
        }
      }),
    );
  });
});
