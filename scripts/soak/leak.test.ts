import { describe, expect, test } from "bun:test";
import { detectors } from "../../plugins/pii/detectors.ts";
import { sets } from "../../plugins/regex_guard/sets.ts";
import { secretTypes } from "../../plugins/secrets/detectors.ts";
import { generators } from "./leak/plants.ts";
import { runClean, runLeaks } from "./leak/run.ts";

describe("values in streamed answers", () => {
  test.each(runLeaks({ plants: 4, splits: 25, seed: 7 }).map((one) => [one.type, one] as const))(
    "%s: none reaches the client, however the stream is split",
    (_, { leaks, missed, streams }) => {
      expect(missed).toEqual([]);
      expect(leaks).toEqual([]);
      expect(streams).toBeGreaterThan(100);
    },
  );

  test("every type that is looked for is tried", () => {
    const pii = new Set(detectors.flatMap(({ type }) => (type === null ? [] : [type])));
    expect(Object.keys(generators.pii).sort()).toEqual([...pii].sort());
    expect(Object.keys(generators.secrets).sort()).toEqual([...secretTypes].sort());
    const builtIn = Object.values(sets).flatMap((set) => set.map(({ name }) => name));
    expect(Object.keys(generators.regex_guard).sort()).toEqual([...builtIn, "host", "stretch", "ticket"].sort());
  });

  test("clean text comes out as it is, and little of it is held back at a time", () => {
    for (const size of [1, 5]) {
      const { same, held } = runClean(16, size);
      expect(same).toBe(true);
      expect(held).toBeLessThan(64);
    }
  });
});
