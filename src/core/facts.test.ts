import { describe, expect, test } from "bun:test";
import { emptyFacts, factEntries, isFactName, readFact } from "./facts.ts";
import { phases } from "./phases.ts";

describe("the fact catalogue", () => {
  test("every path is a root and a name, or the time", () => {
    for (const [name] of factEntries) expect(name).toMatch(/^(now|[a-z]+\.[a-z_]+)$/);
  });

  test("every fact can be read in some phase and says what it is in a sentence", () => {
    for (const [name, spec] of factEntries) {
      expect([name, spec.phases.length > 0]).toEqual([name, true]);
      expect([name, /\.$/.test(spec.doc)]).toEqual([name, true]);
    }
  });

  test("what can grow has a largest size, or its cost could not be bounded", () => {
    const growing = factEntries.filter(
      ([, { type }]) => type === "string" || type.startsWith("list") || type.startsWith("map"),
    );
    expect(growing.filter(([, { max }]) => max === undefined).map(([name]) => name)).toEqual([]);
  });

  test("a short name means one fact in each phase, and only where the fact exists", () => {
    for (const phase of phases) {
      const names = factEntries.flatMap(([, { short }]) => (short?.phases.includes(phase) ? [short.name] : []));
      expect(new Set(names).size).toBe(names.length);
    }
    for (const [, { short, phases: own }] of factEntries) {
      for (const phase of short?.phases ?? []) expect(own).toContain(phase);
    }
  });

  test("empty facts hold a value of the right type at every path", () => {
    const facts = emptyFacts();
    const kinds = { string: "string", int: "number", double: "number", bool: "boolean" } as Record<string, string>;
    for (const [name, { type }] of factEntries)
      expect(typeof readFact(facts, name)).toBe((kinds[type] ?? "object") as "object");
    expect(emptyFacts().request).not.toBe(facts.request);
  });

  test("names of the language are not facts", () => {
    for (const name of ["constructor", "__proto__", "request", "request.", "toString"])
      expect(isFactName(name)).toBe(false);
  });
});
