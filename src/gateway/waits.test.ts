import { expect, test } from "bun:test";
import fc from "fast-check";
import { until } from "./e2e-harness.ts";
import { type Wait, Waits } from "./waits.ts";

/** A wait that counts how often it was looked at, and does what it is told then. */
function counting(act: (wait: Wait) => void = () => undefined) {
  const wait = {
    place: -1,
    looks: 0,
    check() {
      wait.looks += 1;
      act(wait);
    },
  };
  return wait;
}

test("every wait is looked at again and again until it is deleted, and not after", async () => {
  const waits = new Waits();
  const [a, b, c] = [counting(), counting(), counting()];
  for (const one of [a, b, c]) waits.add(one);
  await until(() => a.looks > 1);
  waits.delete(b);
  // It is no error to delete one that is not there any more.
  waits.delete(b);
  const before = [a.looks, b.looks, c.looks];
  await until(() => a.looks > before[0]! + 1);
  expect(b.looks).toBe(before[1]!);
  expect(c.looks).toBe(a.looks);
  waits.close();
});

test("one that is deleted by its own check keeps none of the others from being looked at", async () => {
  const waits = new Waits();
  const all = Array.from({ length: 9 }, (_, i) => counting((wait) => i % 2 === 0 && waits.delete(wait)));
  for (const one of all) waits.add(one);
  await until(() => all[1]!.looks > 2);
  for (const [i, { looks }] of all.entries()) expect(looks).toBe(i % 2 === 0 ? 1 : all[1]!.looks);
  waits.close();
});

test("one may end others: those are not looked at again", async () => {
  const waits = new Waits();
  const all: ReturnType<typeof counting>[] = Array.from({ length: 5 }, () =>
    counting(() => {
      for (const one of all) waits.delete(one);
    }),
  );
  for (const one of all) waits.add(one);
  const other = counting();
  await until(() => all.some(({ looks }) => looks > 0));
  waits.add(other);
  await until(() => other.looks > 1);
  expect(all.reduce((sum, { looks }) => sum + looks, 0)).toBe(1);
  waits.close();
});

test("places stay right whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(15)), { maxLength: 100 }), (steps) => {
      const waits = new Waits();
      const all = Array.from({ length: 16 }, () => counting());
      const there = new Set<Wait>();
      for (const [comes, which] of steps) {
        const wait = all[which]!;
        if (comes && !there.has(wait)) {
          waits.add(wait);
          there.add(wait);
        } else if (!comes) {
          waits.delete(wait);
          there.delete(wait);
        }
        const places = [...there].map(({ place }) => place).sort((a, b) => a - b);
        expect(places).toEqual(places.map((_, i) => i));
        for (const one of all) if (!there.has(one)) expect(one.place).toBe(-1);
      }
      waits.close();
    }),
  );
});
