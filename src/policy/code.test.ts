import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type CodePath, PolicyCode } from "./code.ts";

const text = `// export default definePolicy({ description: "in a comment" })
import { definePolicy, t } from "sluice/sdk";
const pattern = /["'\`{(]/g, half = 1 / 2;
export default definePolicy({
  description: \`a \${"}"} b\`,
  "owner": 'o',
  reads: ["request.model", "request.modle"],
  with: { allow: ["a", 3], nested: { most: -1, }, short },
  async request({ a, b }, c = { with: 1 }) { return /,}/.test(a) ? { x: 1 } : null; },
  get: 1,
  stream: (input) => null,
});
`;

/** What is marked for a path. */
function marked(path: CodePath, at: "key" | "value" = "value", code = text): string {
  const places = new PolicyCode("a.policy.ts", code);
  places.report("C038", path, "", at);
  const { line, column, length } = places.problems[0]!;
  return code.split("\n")[line - 1]!.slice(column - 1, column - 1 + length);
}

describe("a value of the policy is found:", () => {
  const cases: readonly [CodePath, string][] = [
    [["owner"], "'o'"],
    [["reads", 1], '"request.modle"'],
    [["with", "allow", 1], "3"],
    [["with", "nested", "most"], "-1"],
    [["with", "short"], "short"],
    [["get"], "1"],
    [["stream"], "(input) => null"],
    [["description"], `\`a \${"}"} b\``],
  ];
  test.each(cases)("%j", (path, expected) => {
    expect(marked(path)).toBe(expected);
  });
});

describe("a key is found:", () => {
  test.each([
    [["request"], "request"],
    [["with", "nested"], "nested"],
    [["owner"], '"owner"'],
  ] as const)("%j", (path, expected) => {
    expect(marked(path, "key")).toBe(expected);
  });
});

describe("what is not there is where its nearest ancestor stands:", () => {
  test.each([
    [["with", "nested", "least"], "{ most: -1, }"],
    [["nothing", "at", "all"], "definePolicy"],
    [[], "definePolicy"],
  ] as const)("%j", (path, expected) => {
    expect(marked(path)).toBe(expected);
  });
});

describe("the policy is found however it is exported:", () => {
  test.each([
    ["const p = definePolicy({ owner: 1 });\nexport default p;", "1"],
    ["const o = { owner: 1 } as const;\nexport default definePolicy(o);", "1"],
    ["export default { owner: 1 };", "1"],
    ["export default make({ owner: 1 });", "1"],
    ["export default make();", "make"],
    ["const x = 1;", "c"],
    ["", ""],
  ])("%s", (code, expected) => {
    expect(marked(["owner"], "value", code)).toBe(expected);
  });
});

test("an import is found by what it names, wherever else the same text stands", () => {
  const code = [
    'const a = "./x.ts";',
    "import b from './x.ts';",
    'export * from "yaml";',
    'const c = () => import("./y.ts");',
  ].join("\n");
  const at = (name: string) => {
    const places = new PolicyCode("a.policy.ts", code);
    places.reportImport("C038", name, "");
    const { line, column, length } = places.problems[0]!;
    return `${line}:${column} ${length}`;
  };
  expect([at("./x.ts"), at("yaml"), at("./y.ts"), at("none")]).toEqual(["2:15 8", "3:15 6", "4:24 8", "1:1 1"]);
});

test("no text makes it fail or leave the text", () => {
  const piece = fc.constantFrom(
    "export default definePolicy({",
    "with:",
    "`",
    "${",
    "}",
    "/",
    "'",
    '"',
    "[",
    ",",
    "a",
    "\\",
    "\n",
    "/*",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
      const code = new PolicyCode("a.policy.ts", pieces.join(""));
      code.report("C038", ["with", "a", 0], "");
      const [{ line, column, excerpt }] = code.problems as [(typeof code.problems)[number]];
      expect(line).toBeGreaterThan(0);
      expect(column - 1).toBeLessThanOrEqual(excerpt!.length);
    }),
  );
});
