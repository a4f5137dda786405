import { describe, expect, test } from "bun:test";
import { loggable } from "./loggable.ts";

describe("what is logged of a policy that failed", () => {
  test("is of code its kind and where it was thrown, and not what it says", () => {
    const told = loggable(new RangeError("the prompt says: hello\n    at lunch:1:2"));
    expect(told).toMatchObject({
      thrown: "RangeError",
      at: expect.arrayContaining([expect.stringContaining("loggable.test.ts")]),
    });
    expect(JSON.stringify(told)).not.toMatch(/hello|lunch/);
  });

  test("is of an expression its code and place", () => {
    const error = Object.assign(new Error("no such key: hello"), { code: "no_such_key", range: { start: 1, end: 2 } });
    expect(loggable(error)).toEqual({ code: "no_such_key", range: { start: 1, end: 2 } });
  });

  test.each(["hello", null, undefined, 5, { hello: 1 }])("is of %j nothing but its type", (thrown) => {
    expect(loggable(thrown)).toEqual({ thrown: typeof thrown });
  });
});
