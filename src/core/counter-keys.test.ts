import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { readCounterKey } from "./counter-keys.ts";

describe("a counter's key", () => {
  test("says whose it is", () => {
    expect(readCounterKey('default|org/free|day/usd|usd|day|app=chat|user="a|b \\" c"|env=')).toEqual({
      org: "default",
      policy: "org/free",
      name: "day/usd",
      unit: "usd",
      window: "day",
      per: { app: "chat", user: 'a|b " c', env: "" },
    });
    expect(readCounterKey("acme|db/x|concurrency|concurrency|60")).toMatchObject({ window: "60", per: {} });
  });

  test("comes back whatever names clients choose", async () => {
    const name = fc.string({ unit: "binary" });
    await fc.assert(
      fc.asyncProperty(name, name, async (user, model) => {
        const key = `default|org/p|n|tokens|minute|user=${JSON.stringify(user)}|model=${JSON.stringify(model)}|key=k1`;
        expect(readCounterKey(key)?.per).toEqual({ user, model, key: "k1" });
      }),
    );
  });

  test.each([
    "",
    "a",
    "a|b|c",
    "a|b|c|apples|day",
    "a|b|c|usd|day|colour=red",
    'a|b|c|usd|day|user="x',
    "a|b|c|usd|day|",
  ])("is not %p", (key) => {
    expect(readCounterKey(key)).toBeNull();
  });
});
