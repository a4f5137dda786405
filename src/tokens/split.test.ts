import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { countTexts, encodings, loadEncoding } from "./encoder.ts";
import { maxRun, sliceLength, slices, splitRuns } from "./split.ts";

const words = fc
  .array(fc.oneof(fc.lorem(), fc.constantFrom("don't", "漢字かな。", "x1y2", "\n\n", " – ", "über,", "😀!")), {
    minLength: 1,
  })
  .map((parts) => parts.join(" "));
/** Long enough for several slices. A counterexample is shown by the part that is repeated. */
const long = (text: string) => `${text} etc. `.repeat(Math.ceil((sliceLength * 2.5) / text.length));

describe("slices of a text", () => {
  test("are the text, and at most as long as they should be", () => {
    fc.assert(
      fc.property(fc.oneof(words, fc.string({ unit: "binary", minLength: 1 })), (part) => {
        const text = long(part);
        const parts = [...slices(text)];
        expect(parts.map((part) => part.text).join("")).toBe(text);
        expect(parts.every((part) => part.text.length > 0 && part.text.length <= sliceLength + 1)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test.each([...encodings])("count as the whole does under %s when all are clean", (encoding) => {
    const encoder = loadEncoding(encoding);
    fc.assert(
      fc.property(words, (part) => {
        const text = long(part);
        const parts = [...slices(text)];
        expect(parts.every((part) => part.clean)).toBe(true);
        const sum = parts.reduce((total, part) => total + encoder.encode_ordinary(part.text).length, 0);
        expect(sum).toBe(encoder.encode_ordinary(text).length);
      }),
      { numRuns: 20 },
    );
  });

  test("say so when there was no clean place to cut", () => {
    expect([...slices("a".repeat(sliceLength * 2))].map((part) => part.clean)).toEqual([false, true]);
  });

  test("never cut a character in two", () => {
    for (const part of slices(`x${"😀".repeat(sliceLength)}`)) expect(part.text.isWellFormed()).toBe(true);
  });
});

describe("runs that the tokenizer does not split", () => {
  test.each([
    ["letters", "a"],
    ["spaces", " "],
    ["line ends", "\n"],
    ["emoji", "😀"],
    ["ideographs", "漢"],
    ["punctuation", "!"],
    ["letters with marks", "e\u0301"],
    ["punctuation and the byte order mark, which is no space here", "!\ufeff"],
    ["letters beyond the basic plane", "𝐀"],
  ])("of %s are cut", (_name, unit) => {
    const parts = splitRuns(unit.repeat(5000));
    expect(parts.join("")).toBe(unit.repeat(5000));
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(maxRun + 1);
  });

  test("do not occur in ordinary text, which stays whole", () => {
    fc.assert(
      fc.property(words, (text) => {
        expect(splitRuns(text.repeat(20))).toHaveLength(1);
      }),
    );
  });

  test("are counted in linear time and as an estimate", () => {
    const [count] = countTexts("o200k_base", ["a".repeat(100_000)]);
    expect(count).toEqual({ tokens: 12_500, exact: false });
  });
});
