import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { hashName } from "./name-hash.ts";

test("a name is hashed as the ledger does it, whatever it consists of", () => {
  const name = fc.oneof(fc.string({ unit: "binary", minLength: 1 }), fc.constantFrom("\ud800", "a\udc00b", "ann", "☂"));
  fc.assert(
    fc.property(name, (text) => {
      expect(hashName(text)).toBe(createHash("sha256").update(text).digest("hex").slice(0, 32));
    }),
  );
  expect(hashName("")).toBe("");
});
