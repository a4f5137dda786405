import { expect, test } from "bun:test";
import { SpareAborts } from "./spare-aborts.ts";

test("one that was given back serves the next, and no two at a time", () => {
  const aborts = new SpareAborts();
  const first = aborts.take();
  aborts.giveBack(first);
  const [second, third] = [aborts.take(), aborts.take()];
  expect(second).toBe(first);
  expect(third).not.toBe(second);
});

test("one that has aborted is never handed out again", () => {
  const aborts = new SpareAborts();
  const used = aborts.take();
  used.abort();
  aborts.giveBack(used);
  const next = aborts.take();
  expect(next).not.toBe(used);
  expect(next.signal.aborted).toBe(false);
});

test("no more are kept than calls may need at once", () => {
  const aborts = new SpareAborts();
  const all = Array.from({ length: 2000 }, () => new AbortController());
  for (const one of all) aborts.giveBack(one);
  const known = new Set(all);
  let kept = 0;
  while (known.has(aborts.take())) kept += 1;
  expect(kept).toBe(1024);
});
