import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { replaced } from "./scan.ts";
import { literalScanner } from "./scan-literals.ts";
import { cutAt, feed } from "./testing-scan.ts";

const literals = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 8,
});
const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", "x", "A"), maxLength: 60 });
const cuts = fc.array(fc.nat(100), { maxLength: 10 });
const scannerOf = (list: readonly string[], ignoreCase = false) =>
  literalScanner(
    list.map((text) => ({ text, type: text, replacement: `<${text}>` })),
    ignoreCase,
  );

describe("literals", () => {
  test("are found leftmost, the longest where several begin", () => {
    fc.assert(
      fc.property(literals, texts, (list, text) => {
        const sources = [...list].sort((a, b) => b.length - a.length);
        const expected = text.replace(new RegExp(sources.join("|"), "g"), (found) => `<${found}>`);
        expect(replaced(text, scannerOf(list).scan(text, 0, true).matches)).toBe(expected);
      }),
    );
  });

  test("are found the same however the text is split", () => {
    fc.assert(
      fc.property(literals, texts, cuts, fc.boolean(), (list, text, places, ignoreCase) => {
        const scanner = scannerOf(list, ignoreCase);
        expect(feed(scanner, cutAt(text, places)).matches).toEqual([...scanner.scan(text, 0, true).matches]);
      }),
      { numRuns: 2_000 },
    );
  });

  test("hold back no more than what may become one of them", () => {
    const scanner = scannerOf(["secret", "secretly"]);
    expect(scanner.scan("a secre", 0, false).settled).toBe(2);
    expect(scanner.scan("a secret", 0, false)).toEqual({ settled: 2, matches: [] });
    expect(scanner.scan("a secretl", 0, false)).toEqual({ settled: 2, matches: [] });
    expect(scanner.scan("a secretx", 0, false)).toMatchObject({ settled: 9, matches: [{ start: 2, end: 8 }] });
    expect(scanner.scan("a secretly", 0, false)).toMatchObject({ settled: 10, matches: [{ start: 2, end: 10 }] });
    expect(scannerOf(["secret"]).scan("a secret", 0, false)).toMatchObject({ settled: 8, matches: [{ start: 2 }] });
    expect(scanner.maxHeld).toBe(8);
  });

  test("can be looked for in any case", () => {
    expect(
      scannerOf(["Abc", "É"], true)
        .scan("xaBCé", 0, true)
        .matches.map(({ type }) => type),
    ).toEqual(["Abc", "É"]);
    expect(scannerOf(["Abc"]).scan("aBC", 0, true).matches).toEqual([]);
  });

  test("are not empty", () => {
    expect(() => scannerOf([""])).toThrow("at least 1 character");
  });
});
