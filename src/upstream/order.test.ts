import { expect, test } from "bun:test";
import fc from "fast-check";
import { orderTargets } from "./order.ts";

/** Numbers that look random and are the same each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const targets = fc
  .array(fc.record({ priority: fc.integer({ min: 1, max: 3 }), weight: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 8,
  })
  .map((list) => list.sort((a, b) => a.priority - b.priority).map((one, id) => ({ ...one, id })));

test("every target is there once, and priorities are walked in order", () => {
  fc.assert(
    fc.property(targets, fc.integer(), (list, seed) => {
      const ordered = orderTargets(list, seeded(seed));
      expect(ordered.map(({ id }) => id).sort()).toEqual(list.map(({ id }) => id).sort());
      expect(ordered.map(({ priority }) => priority)).toEqual(list.map(({ priority }) => priority));
    }),
  );
});

test("a target of weight 0 comes after all others of its priority", () => {
  fc.assert(
    fc.property(targets, fc.integer(), (list, seed) => {
      const ordered = orderTargets(list, seeded(seed));
      for (const [i, one] of ordered.entries()) {
        const next = ordered[i + 1];
        if (one.weight === 0 && next?.priority === one.priority) expect(next.weight).toBe(0);
      }
    }),
  );
});

test("each comes first in its share of the calls, and second in its share of the rest", () => {
  const list = [
    { priority: 1, weight: 60, id: "a" },
    { priority: 1, weight: 30, id: "b" },
    { priority: 1, weight: 10, id: "c" },
    { priority: 2, weight: 100, id: "d" },
  ];
  const random = seeded(7);
  const first: Record<string, number> = {};
  const afterA: Record<string, number> = {};
  const calls = 20_000;
  for (let i = 0; i < calls; i += 1) {
    const [one, two, , last] = orderTargets(list, random).map(({ id }) => id);
    first[one!] = (first[one!] ?? 0) + 1;
    if (one === "a") afterA[two!] = (afterA[two!] ?? 0) + 1;
    expect(last).toBe("d");
  }
  expect(first.a! / calls).toBeCloseTo(0.6, 1);
  expect(first.b! / calls).toBeCloseTo(0.3, 1);
  expect(afterA.b! / first.a!).toBeCloseTo(0.75, 1);
});

test("a draw of 1 takes the last one that has a weight", () => {
  const list = [
    { priority: 1, weight: 1, id: "a" },
    { priority: 1, weight: 1, id: "b" },
    { priority: 1, weight: 0, id: "c" },
  ];
  expect(orderTargets(list, () => 1).map(({ id }) => id)).toEqual(["b", "a", "c"]);
});
