import { expect, test } from "bun:test";
import { exceedsDepth } from "./json-depth.ts";
import { startTestAdmin } from "./testing.ts";

test.each([
  ["[]", 1, false],
  ["[[]]", 1, true],
  ['{"a":[{"b":1}]}', 3, false],
  ['{"a":[{"b":1}]}', 2, true],
  ["[[],[],{}]", 2, false],
  ['{"a":"[[[[{{{{"}', 1, false],
  ['{"a\\"[[[[":"\\\\"}', 1, false],
  ['["\\\\",[[', 2, true],
  ["]]]][[", 2, false],
])("%s deeper than %p: %p", (text, max, is) => {
  expect(exceedsDepth(text, max)).toBe(is);
});

test.each([
  ["evaluate", (deep: string) => `{"surface":"chat","body":{"model":"echo","messages":[],"metadata":${deep}}}`],
  ["applications", (deep: string) => `{"name":"x","labels":${deep}}`],
  ["models", (deep: string) => `{"id":"x","targets":${deep}}`],
])("a body of /%s that is nested without end is refused as one that cannot be read", async (route, make) => {
  await using admin = await startTestAdmin();
  const body = make("[".repeat(100_000) + "]".repeat(100_000));
  const refused = await admin.call("POST", `/admin/v1/${route}`, { body });
  expect([refused.status, refused.json().code]).toEqual([400, "malformed_json"]);
  expect(refused.json().detail).toContain("nested deeper than");
});
