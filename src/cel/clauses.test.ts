import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ClauseValue } from "../core/explain.ts";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { type CelNames, type CompiledCel, createCel } from "./cel.ts";
import { branchesOf, clausesOf } from "./clauses.ts";

const cel = createCel();

function factsWith(request: Partial<Facts["request"]>): Facts {
  const facts = emptyFacts();
  Object.assign(facts.request, request);
  return facts;
}

/** `text = value` of every clause, indented by how deep it stands. */
function outline(clause: ClauseValue, depth = 0): string[] {
  const line = `${"  ".repeat(depth)}${clause.text} = ${clause.value ?? `(${clause.error})`}`;
  return [line, ...clause.clauses.flatMap((inner) => outline(inner, depth + 1))];
}

describe("branchesOf", () => {
  test.each<[source: string, branches: string[]]>([
    ["request.bytes > 5", ["request.bytes > 5"]],
    ["request.stream && !(request.bytes > 5 || model == 'a')", ["request.stream", "request.bytes > 5", "model == 'a'"]],
    ["(request.stream ? request.bytes > 5 : true)", ["request.stream", "request.bytes > 5"]],
    ["(request.stream ? 1 : 2) > request.choices", ["(request.stream ? 1 : 2) > request.choices", "request.stream"]],
    ["request.tool_names.exists(t, t == 'a' || t == 'b')", ["request.tool_names.exists(t, t == 'a' || t == 'b')"]],
    ["request.tool_names.filter(t, t != 'a').size() > 0", ["request.tool_names.filter(t, t != 'a').size() > 0"]],
    ["glob(model, 'a)*') && ((request.bytes + 1)) > 5", ["glob(model, 'a)*')", "((request.bytes + 1)) > 5"]],
  ])("%s", (source, branches) => {
    expect(branchesOf(cel.condition(source, "request")).map(({ text }) => text)).toEqual(branches);
  });

  test("what only a param decides is no branch", () => {
    const names: CelNames = { params: { strict: { type: "bool", value: true }, most: { type: "int", value: 3 } } };
    const source = "params.strict && params.most > 2 && request.choices > params.most";
    const branches = branchesOf(cel.condition(source, "request", names));
    expect(branches.map(({ text }) => text)).toEqual(["request.choices > params.most"]);
  });

  test("a branch says where it stands", () => {
    const source = "(request.stream) && ((request.bytes) > 5)";
    for (const { text, start, end } of branchesOf(cel.condition(source, "request"))) {
      expect(source.slice(start, end)).toBe(text);
    }
  });
});

describe("clausesOf", () => {
  const vars = new Map([["asked", cel.compile("request.estimated_tokens + request.max_tokens", "request")]]);
  const names: CelNames = { vars, params: { cap: { type: "int", value: 16_000 } } };
  const scopes = cel.scopes(vars);

  test("tells what each part came to, names of params and variables included", () => {
    const facts = factsWith({ estimated_tokens: 20_000, max_tokens: 1_000 });
    const condition = cel.condition("vars.asked > params.cap && request.stream == false", "request", names);
    expect(outline(clausesOf(condition, facts, scopes(facts)))).toEqual([
      "vars.asked > params.cap && request.stream == false = true",
      "  vars.asked > params.cap = true",
      "    vars.asked = 21000",
      "    params.cap = 16000",
      "  request.stream == false = true",
      "    request.stream = false",
    ]);
  });

  test("what is not evaluated is not there", () => {
    const facts = factsWith({ bytes: 1 });
    const evaluated = (source: string) =>
      clausesOf(cel.condition(source, "request"), facts).clauses.map(({ text, value }) => `${text} ${value}`);
    expect(evaluated("request.bytes > 5 && request.stream && model == 'a'")).toEqual(["request.bytes > 5 false"]);
    expect(evaluated("request.bytes < 5 || request.stream || model == 'a'")).toEqual(["request.bytes < 5 true"]);
    expect(evaluated("request.bytes > 5 ? request.stream : model == 'a'")).toEqual([
      "request.bytes > 5 false",
      "model == 'a' false",
    ]);
  });

  test("a part that fails says so without a value of the request, and is forgotten when another one decides", () => {
    const facts = factsWith({ model: "secret", bytes: 0 });
    const failing = "int(request.model) > 5";
    expect(outline(clausesOf(cel.condition(failing, "request"), facts))[0]).toMatch(/^int\(request\.model\) > 5 = \(/);
    const text = JSON.stringify(clausesOf(cel.condition(`${failing} && request.bytes > 0`, "request"), facts));
    expect(JSON.parse(text)).toMatchObject({ value: "false", clauses: [{ value: null }, { value: "false" }] });
    expect(clausesOf(cel.condition(`${failing} && request.bytes < 5`, "request"), facts).value).toBeNull();
  });

  test("a variable that fails says which it is", () => {
    const broken = new Map([["n", cel.compile("int(request.model)", "request")]]);
    const condition = cel.condition("vars.n > 5", "request", { vars: broken });
    const facts = factsWith({ model: "x" });
    const clause = clausesOf(condition, facts, cel.scopes(broken)(facts));
    expect(clause.error).toBe("the variable 'n' could not be computed");
  });

  test("a macro is one part, with what it goes over", () => {
    const facts = factsWith({ tool_names: ["a", "b"] });
    const condition = cel.condition("request.tool_names.exists(t, t == 'b')", "request");
    expect(outline(clausesOf(condition, facts))).toEqual([
      "request.tool_names.exists(t, t == 'b') = true",
      "  request.tool_names = a, b",
    ]);
  });
});

describe("whatever the condition", () => {
  const leaf = fc.constantFrom(
    "request.bytes > 5",
    "request.stream",
    "model == 'a)'",
    "int(request.model) > 3",
    "request.tool_names.exists(t, size(t) > 2)",
    "'x' in request.tool_names",
    "has(request.headers.a)",
    "request.headers['a'] == '('",
  );
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc.tuple(tie("expression"), fc.constantFrom("&&", "||"), tie("expression")).map((parts) => parts.join(" ")),
      fc
        .tuple(tie("expression"), fc.constantFrom("&&", "||"), tie("expression"))
        .map(([a, op, b]) => `(${a}) ${op} (${b})`),
      tie("expression").map((inner) => `!(${inner})`),
      fc.tuple(leaf, leaf, leaf).map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`),
    ),
  }));
  const request = fc.record({
    bytes: fc.constantFrom(0, 9),
    stream: fc.boolean(),
    model: fc.constantFrom("a)", "5", "1"),
    tool_names: fc.constantFrom([], ["x"], ["long", "x"]),
    headers: fc.constantFrom({} as Record<string, string>, { a: "(" }),
  });

  test("its clauses say what it says, and every branch is an expression of its own", () => {
    fc.assert(
      fc.property(expression, request, (source, given) => {
        let condition: CompiledCel;
        try {
          condition = cel.condition(source, "request");
        } catch {
          return; // such as a comparison of something with itself
        }
        const facts = factsWith(given);
        expect(clausesOf(condition, facts).value).toBe(answer(condition, facts));
        for (const { text } of branchesOf(condition)) expect(cel.condition(text, "request").type).toBe("bool");
      }),
      { numRuns: 500 },
    );
  });

  function answer(condition: CompiledCel, facts: Facts): string | null {
    try {
      return String(condition.test(facts));
    } catch {
      return null;
    }
  }
});
