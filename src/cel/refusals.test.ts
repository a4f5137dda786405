import { expect, test } from "bun:test";
import { createCel } from "./cel.ts";
import { CelProblem, celChecks } from "./checks.ts";
import { refusals } from "./refusals.cases.ts";

const cel = createCel();

function problemOf(source: string): CelProblem {
  try {
    cel.condition(source, "request");
  } catch (error) {
    if (error instanceof CelProblem) return error;
    throw error;
  }
  throw new Error(`accepted: ${source}`);
}

test.each(refusals.map((refusal) => [refusal.source.slice(0, 80), refusal] as const))(
  "%s is refused, with a reason and its place",
  (_, { source, code, message, at }) => {
    const problem = problemOf(source);
    expect({ code: problem.code, message: problem.message }).toEqual({ code, message });
    if (at !== "") expect(source.slice(problem.start, problem.end)).toBe(at);
    expect(problem.start).toBeLessThanOrEqual(source.length);
    expect(problem.end).toBeLessThanOrEqual(source.length);
  },
);

test("every check of expressions is provoked by a case", () => {
  expect(Object.keys(celChecks).filter((code) => !refusals.some((refusal) => refusal.code === code))).toEqual([]);
});
