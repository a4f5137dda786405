import { expect, test } from "bun:test";
import { RE2JS } from "re2js";
import { determinise } from "./determinise.ts";

function stateCount(program: RE2JS): number {
  return (program as unknown as { re2Input: { dfa: { stateCount: number } } }).re2Input.dfa.stateCount;
}

test.each([
  ["secret", "a secret, and another one"],
  ["\\b\\d{3}-\\d{2}-\\d{4}\\b", "123-45-678, 123-45-6789"],
  ["(?i)(password|token)\\s*[:=]\\s*\\S+", "PassWord \n= é😀"],
  ["^a+|a+$", "baaaa"],
  ["(a|aa|aaa){20}[^a]", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"],
])("the automaton of %s is there before its first text", (source, text) => {
  const program = RE2JS.compile(source);
  const states = determinise(program);
  expect(states).toBeGreaterThan(1);
  const before = stateCount(program);
  // What follows the text's end is the one step that is left.
  program.test(text);
  program.test(text.repeat(50));
  expect(stateCount(program)).toBeLessThanOrEqual(before + 4);
});

test.each([["(a|b)*a(a|b){30}#"], ["a.{250}#"], ["(a?){100}a{100}[bc]"]])(
  "%s has an automaton that is too large to make",
  (source) => {
    const from = performance.now();
    expect(determinise(RE2JS.compile(source))).toBeNull();
    expect(performance.now() - from).toBeLessThan(2_000);
  },
);
