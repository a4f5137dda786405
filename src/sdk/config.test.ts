import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ConfigErrors, type ConfigProblem, parseConfig } from "./config.ts";
import { t } from "./index.ts";

const schema = t.Object({
  max: t.Integer({ minimum: 1, maximum: 9 }),
  mode: t.Union([t.Literal("on"), t.Literal("off")], { default: "on" }),
  names: t.Optional(t.Array(t.String({ minLength: 1 }), { uniqueItems: true })),
  windows: t.Optional(
    t.Array(
      t.Union([
        t.Object({ every: t.Literal("day"), count: t.Integer() }),
        t.Object({ sliding: t.Integer({ minimum: 1 }), count: t.Integer() }),
      ]),
    ),
  ),
  labels: t.Optional(t.Record(t.String(), t.String())),
  inner: t.Optional(t.Object({ default: t.Object({ deep: t.Boolean() }) })),
});

function problems(config: unknown): readonly ConfigProblem[] {
  try {
    parseConfig(schema, config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigErrors)) throw error;
    return error.errors;
  }
}

describe("parseConfig", () => {
  test("fills in defaults and freezes a copy", () => {
    const given = { max: 3, names: ["a"] };
    const config = parseConfig(schema, given);
    expect(config).toEqual({ max: 3, mode: "on", names: ["a"] });
    expect(Object.isFrozen(config) && Object.isFrozen(config.names)).toBe(true);
    expect(given).toEqual({ max: 3, names: ["a"] });
    expect(Object.isFrozen(given.names)).toBe(false);
  });

  test("an absent config is an empty one", () => {
    expect(parseConfig(t.Object({}), undefined)).toEqual({});
    expect(parseConfig(t.Object({}), null)).toEqual({});
  });

  test.each<[unknown, ConfigProblem]>([
    [{}, { path: [], message: "'max' is missing; expected an integer from 1 to 9" }],
    [{ max: 10 }, { path: ["max"], message: "expected an integer from 1 to 9, got 10" }],
    [{ max: "3" }, { path: ["max"], message: "expected an integer from 1 to 9, got '3'" }],
    [
      { max: 1, mod: "on" },
      { path: ["mod"], message: "unknown key 'mod'; did you mean 'mode'?" },
    ],
    [
      { max: 1, zzzzzzzz: 1 },
      { path: ["zzzzzzzz"], message: "unknown key 'zzzzzzzz'; known keys: max, mode, names, windows, labels, inner" },
    ],
    [
      { max: 1, mode: "of" },
      { path: ["mode"], message: "expected one of 'on', 'off', got 'of'" },
    ],
    [
      { max: 1, names: ["a", ""] },
      { path: ["names", 1], message: "expected a string of at least 1 character, got ''" },
    ],
    [
      { max: 1, names: ["a", "a"] },
      { path: ["names"], message: "expected a list without repetitions, got a list" },
    ],
    [
      { max: 1, labels: { "a/b": 2 } },
      { path: ["labels", "a/b"], message: "expected a string, got 2" },
    ],
    [
      {
        max: 1,
        windows: [
          { every: "day", count: 1 },
          { sliding: 0, count: 1 },
        ],
      },
      { path: ["windows", 1, "sliding"], message: "expected an integer of at least 1, got 0" },
    ],
    [
      { max: 1, windows: [{ every: "day", cuont: 1 }] },
      { path: ["windows", 0, "cuont"], message: "unknown key 'cuont'; did you mean 'count'?" },
    ],
    [
      { max: 1, windows: [3] },
      { path: ["windows", 0], message: "expected a map, got 3" },
    ],
    [
      { max: 1, inner: { default: { deep: true, dep: 1 } } },
      { path: ["inner", "default", "dep"], message: "unknown key 'dep'; did you mean 'deep'?" },
    ],
    ["max", { path: [], message: "expected a map, got 'max'" }],
    [[1], { path: [], message: "expected a map, got a list" }],
  ])("%j is refused, saying where, what was received and what is accepted", (config, problem) => {
    expect(problems(config)).toContainEqual(problem);
  });

  test("all problems are reported, one for each place", () => {
    const paths = problems({ max: "x", mode: 3, names: 4 }).map(({ path }) => path.join("."));
    expect(paths).toEqual(["max", "mode", "names"]);
  });

  test("whatever is given, it is accepted or refused with places that exist in it", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 3 }), (config) => {
        for (const { path, message } of problems(config)) {
          expect(message).not.toBe("");
          let value: unknown = config;
          for (const segment of path) {
            expect(Object.keys(value as object)).toContain(String(segment));
            value = (value as Record<string | number, unknown>)[segment];
          }
        }
      }),
    );
  });
});
