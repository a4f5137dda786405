import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hashCounted, maskCounterKey, readCounterKey, writeCounterKey } from "./counter-keys.ts";
import { emptyFacts } from "./facts.ts";
import { hashName } from "./name-hash.ts";

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

  test("comes back whatever names clients choose", () => {
    const name = fc.string({ unit: "binary", maxLength: 256 });
    const limit = { name: "n", unit: "tokens", window: { every: "minute" }, per: ["user", "model", "key"] } as const;
    fc.assert(
      fc.property(name, name, (user, model) => {
        const facts = emptyFacts();
        facts.user.id = user;
        facts.request.model = model;
        facts.key.id = "k1";
        const key = writeCounterKey("default", "org/p", limit, facts);
        expect(readCounterKey(key)).toEqual({
          ...{ org: "default", policy: "org/p", name: "n", unit: "tokens", window: "minute" },
          per: { user, model: model.toLowerCase(), key: "k1" },
        });
      }),
    );
  });

  test("is recorded with the hash that stands for its user, however long the name, and else as it is", () => {
    const limit = { name: "n", unit: "usd", window: { sliding: 60 }, per: ["app", "user", "model"] } as const;
    const name = fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), fc.string({ minLength: 250, maxLength: 300 }));
    fc.assert(
      fc.property(name, name, (user, model) => {
        const facts = emptyFacts();
        facts.app.id = "chat";
        facts.user.id = user;
        facts.request.model = model;
        const key = writeCounterKey("default", "org/p", limit, facts);
        const read = readCounterKey(key)!;
        const masked = readCounterKey(maskCounterKey(key));
        expect(masked).toEqual({ ...read, per: { ...read.per, user: hashName(user) } });
        expect(hashCounted(read.per.user!)).toBe(hashName(user));
      }),
    );
    expect(maskCounterKey("acme|db/x|n|usd|60|user=ann|key=k")).toBe(
      `acme|db/x|n|usd|60|user="${hashName("ann")}"|key=k`,
    );
    expect(maskCounterKey("acme|db/x|n|usd|60")).toBe("acme|db/x|n|usd|60");
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
