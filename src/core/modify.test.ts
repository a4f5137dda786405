import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Finding, Modification } from "./decision.ts";
import { mergeModifications, modificationProblem } from "./modify.ts";

function finding(modifications: readonly Modification[], priority = 100): Finding {
  return {
    policy: "org/a",
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

const change = (op: Modification["op"], value?: number, path = "max_tokens"): Modification =>
  value === undefined ? { op, path } : { op, path, value };

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
])("%s", (_, asked, expected) => {
  const merged = mergeModifications(asked.map((modifications) => finding(modifications)));
  expect(merged).toEqual({ modifications: expected, conflict: null });
});

test("different values of one priority conflict, which is a refusal", () => {
  const { conflict } = mergeModifications([finding([change("set", 5)]), finding([change("set", 6)])]);
  expect(conflict).toMatchObject({ effect: "deny", code: "modify_conflict", status: 403 });
  expect(conflict).not.toHaveProperty("modifications");
});

test("of several priorities the highest sets", () => {
  const merged = mergeModifications([finding([change("set", 5)], 1), finding([change("set", 6)], 2)]);
  expect(merged).toEqual({ modifications: [change("set", 6)], conflict: null });
});

test("what a mode only records changes nothing", () => {
  const audited: Finding = { ...finding([change("set", 5)]), mode: "audit", effect: "allow" };
  expect(mergeModifications([audited])).toEqual({ modifications: [], conflict: null });
});

test("merging takes no account of the order of findings", () => {
  const anyChange = fc.record({
    op: fc.constantFrom("set", "cap", "floor", "remove" as const),
    path: fc.constantFrom("max_tokens", "temperature"),
    value: fc.integer({ min: 1, max: 4 }),
  });
  const findings = fc.array(fc.tuple(fc.array(anyChange, { maxLength: 3 }), fc.integer({ min: 1, max: 2 })), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(findings, fc.infiniteStream(fc.nat()), (given, order) => {
      const made = given.map(([changes, priority]) => finding(changes as Modification[], priority));
      const shuffled = made
        .map((item) => [order.next().value as number, item] as const)
        .sort(([a], [b]) => a - b)
        .map(([, item]) => item);
      const [left, right] = [mergeModifications(made), mergeModifications(shuffled)];
      expect(left.modifications).toEqual(right.modifications);
      expect(left.conflict === null).toBe(right.conflict === null);
    }),
  );
});

test.each([
  [change("append", 5), "the operation 'append' is not supported by this version; supported: remove, set, floor, cap"],
  [change("cap", 5, "model"), "'model' cannot be modified; what can be: max_tokens, temperature"],
  [change("cap"), "'cap' needs a number as value"],
  [change("remove", 5), "'remove' takes no value"],
  [change("cap", 1.5), "max_tokens must be an integer of at least 1, not 1.5"],
  [change("set", 3, "temperature"), "temperature must be from 0 to 2, not 3"],
  [change("cap", 100), null],
  [change("remove", undefined, "temperature"), null],
])("%j: %p", (modification, problem) => {
  expect(modificationProblem(modification)).toBe(problem);
});
