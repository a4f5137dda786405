import { expect, test } from "bun:test";
import { type Condition, compileCondition } from "./conditions.ts";
import { parsePath, type Value, valuesAt, withValue } from "./paths.ts";

const given: Value = {
  path: "/etc/passwd",
  amount: 12.5,
  count: "7",
  dry: false,
  to: [{ mail: "ann@a.example" }, { mail: "bob@b.example" }],
  deep: { "": 1, list: [1, 2] },
};

test.each<[Condition, boolean]>([
  [{ path: "path", op: "eq", value: "/etc/passwd" }, true],
  [{ path: "path", op: "ne", value: "/etc/passwd" }, false],
  [{ path: "amount", op: "eq", value: "12.5" }, true],
  [{ path: "count", op: "eq", value: 7 }, true],
  [{ path: "dry", op: "eq", value: false }, true],
  [{ path: "dry", op: "in", value: ["a", true] }, false],
  [{ path: "path", op: "in", value: ["a", "/etc/passwd"] }, true],
  [{ path: "path", op: "not_in", value: ["a"] }, true],
  [{ path: "none", op: "not_in", value: ["a"] }, true],
  [{ path: "path", op: "contains", value: "PASS" }, true],
  [{ path: "deep", op: "contains", value: '"list":[1' }, true],
  [{ path: "path", op: "starts_with", value: "/ETC" }, true],
  [{ path: "path", op: "starts_with", value: "etc" }, false],
  [{ path: "path", op: "matches", value: "^/etc/" }, true],
  [{ path: "to.*.mail", op: "glob", value: "*@b.example" }, true],
  [{ path: "to.*.mail", op: "glob", value: "*@c.example" }, false],
  [{ path: "to.*.mail", op: "ne", value: "ann@a.example" }, false],
  [{ path: "to.0.mail", op: "eq", value: "ann@a.example" }, true],
  [{ path: "amount", op: "gt", value: 12.5 }, false],
  [{ path: "amount", op: "gte", value: 12.5 }, true],
  [{ path: "count", op: "lt", value: 8 }, true],
  [{ path: "count", op: "lte", value: 6 }, false],
  [{ path: "path", op: "lt", value: 1 }, true],
  [{ path: "none", op: "gt", value: 1 }, false],
  [{ path: "deep.list.*", op: "gt", value: 1 }, true],
  [{ path: "deep.list", op: "present" }, true],
  [{ path: "deep.none", op: "present" }, false],
  [{ path: "toString", op: "absent" }, true],
])("%j is %p", (condition, expected) => expect(compileCondition(condition, "when.0")(given)).toBe(expected));

test.each<[Condition, string]>([
  [{ path: "a", op: "eq" }, "'eq' takes a string, a number or a bool"],
  [{ path: "a", op: "in", value: [] }, "'in' takes a list"],
  [{ path: "a", op: "in", value: [{}] }, "'in' takes a list"],
  [{ path: "a", op: "contains", value: "" }, "'contains' takes a string"],
  [{ path: "a", op: "glob", value: 1 }, "'glob' takes a string"],
  [{ path: "a", op: "present", value: true }, "'present' takes no value"],
])("%j is refused", (condition, message) => expect(() => compileCondition(condition, "when.0")).toThrow(message));

test("a place is changed, added or taken away, and nothing else is", () => {
  const change = (value: Value, path: string, now: Value | undefined) => withValue(value, parsePath(path), () => now);
  expect(change({ a: 1, b: 2 }, "a", 3)).toEqual({ a: 3, b: 2 });
  expect(change({ a: { b: 1 } }, "a.c", 2)).toEqual({ a: { b: 1, c: 2 } });
  expect(change({ a: 1 }, "b.c", 2)).toEqual({ a: 1 });
  expect(change({ a: [1, 2] }, "a.*", 0)).toEqual({ a: [0, 0] });
  expect(change({ a: [1, 2] }, "a.1", undefined)).toEqual({ a: [1] });
  expect(change({ a: [1] }, "a.5", 2)).toEqual({ a: [1] });
  expect(change({ a: 1 }, "a", undefined)).toEqual({});
  expect(change({}, "a", undefined)).toEqual({});
  expect(change("text", "a", 1)).toBe("text");
  expect(valuesAt({ a: [{ b: 1 }, { c: 2 }] }, parsePath("a.*.b"))).toEqual([1]);
});
