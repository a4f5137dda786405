import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import { overlayOf, treeOf } from "./ast.ts";
import { createCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { createEnvironments } from "./environment.ts";

const cel = createCel();

/** Facts as large as they may be, to be as slow as they can. */
function largestFacts(): Facts {
  const facts = emptyFacts();
  facts.request.roles = Array.from({ length: 2_048 }, () => "a".repeat(256));
  facts.request.tool_names = Array.from({ length: 512 }, () => "a".repeat(256));
  facts.request.model = "a".repeat(256);
  facts.event.text = `${"a".repeat(65_500)}!`;
  return facts;
}

const hostile: readonly [name: string, source: string][] = [
  ["exponential backtracking", "re.matches(event.text, '(a+)+$')"],
  ["a pattern whose truth a backtracking engine gives up on", "re.matches(event.text, '(a+)+b|!')"],
  ["polynomial backtracking", "re.matches(event.text, '^a+|a+$') && re.matches(event.text, '.*a.*=.*a.*')"],
  ["large repetitions", "re.matches(event.text, '(a?){100}a{100}b')"],
  ["repetitions in repetitions", "re.matches(event.text, '((a{1,30}){1,30}){1,30}')"],
  ["the library's own matches", "event.text.matches('(a+)+$')"],
  ["a pattern put together from facts", "re.matches(event.text, request.model + '+')"],
  [
    "four nested macros",
    "request.roles.all(a, request.roles.all(b, request.roles.all(c, request.roles.all(d, a + b == c + d))))",
  ],
  ["two nested macros over long lists", "request.roles.exists(a, request.roles.exists(b, a != b && a + b == 'x'))"],
  ["a macro over what a macro made", "request.roles.map(a, request.roles.map(b, a)).exists(l, l.exists(x, x == 'b'))"],
  ["texts that double", "[event.text].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).exists(a, a == 'x')"],
  ["joins of everything", "request.roles.map(r, request.roles.join(r)).exists(t, t.contains('b'))"],
  ["splits into every character", "event.text.split('').exists(c, event.text.contains(c + '?'))"],
  ["globs with many stars", "glob(event.text, '*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b')"],
  ["a search for every role", "request.roles.exists(r, event.text.indexOf(r + 'b') > 0)"],
  [
    "a macro over literals only",
    "[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2].all(c, a + b + c > -1)))",
  ],
  ["very long chains", `request.stream ${"|| request.stream ".repeat(230)}`],
  ["very many negations", `${"!".repeat(4_000)}request.stream`],
  ["very many brackets", `${"[".repeat(2_000)}1${"]".repeat(2_000)} == []`],
  ["very deep fields", `request${".a".repeat(2_000)} == 1`],
  ["prototypes", "request.headers.constructor == 'a' || request.headers.__proto__ == 'b'"],
  ["prototypes by index", "request.headers['constructor'] == 'a'"],
];

describe("hostile expressions are refused at load or end soon", () => {
  test.each(hostile)("%s", (_, source) => {
    const from = performance.now();
    let refused = false;
    try {
      const compiled = cel.condition(source, "stream");
      try {
        compiled.test(largestFacts());
      } catch (error) {
        // An error of evaluation is an answer too; a problem would have come too late.
        expect(error).not.toBeInstanceOf(CelProblem);
      }
    } catch (error) {
      refused = true;
      expect(error).toBeInstanceOf(CelProblem);
    }
    const ms = performance.now() - from;
    expect({ refused, soon: ms < 250 }).toEqual({ refused, soon: true });
  });
});

test("an answer that backtracking engines get wrong is right", () => {
  const facts = emptyFacts();
  facts.event.text = `${"a".repeat(30)}!secret`;
  expect(cel.condition("re.matches(event.text, '(a+)+b|secret')", "stream").test(facts)).toBe(true);
});

test("whatever the text, compiling gives a program or a problem with a range inside it", () => {
  const words = [
    "request.model",
    "model",
    "==",
    "&&",
    "(",
    ")",
    "[",
    "]",
    "'a'",
    "1",
    "1.5",
    ".",
    "exists",
    "x",
    ",",
    "!",
    "in",
    "?",
    ":",
    "{",
    "}",
    "-",
    "re.matches",
    "has",
    "vars.a",
    "now",
  ];
  const anything = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(fc.constantFrom(...words), { maxLength: 25 }).map((tokens) => tokens.join(" ")),
  );
  const facts = emptyFacts();
  fc.assert(
    fc.property(anything, fc.constantFrom(...phases), (source, phase) => {
      try {
        const { value } = cel.compile(source, phase);
        try {
          value(facts);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(CelProblem);
        const { start, end } = error as CelProblem;
        expect(start >= 0 && start <= end && end <= source.length).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a macro forgets the request once it is evaluated", async () => {
  const compiled = cel.condition(
    "user.groups.exists(h, user.groups.exists(g, g != h)) || request.roles.exists(r, r == model)",
    "request",
  );
  const held = ((): WeakRef<object>[] => {
    const facts = emptyFacts();
    facts.request.roles = ["user"];
    facts.user.groups = ["staff", "admins"];
    compiled.test(facts);
    return [new WeakRef(facts), new WeakRef(facts.request.roles), new WeakRef(facts.user.groups)];
  })();
  await Bun.sleep(0);
  Bun.gc(true);
  expect(held.map((ref) => ref.deref())).toEqual([undefined, undefined, undefined]);
});

test("the library's tree still has the parts that we rely on", () => {
  const env = createEnvironments().request;
  const program = env.parse("['a'].exists(x, x == 'b')");
  expect(program.check()).toEqual({ valid: true, type: "bool" });
  const tree = treeOf(program);
  expect(tree.op).toBe("rcall");
  expect(tree.checkedType?.name).toBe("bool");
  expect(typeof overlayOf(tree)?.reuse).toBe("function");
});
