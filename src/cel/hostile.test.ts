import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFacts } from "../core/facts.ts";
import { phases } from "../core/phases.ts";
import { overlayOf, treeOf } from "./ast.ts";
import { type CompiledCel, createCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { createEnvironments } from "./environment.ts";
import { hostile, largestFacts, type Verdict } from "./hostile.cases.ts";

const cel = createCel();

const largest = largestFacts();
const library = createCel({ interpret: true });

describe("hostile expressions are refused at load or end soon", () => {
  test.each(hostile.map((expression) => [expression.name, expression] as const))(
    "%s",
    (_, { source, names, verdict }) => {
      const from = performance.now();
      let got: Verdict;
      let compiled: CompiledCel | undefined;
      try {
        compiled = cel.condition(source, "stream", names);
      } catch (error) {
        expect(error).toBeInstanceOf(CelProblem);
      }
      got = compiled === undefined ? "refused" : verdictOf(compiled);
      const ms = performance.now() - from;
      expect({ source, verdict: got }).toEqual({ source, verdict });
      // What matters is that it ends; how soon on a quiet machine, `bun run soak hostile` tells.
      expect(ms).toBeLessThan(1_000);

      if (compiled === undefined) return;
      // The verdict is the language's: neither the first evaluation nor a later one gives up, and nor does the library.
      expect(verdictOf(compiled)).toBe(got);
      got = verdictOf(library.condition(source, "stream", names));
      expect(got).toBe(verdict);
    },
  );

  test("there are at least forty, and no two are the same", () => {
    expect(new Set(hostile.map(({ source }) => source)).size).toBe(hostile.length);
    expect(hostile.length).toBeGreaterThanOrEqual(40);
  });

  test("nothing that they tried to run was run", () => {
    expect(Object.keys(globalThis)).not.toContain("hacked");
    expect(({} as { hacked?: unknown }).hacked).toBeUndefined();
  });
});

function verdictOf(compiled: CompiledCel): Verdict {
  try {
    return compiled.test(largest);
  } catch (error) {
    expect(error).not.toBeInstanceOf(CelProblem);
    return "failed";
  }
}

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
}, 20_000);

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
