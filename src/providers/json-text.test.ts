import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { countMembers, editMembers, JsonTooDeep, keyOf, memberValue, scanMembers } from "./json-text.ts";
import { type JsonNode, parseTree } from "./json-tree.ts";

const edit = (text: string, edits: Record<string, string | null>) =>
  Buffer.from(editMembers(Buffer.from(text), new Map(Object.entries(edits)))).toString();

describe("only the named members change", () => {
  const cases: readonly [name: string, before: string, edits: Record<string, string | null>, after: string][] = [
    ["a value is replaced", '{ "a" : 1.0 ,"b":[ ] }', { a: "2" }, '{ "a" : 2 ,"b":[ ] }'],
    ["a member is added at the end", '{"a":1 }', { b: "true" }, '{"a":1,"b":true }'],
    ["a member is added to an empty object", " { } ", { b: "{}" }, ' {"b":{} } '],
    ["the first is removed", '{"a":1, "b":2,"c":3}', { a: null }, '{"b":2,"c":3}'],
    ["one in the middle is removed", '{"a":1, "b":2 ,"c":3}', { b: null }, '{"a":1 ,"c":3}'],
    ["the last is removed", '{"a":1, "b":2\n}', { b: null }, '{"a":1\n}'],
    ["the only one is removed", '{ "a":1 }', { a: null }, "{  }"],
    ["all are removed and one is added", '{"a":1,"b":2}', { a: null, b: null, c: "3" }, '{"c":3}'],
    [
      "a nested namesake is left alone",
      '{"x":{"a":1},"a":2,"y":["a",{"a":3}]}',
      { a: "9" },
      '{"x":{"a":1},"a":9,"y":["a",{"a":3}]}',
    ],
    [
      "text that looks like a member is left alone",
      '{"t":"\\",\\"a\\":1,{","a":2}',
      { a: "9" },
      '{"t":"\\",\\"a\\":1,{","a":9}',
    ],
    ["a key spelled with escapes is found", '{"\\u0061":1}', { a: "2" }, '{"\\u0061":2}'],
    ["a string ends after an even number of backslashes", '{"t":"\\\\","a":1}', { a: "2" }, '{"t":"\\\\","a":2}'],
    ["removing what is not there changes nothing", '{"a":1}', { b: null }, '{"a":1}'],
  ];
  for (const [name, before, edits, after] of cases) test(name, () => expect(edit(before, edits)).toBe(after));

  test("the same array is given back when nothing changes", () => {
    const bytes = Buffer.from('{"a":1}');
    expect(editMembers(bytes, new Map([["b", null]]))).toBe(bytes);
  });

  test("the value of a member is given as it is written", () => {
    const bytes = Buffer.from('{"a": { "b" : 1.50 } ,"c":"x"}');
    expect(Buffer.from(memberValue(bytes, "a")).toString()).toBe('{ "b" : 1.50 }');
    expect(memberValue(bytes, "d")).toHaveLength(0);
  });
});

/** JSON text with white space and escapes as no serialiser would write them. */
const value: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("null", "true", "false", "0", "-1.50e+3", '""', '"\\\\"', '"\\"},"'),
    fc.string().map((text) => JSON.stringify(text)),
    fc
      .string({ minLength: 30, maxLength: 120, unit: fc.constantFrom("\\\\", '\\"', "x", "{", "ß", "\\u0022") })
      .map((text) => `"${text}"`),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[ ${items.join(" ,")}]`),
    fc
      .array(fc.tuple(fc.string(), tie("value")), { maxLength: 3 })
      .map((members) => `{${members.map(([key, item]) => ` ${JSON.stringify(key)} :${item}`).join("\n,")}}`),
  ),
})).value;
const key = fc.oneof(fc.constantFrom("a", "b", "model", "__proto__", "\u00fc", '"', "\\"), fc.string());
const members = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 6 });
const space = fc.constantFrom("", " ", "\n\t", "  ");
const objectText = fc.tuple(members, space, space).map(([list, before, after]) => {
  const text = list
    .map(([name, item]) => `${before}${JSON.stringify(name)}${after}:${before}${item}`)
    .join(`${after},`);
  return `${before}{${text}${after}}${after}`;
});

test("an edited text parses to what the same edits make of the parsed object", () => {
  const edits = fc.array(fc.tuple(key, fc.option(value, { nil: null })), { maxLength: 4 });
  fc.assert(
    fc.property(objectText, edits, (text, list) => {
      const expected = new Map<string, unknown>(Object.entries(JSON.parse(text) as object));
      const asked = new Map(list);
      for (const [name, item] of asked) {
        if (item === null) expected.delete(name);
        else expected.set(name, JSON.parse(item));
      }
      const edited = Buffer.from(editMembers(Buffer.from(text), asked)).toString();
      expect(new Map(Object.entries(JSON.parse(edited) as object))).toEqual(expected);
    }),
    { numRuns: 2000 },
  );
});

test("members are found where they stand, as many as a parser finds", () => {
  fc.assert(
    fc.property(objectText, (text) => {
      const bytes = Buffer.from(text);
      const found = scanMembers(bytes);
      const values = found.map((member): [string, unknown] => [
        keyOf(bytes, member),
        JSON.parse(bytes.toString("utf8", member.valueStart, member.valueEnd)),
      ]);
      expect(new Map(values)).toEqual(new Map(Object.entries(JSON.parse(text) as object)));
      expect(countMembers(bytes, 512)).toBe(membersIn(parseTree(text)));
    }),
  );
});

test("members that stand twice count twice, at any depth, and what strings hold counts not at all", () => {
  for (const [text, count] of [
    ['{"a":1,"b":{"a":2},"a":3}', 4],
    ['{"a":[{"b":1,"\\u0062":2},{"b":":{"}]}', 4],
    ['{"a\\"":":"}', 1],
    ["{}", 0],
  ] as const) {
    expect(countMembers(Buffer.from(text), 512)).toBe(count);
  }
});

function membersIn({ members, items }: JsonNode): number {
  const inside = [...members.map(({ value }) => value), ...items].map(membersIn);
  return inside.reduce((sum, count) => sum + count, members.length);
}

test("nesting beyond the limit is a typed error", () => {
  const nested = (depth: number) => Buffer.from(`{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`);
  expect(countMembers(nested(512), 512)).toBe(1);
  expect(() => countMembers(nested(513), 512)).toThrow(JsonTooDeep);
});
