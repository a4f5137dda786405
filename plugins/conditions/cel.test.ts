import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createCel } from "../../src/cel/cel.ts";
import { emptyFacts, type Facts, type FactType, factEntries } from "../../src/core/facts.ts";
import { ConfigErrors, type ConfigProblem } from "../../src/sdk/config.ts";
import { compileCondition } from "./compile.ts";
import { type Comparison, type Condition, parseCondition } from "./condition.ts";

const cel = createCel();
const phases = ["request", "response", "usage"] as const;
type Phase = (typeof phases)[number];

// Few values each, so that facts and operands often agree or differ by one; texts with all that needs escaping.
const texts = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "b",
    "ab",
    "A",
    "toString",
    "constructor",
    "-",
    'a"b',
    "a\\b",
    "a\nb",
    "{a}",
    "ä",
    "😀",
    "\u2028",
  ),
  fc.string({ unit: "grapheme", maxLength: 4 }),
);
const ints = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.maxSafeInteger());
const doubles = fc.oneof(
  fc.constantFrom(0, -0, 0.5, 1, -1, 1e21, 1e-9, -2.5e300),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const times = fc
  .date({ min: new Date("2026-01-01"), max: new Date("2026-01-02"), noInvalidDate: true })
  .map((date) => new Date(Math.floor(date.getTime() / 3_600_000) * 3_600_000));
const keys = fc.constantFrom("tier", "x-a.b", "toString", "__proto__", "ä", "");
const maps = fc.dictionary(keys, texts, { maxKeys: 3 });

const valuesOf: Readonly<Record<FactType, fc.Arbitrary<unknown>>> = {
  string: texts,
  int: ints,
  double: doubles,
  bool: fc.boolean(),
  timestamp: times,
  "list<string>": fc.array(texts, { maxLength: 3 }),
  "map<string, string>": maps,
  "map<string, double>": fc.dictionary(keys, doubles, { maxKeys: 3 }),
};
const patterns = fc.constantFrom("a", "^a", "a$", "(?i)A", "[ab]+", "\\\\", "\\n", "^$", "\\p{L}", "(a+)+$", "😀");

/** A comparison that fits the fact, whatever its values. */
function leafOf(name: string, type: FactType, closed: readonly string[] | undefined): fc.Arbitrary<Condition> {
  const leaf = (
    ops: readonly Comparison[],
    value: fc.Arbitrary<unknown>,
    fact: fc.Arbitrary<string> = fc.constant(name),
  ) => fc.record({ fact, op: fc.constantFrom(...ops), value }) as fc.Arbitrary<Condition>;
  const one = closed === undefined ? valuesOf[type] : fc.constantFrom(...closed);
  const several = fc.array(one, { minLength: 1, maxLength: 3 });
  switch (type) {
    case "string":
      return fc.oneof(
        leaf(["eq", "ne"], one),
        leaf(["in", "not_in"], several),
        leaf(["contains", "not_contains"], texts),
        leaf(["matches"], patterns),
      );
    case "int":
    case "double":
      return fc.oneof(leaf(["eq", "ne", "gt", "gte", "lt", "lte"], one), leaf(["in", "not_in"], several));
    case "bool":
      return leaf(["eq", "ne"], one);
    case "timestamp":
      return leaf(
        ["gt", "gte", "lt", "lte"],
        times.map((date) => date.toISOString()),
      );
    case "list<string>":
      return leaf(["contains", "not_contains"], texts);
    case "map<string, string>": {
      const path = keys.map((key) => `${name}.${key}`);
      return fc.oneof(
        leaf(["contains", "not_contains"], keys),
        leaf(["eq", "ne"], texts, path),
        leaf(["in", "not_in"], fc.array(texts, { minLength: 1, maxLength: 3 }), path),
        leaf(["matches"], patterns, path),
      );
    }
    case "map<string, double>": {
      const path = keys.map((key) => `${name}.${key}`);
      return fc.oneof(
        leaf(["contains", "not_contains"], keys),
        leaf(["eq", "ne", "gt", "gte", "lt", "lte"], doubles, path),
        leaf(["in", "not_in"], fc.array(doubles, { minLength: 1, maxLength: 3 }), path),
      );
    }
  }
}

function conditionsIn(phase: Phase): fc.Arbitrary<Condition> {
  const leaves = factEntries
    .filter(([, spec]) => spec.phases.includes(phase))
    .map(([name, spec]) => leafOf(name, spec.type, spec.values));
  return fc.letrec<{ any: Condition }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.oneof(...leaves),
      fc.record({ and: fc.array(tie("any"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ or: fc.array(tie("any"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("any") }),
    ),
  })).any;
}

const someFacts: fc.Arbitrary<Facts> = fc
  .tuple(
    ...factEntries.map(([, { type, values }]) => (values === undefined ? valuesOf[type] : fc.constantFrom(...values))),
  )
  .map((values) => {
    const facts = emptyFacts() as unknown as Record<string, Record<string, unknown>>;
    for (const [i, [name, { type, max }]] of factEntries.entries()) {
      const [root, field] = name.split(".") as [string, string | undefined];
      // No fact is larger than the catalogue says.
      const value = type === "string" ? (values[i] as string).slice(0, max).toWellFormed() : values[i];
      if (field === undefined) (facts as Record<string, unknown>)[root] = value;
      else facts[root]![field] = value;
    }
    return facts as unknown as Facts;
  });

function compile(given: unknown, phase: Phase) {
  const problems: ConfigProblem[] = [];
  const report = (problem: ConfigProblem) => problems.push(problem);
  const compiled = compileCondition(parseCondition(given, ["when"], report), ["when"], phase, report);
  if (problems.length > 0) throw new ConfigErrors(problems);
  return compiled;
}

describe("a condition's translation to CEL", () => {
  test.each(phases)(
    "is accepted in phase %s, reads the same facts and agrees with the condition",
    (phase) => {
      fc.assert(
        fc.property(conditionsIn(phase), fc.array(someFacts, { minLength: 1, maxLength: 4 }), (condition, cases) => {
          const compiled = compile(condition, phase);
          const translated = cel.condition(compiled.cel, phase);
          expect([...translated.reads].sort()).toEqual([...compiled.reads].sort());
          for (const facts of cases)
            expect([compiled.cel, compiled.test(facts)]).toEqual([compiled.cel, translated.test(facts)]);
        }),
        { numRuns: 500 },
      );
    },
    30_000,
  );

  test("both are true and false often enough for that to mean something", () => {
    let yes = 0;
    let all = 0;
    const sampled = fc.sample(fc.tuple(conditionsIn("request"), someFacts), { numRuns: 500, seed: 1 });
    for (const [condition, facts] of sampled) {
      all += 1;
      if (compile(condition, "request").test(facts)) yes += 1;
    }
    expect(yes / all).toBeGreaterThan(0.2);
    expect(yes / all).toBeLessThan(0.8);
  });
});

describe("the form of a condition", () => {
  test("whatever is given, it is compiled or refused with places that exist in it", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), (given) => {
        try {
          compile(given, "request");
        } catch (error) {
          if (!(error instanceof ConfigErrors)) throw error;
          for (const { path, message } of error.errors) {
            expect([path[0], message === ""]).toEqual(["when", false]);
            let value: unknown = given;
            for (const segment of path.slice(1)) {
              expect(Object.keys(value as object)).toContain(String(segment));
              value = (value as Record<string | number, unknown>)[segment];
            }
          }
        }
      }),
    );
  });

  test("one that is thousands of levels deep is refused at once", () => {
    let deep: object = { fact: "request.bytes", op: "gt", value: 1 };
    for (let i = 0; i < 5_000; i += 1) deep = { not: deep };
    expect(() => compile(deep, "request")).toThrow("more than 16 levels are too deep for a condition");
  });
});
