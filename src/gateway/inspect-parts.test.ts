import { describe, expect, test } from "bun:test";
import type { ActualAmounts, LimitRequest } from "../core/limits.ts";
import type { CompiledPolicy } from "../core/policy.ts";
import { createTokenCounter } from "../tokens/counter.ts";
import { gpt4o } from "../tokens/testing.ts";
import { until } from "./e2e-harness.ts";
import { OutputMeter } from "./inspect-meter.ts";
import { Slices } from "./inspect-slices.ts";

const text = "The sluices of the old canal were kept by three families, who opened them at dawn. ";

describe("the count of what an answer has written", () => {
  test("is reckoned at once, and near the tokenizer's once that has counted", async () => {
    const counter = createTokenCounter();
    try {
      const whole = text.repeat(200);
      const { tokens: exact } = await counter.countText(whole, gpt4o);
      const meter = new OutputMeter(counter, gpt4o);
      const reckoned: number[] = [];
      for (const word of whole.match(/\s*\S+/g)!) {
        meter.add(word);
        reckoned.push(meter.tokens);
      }
      expect(reckoned).toEqual(reckoned.toSorted((a, b) => a - b));
      expect(meter.tokens / exact).toBeGreaterThan(0.66);
      expect(meter.tokens / exact).toBeLessThan(1.33);
      await until(() => Math.abs(meter.tokens / exact - 1) < 0.02);
    } finally {
      counter.close();
    }
  });

  test("is that of the parts where the tokenizer fails", async () => {
    const failing = {
      countText: () => Promise.reject(new Error("no")),
      countPrompt: never,
      promptBound: never,
      close: never,
    };
    const meter = new OutputMeter(failing, gpt4o);
    meter.add("x".repeat(4000));
    await Promise.resolve();
    expect([meter.tokens, meter.leastTokens]).toEqual([1000, 333]);
  });

  test("stays reckoned where the tokenizer can tell but a bound: no answer ends for tokens that it may not have", async () => {
    const overloaded = createTokenCounter({ maxQueuedLength: 0 });
    try {
      const meter = new OutputMeter(overloaded, gpt4o);
      for (let i = 0; i < 3; i += 1) {
        meter.add("x".repeat(4096));
        expect(await overloaded.countText("x".repeat(4096), gpt4o)).toEqual({ tokens: 4096, exact: false });
        expect([meter.tokens, meter.leastTokens]).toEqual([1024 * (i + 1), Math.floor((4096 * (i + 1)) / 12)]);
      }
    } finally {
      overloaded.close();
    }
  });
});

function never(): never {
  throw new Error("not asked");
}

describe("slices of a limit", () => {
  const limited = (unit: LimitRequest["unit"], slice: number, sliceTokens: number) => ({
    policy: { id: "org/a" } as CompiledPolicy,
    limit: {
      name: "l",
      per: [],
      unit,
      window: { every: "day" },
      max: 1000,
      amount: 10,
      slice,
      sliceTokens,
      onStoreDown: "deny",
    } satisfies LimitRequest,
    resetSeconds: 60,
  });

  test("are taken a quarter before the last one is used up, in the units of all limits", () => {
    const taken: ActualAmounts[] = [];
    const counters = { extend: (_: string, more: ActualAmounts) => taken.push(more) > 0 };
    const slices = new Slices(counters, "req", [
      limited("tokens", 100, 100),
      limited("usd", 300, 200),
      limited("usd", 90, 100),
    ]);
    expect([slices.covers(70), taken.length]).toEqual(["yes", 0]);
    expect([slices.covers(80), taken.length]).toEqual(["yes", 1]);
    expect(taken[0]).toEqual({ tokens: 100, usd: 150 });
    expect([slices.covers(460), taken.length]).toEqual(["yes", 4]);
  });

  test("that cannot be had end the answer when the last one is used up", () => {
    const slices = new Slices({ extend: () => false }, "req", [limited("tokens", 100, 100)]);
    expect([90, 100, 101].map((tokens) => slices.covers(tokens))).toEqual(["yes", "yes", "over"]);
  });

  test("are waited for only when the last one is used up; a store that fails gives none", async () => {
    let answer: (granted: boolean) => void = never;
    const slices = new Slices({ extend: () => new Promise<boolean>((resolve) => (answer = resolve)) }, "req", [
      limited("tokens", 100, 100),
    ]);
    expect([slices.covers(90), slices.covers(101)]).toEqual(["yes", "wait"]);
    answer(true);
    await slices.taking;
    expect([slices.covers(101), slices.taking]).toEqual(["yes", null]);
    const failing = new Slices({ extend: () => Promise.reject(new Error("away")) }, "req", [
      limited("tokens", 100, 100),
    ]);
    failing.covers(90);
    await failing.taking;
    expect(failing.covers(101)).toBe("over");
    const throwing = new Slices({ extend: never }, "req", [limited("tokens", 100, 100)]);
    expect(throwing.covers(101)).toBe("over");
  });
});
