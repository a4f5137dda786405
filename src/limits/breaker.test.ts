import { afterEach, describe, expect, test } from "bun:test";
import { type Breaker, type BreakerState, createBreaker } from "./breaker.ts";

const failing = () => Promise.reject(new Error("away"));
const fine = () => Promise.resolve(1);

describe("the breaker", () => {
  let breaker: Breaker | undefined;
  afterEach(() => breaker?.close());

  function open(options: { enabled?: boolean; openMs?: number } = {}) {
    const story: BreakerState[] = [];
    const { enabled = true, openMs = 60_000 } = options;
    breaker = createBreaker({
      enabled,
      openMs,
      onChange: (state) => story.push(state),
      onFailure: () => undefined,
      ignores: (error) => error instanceof RangeError,
    });
    const run = async (...actions: readonly (() => Promise<unknown>)[]) => {
      for (const action of actions) await breaker!.run(action).catch(() => undefined);
    };
    return { breaker, story, run };
  }

  test.each([
    ["two failures are not enough", [failing, failing], "closed"],
    ["three of three open it", [failing, failing, failing], "open"],
    ["three of five are 60 %", [fine, fine, failing, failing, failing], "open"],
    ["three of six are not", [fine, fine, fine, failing, failing, failing], "closed"],
  ] as const)("%s", async (_, actions, state) => {
    const { breaker, run } = open();
    await run(...actions);
    expect(breaker.state).toBe(state);
  });

  test("while it is open nothing is asked", async () => {
    const { breaker, run } = open();
    await run(failing, failing, failing);
    let asked = 0;
    const action = async () => {
      asked += 1;
    };
    await expect(breaker.run(action)).rejects.toThrow("open");
    expect(asked).toBe(0);
  });

  test("then one may try: it closes when that succeeds, and is open again when it does not", async () => {
    const { breaker, story, run } = open({ openMs: 10 });
    const halfOpen = async () => {
      while (breaker.state !== "half_open") await new Promise(setImmediate);
    };
    await run(failing, failing, failing);
    await halfOpen();
    await run(failing);
    expect(breaker.state).toBe("open");
    await halfOpen();
    await Promise.all([run(fine), expect(breaker.run(fine)).rejects.toThrow("open")]);
    expect(breaker.state).toBe("closed");
    expect(story).toEqual(["open", "half_open", "open", "half_open", "closed"]);
  });

  test("mistakes of the caller do not count", async () => {
    const { breaker, run } = open();
    const wrong = () => Promise.reject(new RangeError("no amount"));
    await run(wrong, wrong, wrong, wrong);
    expect(breaker.state).toBe("closed");
  });

  test("switched off it lets everything pass", async () => {
    const { breaker, run } = open({ enabled: false });
    await run(failing, failing, failing, failing);
    expect(await breaker.run(fine)).toBe(1);
  });
});
