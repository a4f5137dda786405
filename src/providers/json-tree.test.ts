import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { duplicateMember, type JsonNode, parseTree, spliced, stringOf, withItems, withoutItems } from "./json-tree.ts";

/** What the tree says the text holds, by reading only the values that have no parts. */
function readBack(text: string, node: JsonNode): unknown {
  if (node.kind === "array") return node.items.map((item) => readBack(text, item));
  if (node.kind === "string") return stringOf(text, node);
  if (node.kind === "other") return JSON.parse(text.slice(node.start, node.end)) as unknown;
  return new Map(node.members.map(({ key, value }) => [key, readBack(text, value)]));
}

/** The same of a parsed value: maps, so that no key means more than another. */
function mapped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapped);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, part]) => [key, mapped(part)]));
}

const spaced = fc
  .tuple(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1, "\t"))
  .map(([text, space]) => JSON.stringify(JSON.parse(text), null, space));

test("every value is found where it stands", () => {
  fc.assert(
    fc.property(spaced, fc.constantFrom("", " ", "\r\n"), (text, around) => {
      const padded = around + text + around;
      const tree = parseTree(padded);
      expect(readBack(padded, tree)).toEqual(mapped(JSON.parse(padded)));
      expect(padded.slice(tree.start, tree.end)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['{"a":{"b":[1,{"c":"\\u00fc\\\\"}]},"a":-1.5e+3}', "keys that stand twice, escapes"],
  ['["\\"",",","{","]"]', "texts that look like structure"],
  ["[[[]],{},[{}]]", "empty parts"],
])("%s is read: %s", (text) => {
  expect(JSON.stringify(JSON.parse(text.slice(parseTree(text).start, parseTree(text).end)))).toBe(
    JSON.stringify(JSON.parse(text)),
  );
});

test("the first member that stands twice is told with its place, however it is spelled", () => {
  for (const [text, place] of [
    ['{"a":1,"b":{"a":2},"a":3}', "a"],
    ['{"a":[{"b":1},{"b":1,"\\u0062":2}]}', "a[1].b"],
    ['{"a":{"c":{},"d":[[{"x":1,"x":1}]]}}', "a.d[0][0].x"],
    ['{"a":[{"b":1},{"b":1}]}', null],
  ] as const) {
    expect(duplicateMember(parseTree(text))).toBe(place);
  }
});

test("keys that stand twice are there twice", () => {
  const text = '{"a":1,"\\u0061":"x"}';
  expect(parseTree(text).members.map(({ key, value }) => [key, text.slice(value.start, value.end)])).toEqual([
    ["a", "1"],
    ["a", '"x"'],
  ]);
});

test("depth costs no stack", () => {
  const text = "[".repeat(200_000) + "]".repeat(200_000);
  expect(parseTree(text)).toMatchObject({ kind: "array", end: text.length });
});

test("a text of more values than any prompt has is refused", () => {
  expect(() => parseTree(`[${"1,".repeat(2 ** 20)}1]`)).toThrow("has more than 1048576 values");
});

describe("elements of an array", () => {
  const list = fc.array(fc.tuple(fc.json({ maxDepth: 2 }), fc.constantFrom("", " ", "\n")), { maxLength: 6 });
  const textOf = (items: readonly (readonly [string, string])[]) =>
    `[ ${items.map(([item, space]) => `${space}${item}${space}`).join(",")}]`;

  test("are taken out, and the rest is as if they had never been there", () => {
    fc.assert(
      fc.property(list, fc.infiniteStream(fc.boolean()), (items, choices) => {
        const text = textOf(items);
        const tree = parseTree(text);
        const dropped = new Set(tree.items.filter(() => choices.next().value));
        const left = withoutItems(text, tree, (item) => dropped.has(item));
        const expected = (JSON.parse(text) as unknown[]).filter((_, i) => !dropped.has(tree.items[i]!));
        expect(JSON.parse(left)).toEqual(expected);
        // What stays keeps its spelling.
        const spelling = (whole: string) => parseTree(whole).items.map(({ start, end }) => whole.slice(start, end));
        expect(spelling(left)).toEqual(spelling(text).filter((_, i) => !dropped.has(tree.items[i]!)));
      }),
    );
  });

  test("are added at the end", () => {
    fc.assert(
      fc.property(list, fc.array(fc.json(), { maxLength: 3 }), (items, added) => {
        const text = textOf(items);
        const longer = withItems(text, parseTree(text), added);
        expect(JSON.parse(longer)).toEqual([
          ...(JSON.parse(text) as unknown[]),
          ...added.map((item) => JSON.parse(item) as unknown),
        ]);
      }),
    );
  });
});

test("splices replace parts and leave the rest", () => {
  expect(
    spliced("abcdef", [
      { start: 1, end: 2, text: "BB" },
      { start: 4, end: 4, text: "-" },
    ]),
  ).toBe("aBBcd-ef");
  expect(spliced("abc", [])).toBe("abc");
});
