import { expect, test } from "bun:test";
import { othersFirst, Together } from "./together.ts";

test("those who ask in one turn go on in the next one, in their order, and nobody waits for later ones", async () => {
  const together = new Together();
  const order: string[] = [];
  const first = ["a", "b", "c"].map((name) => together.turn().then(() => order.push(name)));
  expect(order).toEqual([]);
  await Promise.all(first);
  expect(order).toEqual(["a", "b", "c"]);
  await together.turn().then(() => order.push("d"));
  expect(order).toEqual(["a", "b", "c", "d"]);
});

test("many go on in their order, and the first few have gone all their way before the next few begin", async () => {
  const together = new Together();
  const names = Array.from({ length: 20 }, (_, i) => i);
  const steps: string[] = [];
  await Promise.all(
    names.map(async (name) => {
      await together.turn();
      steps.push(`${name} decided`);
      await othersFirst;
      steps.push(`${name} sent`);
    }),
  );
  expect(steps).toHaveLength(40);
  const at = (name: number, step: string) => steps.indexOf(`${name} ${step}`);
  for (const step of ["decided", "sent"]) {
    expect(names.toSorted((a, b) => at(a, step) - at(b, step))).toEqual(names);
  }
  expect(at(1, "decided")).toBeLessThan(at(0, "sent"));
  expect(at(0, "sent")).toBeLessThan(at(19, "decided"));
});

test("a turn that is over holds nobody who comes later", async () => {
  const together = new Together();
  const turns = Array.from({ length: 7 }, () => together.turn());
  await turns[0];
  let gone = 0;
  const later = Array.from({ length: 7 }, () => together.turn().then(() => (gone += 1)));
  await Promise.all([...turns, ...later]);
  expect(gone).toBe(7);
});
