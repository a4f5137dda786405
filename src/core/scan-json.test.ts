import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { patternScanner, replaced } from "../sdk/scan.ts";
import { cutAt, feed } from "../sdk/testing-scan.ts";
import { jsonScanner, scanWhole } from "./scan-json.ts";

const scanner = patternScanner([
  { type: "ssn", pattern: "\\b\\d{3}-?\\d{2}-?\\d{4}\\b" },
  { type: "lines", pattern: '<k>[a-z\\n"\\\\]*</k>' },
  { type: "pin", pattern: '(?i)pin"?\\s*[:=]\\s*"?\\d{4}\\b', check: (text) => [text.length - 4, text.length] },
]);
const redact = (json: string) => replaced(json, jsonScanner(scanner).scan(json, 0, true).matches);

describe("JSON", () => {
  test.each([
    ['{"a": "123-45-6789"}', '{"a": "[ssn]"}'],
    ['{"a": "x\\n123-45-6789\\n"}', '{"a": "x\\n[ssn]\\n"}'],
    ['{"a": "\\u0031\\u00323-45-6789"}', '{"a": "[ssn]"}'],
    ['{"a": 123456789, "b": 12345678}', '{"a": "[ssn]", "b": 12345678}'],
    ['{"a": "<k>q\\n\\"\\\\</k> \\u00e9"}', '{"a": "[lines] \\u00e9"}'],
    ['{"pin": "1234", "b": "1234"}', '{"pin": "[pin]", "b": "1234"}'],
    ['{"pin": 1234, "b": [1234]}', '{"pin": "[pin]", "b": [1234]}'],
    ['{"123456789": "pin: 1234"}', '{"[ssn]": "pin: [pin]"}'],
    ['["123-45-6789", true, null, "pin=1234"]', '["[ssn]", true, null, "pin=[pin]"]'],
    ["no json 123-45-6789", "no json [ssn]"],
    ["{no json 123-45-6789", "{no json [ssn]"],
  ])("%s becomes %s", (json, expected) => expect(redact(json)).toBe(expected));

  const word = fc.constantFrom(
    "123-45-6789",
    "123456789",
    " ",
    "x",
    "\n",
    '"',
    "\\",
    "é",
    "😀",
    "<k>a\nb</k>",
    "pin: 1234",
    "1",
  );
  const string = fc.array(word, { maxLength: 6 }).map((words) => words.join(""));
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      string,
      fc.integer(),
      fc.constantFrom(123456789, true, null, 1.5e3),
      tie("list"),
      tie("map"),
    ),
    list: fc.array(tie("value"), { maxLength: 4 }),
    map: fc.dictionary(fc.oneof(string, fc.constant("pin")), tie("value"), { maxKeys: 4 }),
  }));
  const json = fc
    .tuple(fc.oneof(fc.array(value), fc.dictionary(string, value)), fc.boolean(), fc.boolean())
    .map(([data, spaced, escaped]) => {
      const text = JSON.stringify(data, null, spaced ? 2 : 0);
      return escaped
        ? text.replace(/[^ -~\n]|</g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        : text;
    });

  test("stays JSON, and nothing is left in it that is looked for", () => {
    fc.assert(
      fc.property(json, (text) => {
        const parsed: unknown = JSON.parse(redact(text));
        const strings = JSON.stringify(parsed, (_, one: unknown) =>
          typeof one === "string" ? one.replaceAll("\n", "_") : one,
        );
        expect(strings).not.toMatch(/\b123-45-6789\b|<k>a_b<\/k>|"pin":"?1234\b/);
      }),
      { numRuns: 1_000 },
    );
  });

  test("without anything to find stays as it was", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const found = jsonScanner(patternScanner([{ type: "x", pattern: "not there at all" }])).scan(text, 0, true);
        expect(found).toEqual({ matches: [], settled: text.length });
      }),
    );
  });

  test("is looked through the same however it is split", () => {
    fc.assert(
      fc.property(json, fc.array(fc.nat(400), { maxLength: 12 }), (text, places) => {
        const fed = feed(jsonScanner(scanner), cutAt(text, places));
        expect(fed.text).toBe(redact(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test("any text is looked through the same however it is split", () => {
    const texts = fc.string({
      unit: fc.constantFrom("{", '"', "\\", ":", ",", "1", "pin", "u", "[", "}", " ", "123-45-6789"),
      maxLength: 30,
    });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(100), { maxLength: 10 }), (text, places) => {
        expect(feed(jsonScanner(scanner), cutAt(text, places)).text).toBe(redact(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test("a text of a prompt is looked through as JSON where it is JSON", () => {
    expect(scanWhole(scanner, '{"pin": "1234"}')).toHaveLength(1);
    expect(scanWhole(scanner, "{ 123-45-6789")).toHaveLength(1);
    expect(scanWhole(scanner, "123-45-6789 123456789")).toHaveLength(2);
  });
});
