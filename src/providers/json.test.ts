import { expect, test } from "bun:test";
import { asCount } from "./json.ts";

test.each([
  [0, 0],
  [12, 12],
  [9007199254740991, 9007199254740991],
  [-1, null],
  [1.5, null],
  [1e300, null],
  [9007199254740992, null],
  ["12", null],
  [null, null],
  [undefined, null],
])("%p as a count is %p: what a provider says it counted can always be stored", (value, count) => {
  expect(asCount(value)).toBe(count);
});
