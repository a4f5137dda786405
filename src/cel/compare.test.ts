import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareConditions, type Definitions } from "./compare.ts";

const none: Definitions = { params: {}, vars: {}, data: {} };
const compare = (earlier: string, later: string, before = none, after = before) =>
  compareConditions([{ source: earlier, names: before }], [{ source: later, names: after }]);

describe("a condition compared with an earlier one", () => {
  test.each([
    ["a > 5", "a > 3", "wider"],
    ["a > 3", "a >= 3", "wider"],
    ["a >= 3", "a > 3", "narrower"],
    ["5 < a", "a > 5", "same"],
    ["a <= 5", "a < 5", "narrower"],
    ["a > 5", "a < 5", "unknown"],
    ["a > 5", "b > 3", "unknown"],
    ["a > 5", "a > 5.5", "narrower"],
    ["a > -5", "a > -6", "wider"],
    ["a == 5", "a > 3", "wider"],
    ["a > 3", "a != 3", "wider"],
    ["a > 3", "a != 4", "unknown"],
    ["m == 'x'", "m in ['x', 'y']", "wider"],
    ["m in ['x', 'y', 'z']", "m in ['y']", "narrower"],
    ["!(m in ['x'])", "!(m in ['x', 'y'])", "narrower"],
    ["m != 'x'", "!(m in ['x'])", "same"],
    ["m in ['a']", "!(m in ['x'])", "wider"],
    ["a && b", "a", "wider"],
    ["a && b && c", "c && a", "wider"],
    ["a", "a || b", "wider"],
    ["(a || b) && c", "a && c", "narrower"],
    ["a && b", "b && a", "same"],
    ["a || b", "b || a", "same"],
    ["!(a && b)", "!a", "narrower"],
    ["!(a > 3)", "!(a > 5)", "wider"],
    ["t.exists(x, x.startsWith('shell'))", "t.exists(y, y.startsWith('shell') || y == 'sh')", "wider"],
    ["t.exists(x, x == 'a')", "t.exists(y, y == 'a')", "same"],
    ["t.all(x, x in ['a'])", "t.all(x, x in ['a', 'b'])", "wider"],
    ["t.exists(x, x == 'a')", "u.exists(x, x == 'a')", "unknown"],
    ["a.b.c > d + 1", "a.b.c > d + 1", "same"],
    ["a > 9007199254740993", "a > 9007199254740992", "wider"],
    ["a ? b : c", "a ? c : b", "unknown"],
    ["a >", "a >", "same"],
    ["a >", "a > 1", "unknown"],
  ])("%s → %s is %s", (earlier, later, wanted) => {
    expect(compare(earlier, later)).toBe(wanted as never);
  });

  test("sees through params, variables and data", () => {
    const at = (cap: number, list: readonly string[]): Definitions => ({
      params: { cap },
      vars: { asked: "request.tokens + 1", over: "vars.asked > params.cap" },
      data: { models: list, tiers: { free: 1, paid: 2 } },
    });
    expect(compare("vars.over", "vars.over", at(100, []), at(50, []))).toBe("wider");
    expect(compare("vars.over", "request.tokens + 1 > 50", at(50, []))).toBe("same");
    expect(compare("m in data.models", "m in data.models", at(1, ["a"]), at(1, ["a", "b"]))).toBe("wider");
    expect(compare("inSet('models', m)", "inSet('models', m)", at(1, ["a", "b"]), at(1, ["b"]))).toBe("narrower");
    expect(compare("inSet('tiers', m)", "m in ['paid', 'free']", at(1, []))).toBe("same");
    expect(compare("params.gone > 1", "params.gone > 1", at(1, []))).toBe("same");
  });

  test("of several expressions all must be true; none is always true", () => {
    const written = (...sources: string[]) => sources.map((source) => ({ source, names: none }));
    expect(compareConditions(written("a"), written("a", "b"))).toBe("narrower");
    expect(compareConditions(written("a"), [])).toBe("wider");
    expect(compareConditions([], [])).toBe("same");
    expect(compareConditions(written("a"), [{ source: "!a", negated: true, names: none }])).toBe("unknown");
  });

  test("a variable that reads itself and expressions that double do not run away", () => {
    expect(compare("vars.a", "vars.a", { params: {}, vars: { a: "vars.a" }, data: {} })).toBe("same");
    const vars = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`v${i}`, i === 0 ? "a > 1" : `vars.v${i - 1} && (vars.v${i - 1} || b)`]),
    );
    expect(compare("vars.v29", "vars.v29 || c", { params: {}, vars, data: {} })).toBe("wider");
  });
});

/** Conditions over two small integers, as source and as a function. */
type Condition = readonly [source: string, holds: (a: number, b: number) => boolean];
const atom = fc
  .tuple(
    fc.constantFrom("a", "b"),
    fc.constantFrom("<", "<=", ">", ">=", "==", "!=", "in"),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([name, op, n]): Condition => {
    const read = (a: number, b: number) => (name === "a" ? a : b);
    if (op === "in") return [`${name} in [${n}, 1]`, (a, b) => [n, 1].includes(read(a, b))];
    const tests: Record<string, (x: number) => boolean> = {
      "<": (x) => x < n,
      "<=": (x) => x <= n,
      ">": (x) => x > n,
      ">=": (x) => x >= n,
      "==": (x) => x === n,
      "!=": (x) => x !== n,
    };
    return [`${name} ${op} ${n}`, (a, b) => tests[op]!(read(a, b))];
  });
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3 },
    atom,
    tie("condition").map(([source, holds]): Condition => [`!(${source})`, (a, b) => !holds(a, b)]),
    fc
      .tuple(tie("condition"), tie("condition"), fc.boolean())
      .map(
        ([[left, l], [right, r], and]): Condition =>
          and
            ? [`(${left}) && (${right})`, (a, b) => l(a, b) && r(a, b)]
            : [`(${left}) || (${right})`, (a, b) => l(a, b) || r(a, b)],
      ),
  ),
}));

test("what is called wider or narrower is so for every value", () => {
  const points = [-1, 0, 1, 2, 3, 4].flatMap((a) => [-1, 0, 1, 2, 3, 4].map((b) => [a, b] as const));
  fc.assert(
    fc.property(condition, condition, ([earlier, was], [later, is]) => {
      const found = compare(earlier, later);
      for (const [a, b] of points) {
        if (found === "wider" || found === "same") expect(!was(a, b) || is(a, b)).toBe(true);
        if (found === "narrower" || found === "same") expect(was(a, b) || !is(a, b)).toBe(true);
      }
    }),
    { numRuns: 3_000 },
  );
});
