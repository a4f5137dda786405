import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Finding, Modification } from "./decision.ts";
import { contradict, mergeModifications, modifySetting } from "./modify.ts";

function finding(modifications: readonly Modification[], priority = 100, policy = "org/a"): Finding {
  return {
    policy,
    rule: "r",
    kind: "hit",
    mode: "enforce",
    effect: "modify",
    would: "modify",
    code: "c",
    message: "m",
    status: 403,
    priority,
    modifications,
  };
}

const change = (op: Modification["op"], value?: unknown, path = "max_tokens"): Modification =>
  value === undefined ? { op, path } : { op, path, value };

describe("of one path", () => {
  test.each([
    ["the least cap holds", [[change("cap", 500)], [change("cap", 300)]], [change("cap", 300)]],
    ["the greatest floor holds", [[change("floor", 500)], [change("floor", 300)]], [change("floor", 500)]],
    ["remove beats set", [[change("set", 500)], [change("remove")]], [change("remove")]],
    [
      "a cap comes after everything",
      [[change("cap", 5)], [change("set", 9)], [change("floor", 7)]],
      [change("set", 9), change("floor", 7), change("cap", 5)],
    ],
    ["the same set twice is one", [[change("set", 5)], [change("set", 5)]], [change("set", 5)]],
    [
      "paths are apart",
      [[change("set", 1, "temperature")], [change("set", 5)]],
      [change("set", 5), change("set", 1, "temperature")],
    ],
    [
      "what several append unites, each once",
      [[change("append", "b", "system")], [change("append", "a", "system"), change("append", "b", "system")]],
      [change("append", "a", "system"), change("append", "b", "system")],
    ],
    [
      "a list of one is its element",
      [[change("append", ["x"], "stop")], [change("append", "x", "stop")]],
      [change("append", "x", "stop")],
    ],
    [
      "redactions unite, whatever the order of their keys",
      [
        [change("redact", { pattern: "x", replace: "" }, "messages")],
        [change("redact", { replace: "", pattern: "x" }, "messages"), change("redact", ["y"], "messages")],
      ],
      [change("redact", ["y"], "messages"), change("redact", { pattern: "x", replace: "" }, "messages")],
    ],
    [
      "names of tools unite",
      [[change("remove", "shell*", "tools")], [change("remove", ["exec", "shell*"], "tools")]],
      [change("remove", ["exec", "shell*"], "tools")],
    ],
    [
      "without names all tools go",
      [[change("remove", "shell*", "tools")], [change("remove", undefined, "tools")]],
      [change("remove", undefined, "tools")],
    ],
  ])("%s", (_, asked, expected) => {
    const merged = mergeModifications(asked.map((modifications) => finding(modifications)));
    expect(merged).toEqual({ modifications: expected, conflict: null });
  });
});

describe("priorities", () => {
  test.each([
    ["set", 5, 6, "max_tokens"],
    ["route", "gpt-4o-mini", "gpt-4o", "model"],
    ["set", ["a"], ["b"], "stop"],
  ] as const)("different values to %s of one priority conflict, which is a refusal", (op, one, other, path) => {
    const { modifications, conflict } = mergeModifications([
      finding([change(op, one, path)], 100, "org/b"),
      finding([change(op, other, path)], 100, "org/a"),
    ]);
    expect(modifications).toEqual([]);
    expect(conflict).toMatchObject({
      effect: "deny",
      code: "modify_conflict",
      status: 403,
      policy: "org/a",
      message: `org/a and org/b disagree on what ${path} should be`,
    });
    expect(conflict).not.toHaveProperty("modifications");
  });

  test("two rules of one policy that disagree are told as such", () => {
    const { conflict } = mergeModifications([finding([change("set", 5), change("set", 6)])]);
    expect(conflict?.message).toBe("rules of org/a disagree on what max_tokens should be");
  });

  test("of several the highest sets and routes", () => {
    const merged = mergeModifications([
      finding([change("set", 5), change("route", "a", "model")], 1),
      finding([change("set", 6), change("route", "b", "model")], 2),
    ]);
    expect(merged).toEqual({ modifications: [change("set", 6), change("route", "b", "model")], conflict: null });
  });

  test("instructions of higher priority come first", () => {
    const { modifications } = mergeModifications([
      finding([change("append", "a", "system")], 1),
      finding([change("append", "b", "system")], 2),
    ]);
    expect(modifications.map(({ value }) => value)).toEqual(["b", "a"]);
  });
});

describe("what the control plane added", () => {
  const added = (modifications: readonly Modification[]): Finding => ({
    ...finding(modifications, 999, "db/x"),
    added: true,
  });

  test.each<[string, Modification[], Modification[], Modification[]]>([
    ["does not set what git sets", [change("set", 5)], [change("set", 6)], [change("set", 5)]],
    ["does not raise what git sets", [change("set", 5)], [change("floor", 6)], [change("set", 5)]],
    ["does not remove what git sets", [change("set", 5)], [change("remove")], [change("set", 5)]],
    [
      "does not route elsewhere than git",
      [change("route", "eu", "model")],
      [change("route", "us", "model")],
      [change("route", "eu", "model")],
    ],
    ["lowers what git sets", [change("set", 5)], [change("cap", 3)], [change("set", 5), change("cap", 3)]],
    [
      "is redacted after what git redacts",
      [change("redact", ["4111"], "messages")],
      [change("redact", ["1"], "messages")],
      [change("redact", ["4111"], "messages"), change("redact", ["1"], "messages")],
    ],
    [
      "removes more tools than git",
      [change("remove", "a", "tools")],
      [change("remove", "b", "tools")],
      [change("remove", ["a", "b"], "tools")],
    ],
    ["sets what git leaves", [change("cap", 5)], [change("set", 9)], [change("set", 9), change("cap", 5)]],
  ])("%s, whatever its priority", (_, git, beside, expected) => {
    const merged = mergeModifications([added(beside), finding(git, 1)]);
    expect(merged).toEqual({ modifications: expected, conflict: null });
  });
});

test("what a mode only records changes nothing", () => {
  const audited: Finding = { ...finding([change("set", 5)]), mode: "audit", effect: "allow" };
  expect(mergeModifications([audited])).toEqual({ modifications: [], conflict: null });
});

describe("merging", () => {
  const someChange: fc.Arbitrary<Modification> = fc
    .oneof(
      fc.record({
        op: fc.constantFrom("set", "cap", "floor", "remove" as const),
        path: fc.constantFrom("max_tokens", "temperature"),
        value: fc.integer({ min: 1, max: 4 }),
      }),
      fc.record({
        op: fc.constantFrom("append", "set" as const),
        path: fc.constant("stop"),
        value: fc.oneof(fc.constantFrom("a", "b"), fc.subarray(["a", "b", "c"], { minLength: 1 })),
      }),
      fc.record({
        op: fc.constant("remove" as const),
        path: fc.constant("tools"),
        value: fc.constantFrom("a", ["a", "b"], undefined),
      }),
      fc.record({
        op: fc.constant("redact" as const),
        path: fc.constant("messages"),
        value: fc.constantFrom<unknown>(["a"], { pattern: "a" }, { pattern: "a", replace: "-" }),
      }),
      fc.record({ op: fc.constant("route" as const), path: fc.constant("model"), value: fc.constantFrom("a", "b") }),
    )
    .map(({ op, path, value }) => (op === "remove" && path !== "tools" ? { op, path } : { op, path, value }));
  const findings = fc.array(
    fc
      .tuple(
        fc.array(someChange, { maxLength: 3 }),
        fc.integer({ min: 1, max: 2 }),
        fc.constantFrom("org/a", "org/b", "db/c"),
      )
      .map(([changes, priority, policy]) => ({
        ...finding(changes, priority, policy),
        ...(policy === "db/c" && { added: true as const }),
      })),
    { maxLength: 6 },
  );

  test("takes no account of the order of findings", () => {
    const shuffled = findings.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    );
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        expect(mergeModifications(other)).toEqual(mergeModifications(given));
      }),
      { numRuns: 500 },
    );
  });

  test("takes no account of how often a finding stands there", () => {
    fc.assert(
      fc.property(findings, (given) => {
        expect(mergeModifications([...given, ...given])).toEqual(mergeModifications(given));
      }),
    );
  });

  test("of what was merged gives the same again", () => {
    fc.assert(
      fc.property(findings, (given) => {
        // Of one priority, or what was lower in it would now weigh as much.
        const { modifications, conflict } = mergeModifications(
          given.map(({ added: _, ...one }) => ({ ...one, priority: 1 })),
        );
        fc.pre(conflict === null);
        expect(mergeModifications([finding(modifications)])).toEqual({ modifications, conflict: null });
      }),
      { numRuns: 500 },
    );
  });
});

test("what can contradict at load is two values for one place", () => {
  expect(contradict(change("set", 5), change("set", 6))).toBe(true);
  expect(contradict(change("set", ["a"], "stop"), change("set", "a", "stop"))).toBe(false);
  expect(contradict(change("route", "a", "model"), change("route", "b", "model"))).toBe(true);
  expect(contradict(change("cap", 5), change("cap", 6))).toBe(false);
  expect(contradict(change("set", 1, "temperature"), change("set", 2))).toBe(false);
});

test.each([
  ["cap sets what is absent", "max_tokens", undefined, [change("cap", 5)], 5],
  ["cap leaves what is under it", "max_tokens", 3, [change("cap", 5)], 3],
  ["cap leaves a number that is one when absent", "n", undefined, [change("cap", 2, "n")], undefined],
  ["cap lowers it", "n", 5, [change("cap", 2, "n")], 2],
  ["floor leaves what is absent", "max_tokens", undefined, [change("floor", 5)], undefined],
  ["floor raises", "max_tokens", 3, [change("floor", 5)], 5],
  ["set, then cap", "max_tokens", 3, [change("set", 9), change("cap", 7)], 7],
  ["remove takes away", "max_tokens", 3, [change("remove")], undefined],
  ["remove, then cap", "max_tokens", 3, [change("remove"), change("cap", 7)], 7],
  ["another path's", "max_tokens", 3, [change("set", 1, "temperature")], 3],
] as const)("%s", (_, path, sent, changes, expected) => {
  expect(modifySetting(path, sent, changes)).toBe(expected);
});

test("no number is changed by what should not have been loaded", () => {
  expect(() => modifySetting("max_tokens", 3, [change("set", "many")])).toThrow("'set' needs a number as value");
});
