import { expect, test } from "bun:test";
import fc from "fast-check";
import { backoffMs, wait } from "./backoff.ts";

const settings = { baseMs: 500, maxMs: 8000 };

test("the bound doubles each time, up to the longest wait", () => {
  expect([1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(settings, attempt, undefined, 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 8000,
  ]);
  expect(backoffMs(settings, 3, undefined, 0)).toBe(0);
  expect(backoffMs(settings, 3, undefined, 0.25)).toBe(500);
});

test("what the provider asks for is waited, and no less", () => {
  expect(backoffMs(settings, 1, 3000, 0.9)).toBe(3000);
  expect(backoffMs(settings, 4, 100, 0.5)).toBe(2000);
});

test("more than is ever waited is not worth it", () => {
  expect(backoffMs(settings, 1, 8001, 0)).toBeNull();
  expect(backoffMs(settings, 1, 86_400_000, 0)).toBeNull();
});

test("a wait is never longer than the longest, nor shorter than asked for", () => {
  const number = fc.double({ min: 0, max: 100_000, noNaN: true });
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.option(number, { nil: undefined }),
      unit,
      (attempt, asked, random) => {
        const ms = backoffMs(settings, attempt, asked, random);
        if (ms === null) return asked! > settings.maxMs;
        return ms >= (asked ?? 0) && ms <= settings.maxMs;
      },
    ),
  );
});

test("a wait ends when its signal aborts", async () => {
  const abort = new AbortController();
  const waiting = wait(3_600_000, abort.signal);
  abort.abort();
  await waiting;
  await wait(3_600_000, abort.signal);
  await wait(0, new AbortController().signal);
});
