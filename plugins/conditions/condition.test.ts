import { describe, expect, test } from "bun:test";
import { conditionSchema, parseCondition } from "./condition.ts";

/** What is wrong with the form, each with where. */
function problemsOf(given: unknown): string[] {
  const problems: string[] = [];
  parseCondition(given, ["when"], ({ path, message }) => problems.push(`${path.join(".")}: ${message}`));
  return problems;
}

const leaf = { fact: "request.bytes", op: "gt", value: 1 };
const form = "expected { fact, op, value }, { and }, { or } or { not }";
const several = (count: number) => Array.from({ length: count }, () => leaf);
function nested(levels: number): object {
  return levels === 1 ? leaf : { [levels % 2 === 0 ? "and" : "or"]: [nested(levels - 1)] };
}
function negated(levels: number): object {
  return levels === 1 ? leaf : { not: negated(levels - 1) };
}

describe("the form of a condition", () => {
  test.each<[what: string, given: unknown, problems: string[]]>([
    ["a comparison", leaf, []],
    ["a list of values", { ...leaf, op: "in", value: ["a", 1, true] }, []],
    ["what is none", 5, [`when: ${form}, got 5`]],
    ["nothing", null, [`when: ${form}, got null`]],
    ["a list", [leaf], [`when: ${form}, got a list`]],
    ["no comparison at all", {}, ["when: 'fact' is missing", "when: 'op' is missing", "when: 'value' is missing"]],
    ["one without a value", { fact: "request.bytes", op: "gt" }, ["when: 'value' is missing"]],
    ["a fact that is no text", { ...leaf, fact: 5 }, ["when.fact: expected a fact, got 5"]],
    [
      "no operator",
      { ...leaf, op: "between" },
      [
        "when.op: there is no operator 'between'; operators: eq, ne, gt, gte, lt, lte, in, not_in, contains, not_contains, matches",
      ],
    ],
    ["a value that is none", { ...leaf, value: {} }, ["when.value: expected a text, number or bool, got a map"]],
    [
      "a number that JSON does not have",
      { ...leaf, value: Number.POSITIVE_INFINITY },
      ["when.value: expected a text, number or bool, got Infinity"],
    ],
    ["as many values as there may be", { ...leaf, op: "in", value: Array(256).fill(1) }, []],
    [
      "more",
      { ...leaf, op: "in", value: Array(257).fill(1) },
      ["when.value: expected a list from 1 to 256 values, got 257"],
    ],
    ["a misspelt key", { facts: "a", ...leaf }, ["when.facts: unknown key 'facts'; did you mean 'fact'?"]],
    ["a misspelt join", { nott: leaf }, missing("when.nott: unknown key 'nott'; did you mean 'not'?")],
    ["a key beside a join", { not: leaf, value: 1 }, ["when.value: unknown key 'value'; known keys: not"]],
    ["several joins", { and: [leaf], or: [leaf] }, ["when.or: unknown key 'or'; known keys: and"]],
    ["an empty join", { or: [] }, ["when.or: expected a list of at least 1 condition, got an empty list"]],
    ["a join of no list", { and: leaf }, ["when.and: expected a list of at least 1 condition, got a map"]],
    ["a join of one", { or: [leaf] }, []],
  ])("%s", (_, given, problems) => {
    expect(problemsOf(given)).toEqual(problems);
  });

  function missing(first: string): string[] {
    return [first, ...["fact", "op", "value"].map((key) => `when: '${key}' is missing`)];
  }

  test("every problem is told where it is, however deep", () => {
    expect(problemsOf({ and: [leaf, { or: [{ not: { not: 5 } }, { ...leaf, op: "gtt" }] }] })).toEqual([
      `when.and.1.or.0.not.not: ${form}, got 5`,
      "when.and.1.or.1.op: there is no operator 'gtt'; did you mean 'gt'?",
    ]);
    expect(problemsOf({ not: { ...leaf, fact: true, value: null, also: 1 } })).toEqual([
      "when.not.also: unknown key 'also'; known keys: fact, op, value, and, or, not",
      "when.not.fact: expected a fact, got true",
      "when.not.value: expected a text, number or bool, got null",
    ]);
    expect(problemsOf({ not: { and: [] } })).toEqual([
      "when.not.and: expected a list of at least 1 condition, got an empty list",
    ]);
  });

  test("may be 16 levels deep, and no more", () => {
    expect([problemsOf(nested(16)), problemsOf(negated(16))]).toEqual([[], []]);
    const deep = "more than 16 levels are too deep for a condition";
    expect(problemsOf(negated(17))).toEqual([`when${".not".repeat(16)}: ${deep}`]);
    expect(problemsOf(negated(5_000))).toEqual([`when${".not".repeat(16)}: ${deep}`]);
    expect(problemsOf(nested(17))).toEqual([`when${".or.0.and.0".repeat(8)}: ${deep}`]);
  });

  test("may have 200 parts, and no more, which is told once", () => {
    expect(problemsOf({ and: several(199) })).toEqual([]);
    const many = "when: more than 200 parts are too many for one condition";
    expect(problemsOf({ and: several(200) })).toEqual([many]);
    expect(problemsOf({ and: [...several(300), 5] })).toEqual([many]);
  });
});

describe("the schema that editors read", () => {
  const forms: readonly unknown[] = [
    ...[leaf, { ...leaf, value: "a" }, { ...leaf, value: true }, { ...leaf, value: ["a", 1, false] }],
    ...[
      { ...leaf, value: [] },
      { ...leaf, value: [1] },
      { ...leaf, value: [[]] },
      { ...leaf, value: {} },
    ],
    ...[
      { ...leaf, value: Array(256).fill(1) },
      { ...leaf, value: Array(257).fill(1) },
    ],
    ...[
      { ...leaf, fact: 5 },
      { ...leaf, op: "gtt" },
      { ...leaf, x: 1 },
      { fact: "a", op: "eq" },
    ],
    ...[{ fact: "a", value: 1 }, { op: "eq", value: 1 }, {}, 5, null, "a", []],
    ...["and", "or"].flatMap((join) => [{ [join]: [leaf] }, { [join]: [] }, { [join]: leaf }, { [join]: [leaf, 5] }]),
    ...[{ and: [leaf, { or: [leaf, { not: leaf }] }] }, { not: leaf }, { not: { not: leaf } }, { not: [leaf] }],
    ...[{ and: [leaf], x: 1 }, { or: [leaf], and: [leaf] }, { not: leaf, or: [leaf] }, { not: { not: 5 } }],
    ...["ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "not_contains", "matches"].map((op) => ({
      ...leaf,
      op,
    })),
  ];

  test.each(forms.map((given) => [JSON.stringify(given).slice(0, 80), given]))(
    "says of %s what is done",
    (_, given) => {
      expect(fits(conditionSchema, given)).toBe(problemsOf(given).length === 0);
    },
  );
});

interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** Whether a value fits a JSON Schema, as far as the one of conditions goes. */
function fits(root: Schema & { readonly $id?: string }, given: unknown, schema: Schema = root): boolean {
  if (schema.$ref !== undefined) return schema.$ref === root.$id && fits(root, given);
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => fits(root, given, one));
  if ("const" in schema && schema.const !== given) return false;
  switch (schema.type) {
    case "object": {
      if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
      const { required = [], properties = {}, additionalProperties = true } = schema;
      const entries = Object.entries(given);
      if (required.some((key) => !(key in given))) return false;
      return entries.every(([key, value]) =>
        key in properties ? fits(root, value, properties[key]) : additionalProperties,
      );
    }
    case "array": {
      const { items, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
      if (!Array.isArray(given) || given.length < minItems || given.length > maxItems) return false;
      return items === undefined || given.every((item) => fits(root, item, items));
    }
    default:
      // JSON Schema's names of scalars are JavaScript's.
      return typeof given === schema.type;
  }
}
