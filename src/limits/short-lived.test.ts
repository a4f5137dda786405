import { expect, test } from "bun:test";
import fc from "fast-check";
import { ShortLived } from "./short-lived.ts";

test("is a map in the order of coming, however many come and go", () => {
  const key = fc.integer({ min: 0, max: 40 }).map(String);
  const step = fc.oneof(
    fc.record({ act: fc.constant("set" as const), key, value: fc.integer() }),
    fc.record({ act: fc.constant("delete" as const), key }),
    // So many that the map is made anew.
    fc.record({ act: fc.constant("crowd" as const), count: fc.integer({ min: 100, max: 600 }) }),
    fc.constant({ act: "clear" as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const map = new ShortLived<number>();
      const model = new Map<string, number>();
      for (const one of steps) {
        if (one.act === "set") {
          map.set(one.key, one.value);
          model.set(one.key, one.value);
        } else if (one.act === "delete") {
          expect(map.delete(one.key)).toBe(model.delete(one.key));
        } else if (one.act === "crowd") {
          for (let i = 0; i < one.count; i += 1) {
            map.set(`crowd${i}`, i);
            map.delete(`crowd${i}`);
          }
        } else {
          map.clear();
          model.clear();
        }
        expect([...map]).toEqual([...model]);
        expect([...map.values()]).toEqual([...model.values()]);
        expect(map.size).toBe(model.size);
        for (const name of ["0", "7", "40"]) expect(map.get(name)).toBe(model.get(name));
      }
    }),
  );
});

test("goes on where it was when it is made anew while somebody looks through it", () => {
  const map = new ShortLived<number>();
  for (const name of ["a", "b", "c"]) map.set(name, 1);
  const seen: string[] = [];
  for (const [name] of map) {
    seen.push(name);
    if (seen.length === 1) for (let i = 0; i < 1000; i += 1) map.set("c", i);
  }
  expect(seen).toEqual(["a", "b", "c"]);
});
