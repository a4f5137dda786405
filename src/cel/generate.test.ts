import { describe, expect, test } from "bun:test";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { type CompiledCel, createCel } from "./cel.ts";
import { identifier, literal } from "./code.ts";

const cel = createCel();
const library = createCel({ interpret: true });

function factsWith(request: Partial<Facts["request"]>): Facts {
  const facts = emptyFacts();
  Object.assign(facts.request, request);
  return facts;
}

function evaluated(source: string, facts: Facts = emptyFacts()): unknown {
  const compiled = cel.compile(source, "request");
  expect(compiled.generated).toBe(true);
  return compiled.value(facts);
}

const least = "-9223372036854775808";
const most = "9223372036854775807";

describe("ints have 64 bits, though they are numbers while those are exact", () => {
  test.each([
    ["9007199254740991 + 1", 9007199254740992n],
    ["9007199254740993 - 1", 9007199254740992n],
    ["9007199254740993 - 9007199254740992", 1n],
    ["3037000499 * 3037000499", 9223372030926249001n],
    [`${most} / 10`, 922337203685477580n],
    [`${most} % 10`, 7n],
    ["-7 / 2", -3n],
    ["-7 % 2", -1n],
    [`-(${most})`, -9223372036854775807n],
    [`${least} + 1`, -9223372036854775807n],
    ["int(9007199254740994.0)", 9007199254740994n],
    ["int('9223372036854775807')", 9223372036854775807n],
    ["least(9007199254740993, 5)", 5n],
    [`greatest(${most}, 5)`, 9223372036854775807n],
    ["[9007199254740993, 1][0] + request.bytes", 9007199254740993n],
  ])("%s is %p", (source, expected) => {
    expect(evaluated(source)).toBe(expected);
  });

  test.each([
    [`${most} + 1`],
    [`${least} - 1`],
    [`${least} * -1`],
    ["3037000500 * 3037000500"],
    [`-(${least})`],
    [`${least} / -1`],
    ["int(9223372036854775808.0)"],
    ["1 / 0"],
    ["1 % 0"],
  ])("%s is a failure", (source) => {
    expect(() => evaluated(source)).toThrow();
    expect(() => library.compile(source, "request").value(emptyFacts())).toThrow();
  });

  test.each([
    ["9007199254740993 == 9007199254740992", false],
    ["9007199254740993 > 9007199254740992.0", true],
    ["9007199254740992 in [9007199254740993, 9007199254740992]", true],
    ["9007199254740993 in [9007199254740992]", false],
    ["1.0 / double(0 * -1) > 0.0", true],
    ["1.0 / double(-request.bytes) > 0.0", true],
    ["request.bytes % -5 == 0", true],
  ])("%s is %p", (source, expected) => {
    expect(evaluated(source)).toBe(expected);
  });

  test("a fact beyond 2^53 is what its number is, and what is no integer is a failure", () => {
    expect(evaluated("request.bytes + 1", factsWith({ bytes: 2 ** 60 }))).toBe(2n ** 60n + 1n);
    expect(() => evaluated("request.bytes + 1", factsWith({ bytes: 2 ** 64 }))).toThrow();
    expect(() => evaluated("request.bytes + 1", factsWith({ bytes: 0.5 }))).toThrow();
  });
});

describe("failures are absorbed where the language absorbs them", () => {
  const facts = factsWith({ roles: ["a", "b"], bytes: 0, headers: {} });
  const bad = "1 / request.bytes == 1";
  test.each([
    [`${bad} || !request.stream`, true],
    [`!request.stream || ${bad}`, true],
    [`${bad} && request.stream`, false],
    [`${bad} || ${bad} || !request.stream`, true],
    [`(${bad} || request.stream) && request.stream`, false],
    [`!(${bad} && request.stream)`, true],
    [`request.roles.exists(r, r == 'b' || 1 / request.bytes == 1)`, true],
    [`request.roles.all(r, r == 'b' && request.headers[r] == 'x')`, false],
    [`request.roles.map(r, r == 'b' || ${bad})[0] || !request.stream`, true],
    [`${bad} ? request.stream : !request.stream || request.stream`, "a failure"],
    [`${bad} || request.stream`, "a failure"],
    [`request.roles.exists_one(r, r == 'b' || ${bad})`, "a failure"],
    [`request.roles.filter(r, ${bad} && r == 'a').size() == 0`, "a failure"],
    [`request.roles.all(r, r == 'a' || request.headers[r] == 'x')`, "a failure"],
  ])("%s is %p", (source, expected) => {
    const outcome = (compiled: CompiledCel) => {
      try {
        return compiled.test(facts);
      } catch {
        return "a failure";
      }
    };
    expect(outcome(cel.condition(source, "request"))).toBe(expected);
    expect(outcome(library.condition(source, "request"))).toBe(expected);
  });

  test("steps that are spent are not", () => {
    const many = emptyFacts();
    many.app.labels = Object.fromEntries(Array.from({ length: 120_000 }, (_, i) => [`k${i}`, "x"]));
    for (const source of [
      "app.labels.all(k, k != '') || !request.stream",
      "!(app.labels.exists(k, k == '') && request.stream)",
      "user.groups.exists(g, app.labels.all(k, k != g) || g == 'a')",
      "user.groups.all(g, app.labels.all(k, k != g) || g == 'a')",
    ]) {
      many.user.groups = ["b"];
      expect(() => cel.condition(source, "usage").test(many)).toThrow("took more than 100000 steps");
    }
  });
});

test("an evaluation in the middle of another one of the same expression disturbs neither", () => {
  const compiled = cel.compile("user.groups.map(g, g + request.model).filter(t, t != 'x').join(',')", "request");
  const inner = factsWith({ model: "2" });
  inner.user.groups = ["z"];
  const outer = emptyFacts();
  outer.user.groups = ["a", "b", "c"];
  Object.defineProperty(outer.request, "model", {
    get() {
      expect(compiled.value(inner)).toBe("z2");
      return "1";
    },
  });
  expect(compiled.value(outer)).toBe("a1,b1,c1");
});

test.each([[cel], [library]])("nothing of a request is kept, whoever evaluates", async (compiler) => {
  const compiled = compiler.condition(
    "user.groups.exists(h, user.groups.exists(g, g != h)) || request.roles.exists(r, r == model)",
    "request",
  );
  const held = ((): WeakRef<object>[] => {
    const facts = factsWith({ roles: ["user"] });
    facts.user.groups = ["staff", "admins"];
    compiled.test(facts);
    return [facts, facts.request, facts.request.roles, facts.user.groups].map((value) => new WeakRef(value));
  })();
  await Bun.sleep(0);
  Bun.gc(true);
  expect(held.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined, undefined]);
});

test("what has no code is evaluated by the library", () => {
  const left = cel.compile("[].map(x, x).size() + request.bytes == 3", "request");
  expect(left.generated).toBe(false);
  expect(left.value(factsWith({ bytes: 3 }))).toBe(true);
});

test("only declared names get into code as they are, and literals only in quotes", () => {
  expect(identifier("max_tokens")).toBe("max_tokens");
  for (const name of ["", "a-b", "a.b", "1a", "a;b", "a\u2028", "а", "a b", "a`"]) {
    expect(() => identifier(name)).toThrow();
  }
  const nasty = `"'\`\${x}\\\u2028\u2029\n\r\u0000*/</script>\ud800`;
  const quoted = literal(nasty);
  for (const mark of "\u2028\u2029\n\r\0\ud800") expect(quoted).not.toContain(mark);
  expect(new Function(`return ${quoted};`)()).toBe(nasty);
});
