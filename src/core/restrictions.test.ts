import { describe, expect, test } from "bun:test";
import { compileRestriction, unrestricted } from "./restrictions.ts";

describe("a restriction", () => {
  test("that says nothing allows everything, also what says nothing of where it comes from", () => {
    const may = compileRestriction(unrestricted);
    expect([may.surface("chat"), may.model("gpt-4o"), may.address("")]).toEqual([true, true, true]);
  });

  test("allows what it lists", () => {
    const may = compileRestriction({ surfaces: ["chat"], models: ["gpt-4o*", "echo"], networks: ["10.0.0.0/8"] });
    expect([may.surface("chat"), may.surface("messages")]).toEqual([true, false]);
    expect(["gpt-4o", "GPT-4o-mini", "echo", "echo-2", "claude", ""].map(may.model)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([may.address("10.1.1.1"), may.address("127.0.0.1")]).toEqual([true, false]);
  });
});
