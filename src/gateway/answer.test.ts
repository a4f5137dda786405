import { expect, test } from "bun:test";
import { comesWhole } from "./answer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test.each([
  ["an object", '{"a":1}', "text/event-stream", true],
  ["an object after white space and a BOM", '\ufeff \r\n\t{"a":1}', "text/plain", true],
  ["events", 'data: {"a":1}\n\n', "application/json", false],
  ["events after a comment", ": keep-alive\n\n", "application/json", false],
  ["a list, which Gemini streams", '[{"a":1}', "application/json", false],
  ["white space alone, as JSON", "\n\n", "application/json; charset=utf-8", true],
  ["white space alone, as events", "\n\n", "text/event-stream", false],
] as const)("whether an answer comes whole is told by how it begins: %s", (_what, text, type, whole) => {
  expect(comesWhole(bytes(text), new Headers({ "content-type": type }))).toBe(whole);
});

test("an answer without a byte is what it says", () => {
  expect(comesWhole(undefined, new Headers({ "content-type": "application/json" }))).toBe(true);
  expect(comesWhole(undefined, new Headers())).toBe(false);
});
