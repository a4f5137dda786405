import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { formatFile, isFormatted } from "./format.ts";

const policies = join(import.meta.dir, "../../../policies");
const shipped = readdirSync(policies, { recursive: true }).map(String).filter(isFormatted).sort();

describe("the canonical form of a policy", () => {
  test("has the keys in their order, two spaces, and comments where they were", () => {
    const text = `# yaml-language-server: $schema=x
rules:   # why
    # of this rule
    -   then:   deny
        id: a   # its name

        when:   "request.bytes > 5"
owner:  'platform'


# what it is for
description: A policy.
scope: {models: [ "gpt-*" , o1 ],   env: [prod]}
variables: { b: request.bytes, a: vars.b }
`;
    expect(formatFile("org/a.policy.yaml", text)).toBe(`# yaml-language-server: $schema=x
# what it is for
description: A policy.
owner: 'platform'
scope: { env: [prod], models: ["gpt-*", o1] }
variables: { b: request.bytes, a: vars.b }

rules: # why
  # of this rule
  - id: a # its name

    when: "request.bytes > 5"
    then: deny
`);
  });

  test("keeps escapes, which stand for what does not show", () => {
    const text = 'description: "a\\u200bb \\"c\\""\nrules: [{ then: deny }]\n';
    expect(formatFile("a.policy.yaml", text)).toBe(text);
  });

  test("keeps texts of several lines", () => {
    const text =
      "variables:\n  a: >-\n    request.bytes >\n    5\n  b: |\n    request.stream // why\n      || true\nrules: [{ then: deny }]\n";
    expect(formatFile("a.policy.yaml", text)).toBe(text);
  });

  test("writes what is too long for a line over several", () => {
    const names = Array.from({ length: 20 }, (_, i) => `a-long-name-${i}`);
    const formatted = formatFile("a.policy.yaml", `scope: { apps: [${names.join(",")}] }\nrules: [{ then: deny }]\n`);
    expect(formatted).toContain("      a-long-name-0,\n");
    expect(parse(formatted!).scope.apps).toEqual(names);
  });

  test("has the line ends of Unix", () => {
    expect(formatFile("a.policy.yaml", "rules:\r\n  - then: deny # no\r\n")).toBe("rules:\n  - then: deny # no\n");
  });
});

describe("the canonical form of other files", () => {
  test("keeps the facts of a test in the author's order", () => {
    const text =
      "cases: [{ expect: { code: a, decision: deny }, input: { user: { id: u }, app: { id: a } }, name: n }]\npolicies: [org/a]\n";
    expect(formatFile("a.test.yaml", text)).toBe(
      "policies: [org/a]\ncases: [{ name: n, input: { user: { id: u }, app: { id: a } }, expect: { decision: deny, code: a } }]\n",
    );
  });

  test("of CEL is without white space at the ends", () => {
    expect(formatFile("a.cel", '\r\n//! deny: a 403 "b"  \r\nrequest.stream \t\r\n\r\n')).toBe(
      '//! deny: a 403 "b"\nrequest.stream\n',
    );
    const multiline = 'model == """a  \nb"""\n';
    expect(formatFile("a.cel", multiline)).toBe(multiline);
  });

  test("of JSON is JSON", () => {
    expect(formatFile("a.policy.json", '{"rules":[{"then":"deny","id":"a"}],"description":"d","x":1}')).toBe(
      // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
      `${JSON.stringify({ description: "d", rules: [{ id: "a", then: "deny" }], x: 1 }, null, 2)}\n`,
    );
  });

  test("is none for what cannot be read, and for other names", () => {
    expect(formatFile("a.policy.yaml", "a: [")).toBeNull();
    expect(formatFile("a.policy.yaml", "a: 1\na: 2\n")).toBeNull();
    expect(formatFile("a.policy.json", "{")).toBeNull();
    expect([isFormatted("README.md"), isFormatted("a.policy.ts"), isFormatted("other.yaml")]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe("formatting", () => {
  test.each(shipped)("leaves %s as it is", (path) => {
    const text = readFileSync(join(policies, path), "utf8");
    expect(formatFile(path, text)).toBe(text);
  });

  const word = fc.constantFrom(
    "a",
    "deny",
    "request.bytes > 5",
    "# no",
    "",
    "- x",
    "yes",
    "1",
    "a: b",
    "é\u200b",
    "x ".repeat(80),
  );
  const comment = fc.constantFrom("", "# a comment\n", "\n", "\n# two\n# lines\n");
  const content = fc.record(
    {
      // biome-ignore lint/suspicious/noThenProperty: the key is the file format's
      rules: fc.array(fc.record({ then: word, id: word, when: word, message: word, status: fc.nat() }), {
        minLength: 1,
      }),
      description: word,
      match: fc.array(word, { minLength: 1 }),
      variables: fc.dictionary(fc.constantFrom("b", "a", "c"), word),
      scope: fc.record({ models: fc.array(word), env: fc.array(word), except: fc.record({ apps: fc.array(word) }) }),
      with: fc.dictionary(
        fc.constantFrom("z", "y"),
        fc.oneof(word, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
      ),
      params: fc.dictionary(fc.constantFrom("q", "p"), fc.record({ default: fc.integer(), type: word })),
    },
    { requiredKeys: ["rules"] },
  );
  const style = fc.record({
    collectionStyle: fc.constantFrom("any", "block", "flow"),
    defaultStringType: fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE", "BLOCK_FOLDED", "BLOCK_LITERAL"),
    indent: fc.constantFrom(2, 4),
    lineWidth: fc.constantFrom(0, 40, 80),
  } as const);

  test("changes no value, comes to an end, and keeps every comment, whatever the file", () => {
    fc.assert(
      fc.property(content, style, fc.array(comment, { maxLength: 4 }), (value, options, comments) => {
        const text = commented(stringify(value, options), comments);
        const formatted = formatFile("a.policy.yaml", text);
        expect(formatted).not.toBeNull();
        expect(parse(formatted!)).toEqual(parse(text));
        expect(formatFile("a.policy.yaml", formatted!)).toBe(formatted);
        for (const line of text.split("\n")) if (line.startsWith("#")) expect(formatted).toContain(line);
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  test("comes to the same whatever the order of the keys", () => {
    fc.assert(
      fc.property(content, (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(formatFile("a.policy.yaml", stringify(reversed))).toBe(formatFile("a.policy.yaml", stringify(value)));
      }),
      { numRuns: 100 },
    );
  });
});

/** Puts comments before the keys of the file's outermost map, one after another. */
function commented(text: string, comments: readonly string[]): string {
  let i = 0;
  return text.replace(/^[a-z]+:/gm, (key) => `${comments[i++] ?? ""}${key}`);
}
