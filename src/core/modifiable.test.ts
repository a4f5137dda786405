import { describe, expect, test } from "bun:test";
import type { Modification } from "./decision.ts";
import {
  type ModifiableSpec,
  modifiableCatalogue,
  modificationOps,
  modificationProblem,
  recordedModification,
} from "./modifiable.ts";

const problem = (op: string, path: string, value?: unknown) =>
  modificationProblem({ op, path, ...(value !== undefined && { value }) } as Modification);

describe("a modification that cannot be made says what was received and what is accepted", () => {
  test.each([
    [
      ["append", "max_tokens", 5],
      "the operation 'append' does not go with max_tokens; what does: set, cap, floor, remove",
    ],
    [
      ["double", "max_tokens", 5],
      "the operation 'double' is not known; known: set, cap, floor, remove, append, redact, route",
    ],
    [
      ["cap", "top_k", 5],
      "'top_k' cannot be modified; what can be: max_tokens, messages, model, n, reasoning_effort, service_tier, stop, system, temperature, tools, top_p, user",
    ],
    [["cap", "toString", 5], /^'toString' cannot be modified/],
    [["cap", "max_tokens"], "'cap' needs a number as value, not nothing"],
    [["cap", "max_tokens", "5"], "'cap' needs a number as value, not '5'"],
    [["remove", "max_tokens", 5], "'remove' takes no value for max_tokens; received 5"],
    [["cap", "max_tokens", 1.5], "max_tokens must be an integer of at least 1, not 1.5"],
    [["cap", "max_tokens", 0], "max_tokens must be an integer of at least 1, not 0"],
    [["set", "temperature", 3], "temperature must be from 0 to 2, not 3"],
    [["floor", "top_p", -1], "top_p must be from 0 to 1, not -1"],
    [["set", "stop", []], "'set' needs a string or a list of 1 to 16 strings as value, not an empty list"],
    [["append", "stop", ["a", 4]], "'append' needs a string or a list of 1 to 16 strings as value, not a list of 2"],
    [["append", "system", ""], "'append' needs a string of 1 to 8192 characters as value, not ''"],
    [["set", "user", { name: "ann" }], "'set' needs a string of 1 to 256 characters as value, not a map"],
    [["set", "reasoning_effort", "most"], "reasoning_effort must be one of low, medium, high, not 'most'"],
    [["set", "service_tier", "flex"], "service_tier must be one of auto, default, not 'flex'"],
    [["route", "model", "gpt 4o"], "'route' needs the name of a model, without spaces, not 'gpt 4o'"],
    [["remove", "tools", 5], "'remove' takes tool names or globs, not 5"],
    [
      ["redact", "messages", "secret"],
      "'redact' needs a list of texts, or a map with 'pattern' or 'literals', and 'replace', not 'secret'",
    ],
    [["redact", "messages", {}], "'redact' needs either 'pattern' or 'literals'"],
    [
      ["redact", "messages", { pattern: "a", flags: "i" }],
      "'redact' does not know the key 'flags'; it takes a list of texts, or a map with 'pattern' or 'literals', and 'replace'",
    ],
    [["redact", "messages", []], "'redact' needs 1 to 1000 texts to look for, not an empty list"],
    [["redact", "messages", ["a", ""]], "each text to redact has 1 to 1024 characters, unlike ''"],
    [
      ["redact", "messages", { pattern: "a", replace: 5 }],
      "'replace' must be a string of at most 1024 characters, not 5",
    ],
  ] as const)("%j", ([op, path, value], expected) => {
    if (typeof expected === "string") expect(problem(op, path, value)).toBe(expected);
    else expect(problem(op, path, value)).toMatch(expected);
  });

  test("an expression is judged by who knows expressions", () => {
    const broken = () => "a group is not closed";
    const change: Modification = { op: "redact", path: "messages", value: { pattern: "(" } };
    expect(modificationProblem(change)).toBeNull();
    expect(modificationProblem(change, broken)).toBe("a group is not closed");
  });
});

test("what can be made is accepted", () => {
  const accepted = [
    ["cap", "max_tokens", 100],
    ["set", "temperature", 0],
    ["floor", "top_p", 1],
    ["remove", "temperature"],
    ["cap", "n", 1],
    ["set", "stop", ["a", "b"]],
    ["append", "stop", "a"],
    ["append", "system", "Be brief."],
    ["set", "user", "someone"],
    ["set", "service_tier", "default"],
    ["set", "reasoning_effort", "low"],
    ["remove", "tools"],
    ["remove", "tools", "shell*"],
    ["remove", "tools", ["shell*", "exec"]],
    ["route", "model", "gpt-4o-mini"],
    ["redact", "messages", ["secret"]],
    ["redact", "messages", { literals: ["secret"], replace: "" }],
    ["redact", "messages", { pattern: "a+", replace: "-" }],
  ] as const;
  expect(accepted.filter(([op, path, value]) => problem(op, path, value) !== null)).toEqual([]);
});

test("every part says what it is and takes operations there are", () => {
  for (const [path, spec] of Object.entries<ModifiableSpec>(modifiableCatalogue)) {
    expect(spec.doc, path).toEndWith(".");
    expect(spec.ops.length, path).toBeGreaterThan(0);
    expect(spec.ops.filter((op) => !modificationOps.includes(op))).toEqual([]);
    // What takes a text or a list says how large it may be, or which values there are.
    const bounded = spec.size !== undefined || spec.values !== undefined || path === "messages";
    expect(spec.type === "int" || spec.type === "double" || bounded, path).toBe(true);
  }
});

test("records hold values, but none that are texts of a prompt or name a person", () => {
  const cap = { op: "cap", path: "max_tokens", value: 5 } as const;
  const route = { op: "route", path: "model", value: "gpt-4o-mini" } as const;
  expect([cap, route].map(recordedModification)).toEqual([cap, route]);
  expect(recordedModification({ op: "remove", path: "temperature" })).toEqual({ op: "remove", path: "temperature" });
  for (const [op, path] of [
    ["redact", "messages"],
    ["append", "system"],
    ["set", "stop"],
    ["set", "user"],
    ["set", "unknown"],
  ] as const) {
    expect(recordedModification({ op, path, value: ["planted"] })).toEqual({ op, path });
  }
});
