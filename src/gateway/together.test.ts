import { expect, test } from "bun:test";
import { Together } from "./together.ts";

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

test("a turn that is over holds nobody who comes later", async () => {
  const together = new Together();
  const turns = Array.from({ length: 7 }, () => together.turn());
  await turns[0];
  let gone = 0;
  const later = Array.from({ length: 7 }, () => together.turn().then(() => (gone += 1)));
  await Promise.all([...turns, ...later]);
  expect(gone).toBe(7);
});
