import { expect, test } from "bun:test";
import { compareWithLibrary } from "./testing-differential.ts";

test("generated code gives what the library gives, on expressions and facts that nobody thought of", () => {
  // `bun run soak differential` compares 100,000.
  const { generated, interpreted, failures, evaluations, differences } = compareWithLibrary(20_261_121, 800);
  expect(differences).toEqual([]);
  expect(generated).toBeGreaterThanOrEqual(800);
  // What is left to the library are empty lists of no type, mostly.
  expect(interpreted / generated).toBeLessThan(0.05);
  // Failures are compared as well as values.
  expect(failures / evaluations).toBeGreaterThan(0.1);
  expect(failures / evaluations).toBeLessThan(0.6);
}, 20_000);
