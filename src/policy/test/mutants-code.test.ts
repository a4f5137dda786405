import { describe, expect, test } from "bun:test";
import { applyEdit } from "./edit.ts";
import { codeChanges } from "./mutants-code.ts";
import { endsWithin } from "./within.ts";

function changed(text: string): string[] {
  return codeChanges(text).map((edit) => applyEdit(text, edit));
}

describe("small changes of code", () => {
  test.each<[text: string, changes: string[]]>([
    ["a < b;", ["a <= b;"]],
    ["a >= b;", ["a > b;"]],
    ["a === b;", ["a !== b;"]],
    ["a && (b) || c;", ["a || (b) || c;", "a && (b) && c;"]],
    ["!a;", ["a;"]],
    ["a + b - c;", ["a - b - c;", "a + b + c;"]],
    ["a * b / c % d;", ["a / b / c % d;", "a * b * c % d;", "a * b / c * d;"]],
    ["a // a < b\n  < b;", ["a // a < b\n  <= b;"]],
    ["a += b;", ["a -= b;"]],
    ["a ??= b;", ["a = b;"]],
    ["a ?? b;", ["b;", "a;"]],
    ["a ? b : c;", ["!(a) ? b : c;"]],
    ["if (a) f(); else g();", ["if (!(a)) f(); else g();"]],
    ["if (a) f();", ["if (!(a)) f();"]],
    ["Math.min(a, b);", ["Math.max(a, b);"]],
    ["a.some(f);", ["a.every(f);"]],
    ["[a, b, ...c];", ["[b, ...c];", "[a, ...c];", "[a, b];"]],
    ["[a];", ["[];"]],
    ["f(5, 0, true);", ["f(4, 0, true);", "f(6, 0, true);", "f(5, 1, true);", "f(5, 0, false);"]],
    ["f('a', `b`);", ["f('~a', `b`);", "f('a', `~b`);"]],
    ["(a as number) < (b satisfies number);", ["(a as number) <= (b satisfies number);"]],
  ])("%s", (text, changes) => {
    expect(changed(text)).toEqual(changes);
  });

  test("leave guards out whole, and swap what is not one", () => {
    const guarded = "function f(a) {\n  if (a === 1) return null;\n  return a;\n}";
    expect(changed(guarded)[0]).toBe("function f(a) {\n  \n  return a;\n}");
    // Left out, it would take the loop's body with it.
    expect(changed("for (const a of b) if (a) break;")).toEqual(["for (const a of b) if (!(a)) break;"]);
    expect(changed("if (a) f(); else if (b) throw c;")).toEqual([
      "if (!(a)) f(); else if (b) throw c;",
      "if (a) f(); else if (!(b)) throw c;",
    ]);
  });

  test.each([
    "import { a } from './a.ts';",
    "export { a } from './a.ts';",
    "type A = 1 | 'b'; interface B { c: 5 } declare const d: 1;",
    "f<'a'>(b as 'c');",
    "function f(a: 1 | 2): 3 { return a; }",
    "for (let i = a; b; i += 1) f();",
    "f('a sentence', `of words`);",
    "g({ description: 'x', summary: 'y', examples: [{ a: 1 }], owner: 'z' });",
    "g({ message: 'Refused.' });",
    "this.name = 'Problem';",
    "g({ 'a-b': c, 5: d });",
    "f('so ' + b);",
  ])("are not made in %s", (text) => {
    expect(changed(text)).toEqual([]);
  });

  test("are left out where they are no TypeScript", () => {
    expect(changed("(a ?? b) && c;")).not.toContain("a ?? b || c;");
    expect(changed("a || (b ?? c);")).toEqual(["a && (b ?? c);", "a || (c);", "a || (b);"]);
  });

  test("are told on one line", () => {
    const text = "if (a) {\n  throw b;\n}\nf('x', a ?? b);";
    expect(codeChanges(text).map(({ change }) => change)).toEqual([
      "'if (a) { throw b; }' dropped",
      "'x' → '~x'",
      "'a ??' dropped",
      "'?? b' dropped",
    ]);
  });

  test("of what is no TypeScript there are none", () => {
    expect(() => codeChanges("a <")).toThrow(SyntaxError);
  });
});

describe("code that may not end", () => {
  test("is stopped, whatever it catches", () => {
    const forever = () => {
      for (;;) {
        try {
          for (;;);
        } catch {}
      }
    };
    expect(endsWithin(20, forever)).toEqual({ ended: false });
  });

  test("otherwise answers or throws as it is", () => {
    expect(endsWithin(1_000, () => 5)).toEqual({ ended: true, value: 5 });
    const fails = () => {
      throw new TypeError("no");
    };
    expect(() => endsWithin(1_000, fails)).toThrow(new TypeError("no"));
  });
});
