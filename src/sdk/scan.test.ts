import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import type { TextMatch, TextScanner } from "../core/stream.ts";
import { patternScanner, type ScanPattern } from "./scan.ts";
import { cutAt, feed } from "./testing-scan.ts";

const whole = (scanner: TextScanner, text: string): readonly TextMatch[] => scanner.scan(text, 0, true).matches;

/** What RE2 finds, empty matches aside. */
function byRe2(pattern: string, text: string): [number, number][] {
  const matcher = RE2JS.compile(pattern).matcher(text);
  const found: [number, number][] = [];
  while (matcher.find()) if (matcher.end() > matcher.start()) found.push([matcher.start(), matcher.end()]);
  return found;
}

const sources = [
  "abc",
  "ab*c",
  "a+b|b+a",
  "(?:ab|a)(?:c|bcd)?",
  "a.*?b",
  "a.*b",
  "\\bab?\\b",
  "^a+|b$",
  "(?m)^a+$",
  "(?i)AB?é",
  "[^a]b",
  "(?:a|aa)+?c",
  "a{2,5}b{0,2}",
  "\\Ba\\B",
  "😀+a?",
  "[é-ü]+",
  "(?s)b.a",
  "c(?:a|b)*?c",
  "a\\b.|b",
  "(?:aab|ab|b)c?",
];
const alphabet = fc.constantFrom("a", "b", "c", "A", " ", "\n", "é", "😀", "_", "aab", "abc");
const texts = fc.array(alphabet, { maxLength: 40 }).map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(200), { maxLength: 12 });

describe.each(sources)("%s", (pattern) => {
  const scanner = patternScanner([{ type: "x", pattern }], { maxLength: 1_000 });

  test("finds what RE2 finds", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(whole(scanner, text).map(({ start, end }) => [start, end])).toEqual(byRe2(pattern, text));
      }),
    );
  });

  test("finds the same however the text is split", () => {
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        expect(feed(scanner, cutAt(text, places)).matches).toEqual([...whole(scanner, text)]);
      }),
    );
  });

  test("finds the same with a small maximum however the text is split", () => {
    const short = patternScanner([{ type: "x", pattern }], { maxLength: 4 });
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        const found = whole(short, text);
        for (const { start, end } of found) expect(end - start).toBeLessThanOrEqual(4);
        expect(feed(short, cutAt(text, places)).matches).toEqual([...found]);
      }),
    );
  });
});

describe("several expressions with conditions", () => {
  const even = (text: string) => text.length % 2 === 0;
  const patterns: ScanPattern[] = [
    { type: null, pattern: "caab" },
    { type: "even", pattern: "[ab]+", check: even, notAfter: "[c]" },
    { type: "inner", pattern: "c[ab]{2,6}c", check: (text) => [1, text.length - 1] },
    { type: "b", pattern: "b+|a_", notBefore: "[_\\n]" },
    { type: "end", pattern: "a$" },
    { type: "long", pattern: "A[aA]*", check: (text) => (text.length > 2 ? null : text.length === 2) },
  ];

  test.each([[1_000], [6], [3]])("find the same however the text is split, with matches of at most %d", (maxLength) => {
    const scanner = patternScanner(patterns, { maxLength });
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        expect(feed(scanner, cutAt(text, places)).matches).toEqual([...whole(scanner, text)]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("a match depends only on what follows its beginning and the character before it", () => {
    const scanner = patternScanner(patterns, { maxLength: 6 });
    fc.assert(
      fc.property(texts, fc.nat(100), (text, cut) => {
        const matches = whole(scanner, text);
        const from = Math.min(cut, text.length);
        if (from < text.length && text.codePointAt(from - 1)! > 0xffff) return;
        // Not inside of what was found or passed by.
        const inside = /caab|c[ab]*c|[ab]+|a_/.exec(text.slice(Math.max(0, from - 8)));
        if (inside !== null) return;
        expect(scanner.scan(text, from, true).matches).toEqual(matches.filter(({ start }) => start >= from));
      }),
    );
  });
});
