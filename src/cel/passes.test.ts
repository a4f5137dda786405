import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFacts, type FactName, type Facts, readFact } from "../core/facts.ts";
import { type CelNames, createCel } from "./cel.ts";
import { type Passing, passesOf } from "./passes.ts";

const cel = createCel();
const vars = new Map([["asked", cel.compile("request.estimated_tokens + request.max_tokens", "request")]]);
const names: CelNames = {
  vars,
  params: { cap: { type: "int", value: 16_000 }, ok: { type: "list<string>", value: ["a", "b"] } },
  data: { regions: { type: "map<string, string>", value: { eu: "x", us: "y" } } },
};
const scopes = cel.scopes(vars);

function factsWith(request: Partial<Facts["request"]>, rest: Partial<Facts> = {}): Facts {
  const facts = { ...emptyFacts(), ...rest };
  facts.request = { ...facts.request, ...request };
  return facts;
}

const usual = factsWith(
  {
    estimated_tokens: 20_000,
    max_tokens: 1_000,
    model: "gpt-4o",
    tool_names: ["shell.x", "calc", "shell.y"],
    temperature: 1.5,
    headers: { x: "1" },
  },
  { now: new Date("2026-01-31T00:00:00Z") },
);
usual.app = { ...usual.app, env: "prod" };

function passing(source: string, wanted = false, facts = usual): Passing | null {
  return passesOf(cel.condition(source, "request", names), wanted, { facts, scopes });
}

describe("what would have kept a rule quiet", () => {
  test.each<[source: string, text: string]>([
    ["vars.asked > params.cap", "vars.asked (21000) at most 16000"],
    ["vars.asked >= params.cap", "vars.asked (21000) at most 15999"],
    ["16000 < vars.asked", "vars.asked (21000) at most 16000"],
    ["request.choices < 1", "request.choices (0) at least 1"],
    ["request.choices <= 1", "request.choices (0) at least 2"],
    ["request.temperature > 1.0", "request.temperature (1.5) at most 1"],
    ["request.temperature >= 1.0", "request.temperature (1.5) below 1"],
    [
      "request.estimated_tokens > request.max_tokens",
      "request.estimated_tokens (20000) at most request.max_tokens (1000)",
    ],
    ["now < timestamp('2027-01-01T00:00:00Z')", "now (2026-01-31T00:00:00.000Z) not before 2027-01-01T00:00:00.000Z"],
    ["size(request.tool_names) > 2", "size(request.tool_names) (3) at most 2"],
    ["request.model == 'gpt-4o'", 'request.model other than "gpt-4o"'],
    ["request.model != 'o3'", 'request.model ("gpt-4o") equal to "o3"'],
    ["!(request.model in params.ok)", 'request.model ("gpt-4o") one of "a", "b"'],
    ["request.model in ['gpt-4o', 'o3']", 'request.model ("gpt-4o") none of "gpt-4o", "o3"'],
    ["!(request.model in data.regions)", 'request.model ("gpt-4o") one of "eu", "us"'],
    ["'calc' in request.tool_names", 'request.tool_names without "calc"'],
    ["!('x' in request.tool_names)", 'request.tool_names with "x"'],
    ["request.stream == false", "request.stream true"],
    ["!request.stream", "request.stream true"],
    ["request.stream != true", "request.stream true"],
    ["has(request.headers.x)", "request.headers.x absent"],
    ["!has(request.headers.y)", "request.headers.y present"],
    ["request.model.startsWith('gpt-')", "request.model.startsWith('gpt-') false"],
    ["request.tool_names.exists(t, t.startsWith('shell.'))", 'request.tool_names without "shell.x", "shell.y"'],
    ["!request.tool_names.all(t, t == 'calc')", 'request.tool_names without "shell.x", "shell.y"'],
    // Without the culprit the list has the length for the rest to fire: only the whole can be told.
    [
      "request.tool_names.exists(t, t == 'calc' || size(request.tool_names) == 2)",
      "request.tool_names.exists(t, t == 'calc' || size(request.tool_names) == 2) false",
    ],
    ["vars.asked > params.cap && app.env == 'prod'", 'vars.asked (21000) at most 16000, or app.env other than "prod"'],
    [
      "app.env == 'prod' && vars.asked > params.cap && !request.stream",
      'vars.asked (21000) at most 16000, or request.stream true, or app.env other than "prod"',
    ],
    [
      "request.max_tokens > 10 || request.max_tokens < 3",
      "request.max_tokens (1000) at most 10 and request.max_tokens (1000) at least 3",
    ],
    [
      "request.model != 'a' && (request.max_tokens > 5 || request.temperature > 1.0)",
      'request.model ("gpt-4o") equal to "a", or (request.max_tokens (1000) at most 5 and request.temperature (1.5) at most 1)',
    ],
    ["request.stream ? request.bytes > 1 : request.max_tokens > 1", "request.max_tokens (1000) at most 1"],
    [
      "request.max_tokens > 500 ? request.max_tokens > 700 : request.stream",
      "request.max_tokens (1000) at most 700 and request.max_tokens (1000) at least 501",
    ],
  ])("%s → %s", (source, text) => {
    expect(passing(source)?.text).toBe(text);
  });

  test("is told of what must be true as well", () => {
    expect(passing("request.max_tokens <= 100 && request.model == 'o3'", true)?.text).toBe(
      'request.max_tokens (1000) at most 100 and request.model ("gpt-4o") equal to "o3"',
    );
    // What holds has to go on holding where the same fact would be another one.
    expect(passing("request.max_tokens <= 100 && request.max_tokens > 3", true)?.text).toBe(
      "request.max_tokens (1000) at most 100 and request.max_tokens (1000) at least 4",
    );
    expect(passing("request.max_tokens <= 100 && request.model == 'gpt-4o'", true)?.text).toBe(
      "request.max_tokens (1000) at most 100",
    );
  });

  test("names the facts that would be other ones, and which way", () => {
    expect(passing("vars.asked > params.cap")?.changes).toEqual([
      { fact: "request.estimated_tokens", direction: "lower" },
      { fact: "request.max_tokens", direction: "lower" },
    ]);
    expect(passing("request.estimated_tokens - request.bytes > 5")?.changes).toEqual([
      { fact: "request.estimated_tokens", direction: "lower" },
      { fact: "request.bytes", direction: "any" },
    ]);
  });

  test.each(["vars.asked > 5 || request.stream || !request.stream", "request.bytes > 10 || request.bytes < 11"])(
    "is nothing where nothing would do: %s",
    (source) => expect(passing(source)).toBeNull(),
  );

  test("is nothing where only a param decides", () => {
    const strict: CelNames = { params: { strict: { type: "bool", value: true } } };
    const condition = cel.condition("params.strict || request.stream", "request", strict);
    expect(passesOf(condition, false, { facts: usual, scopes: cel.scopes(new Map()) })).toBeNull();
  });

  test("does not show what is masked, and is certain all the same", () => {
    const condition = cel.condition("user.id == 'ann' && request.max_tokens > 10", "request", names);
    const hidden = new Map<FactName, "masked">([["user.id", "masked"]]);
    const facts = { ...usual, user: { id: "0f3a", groups: [] } };
    expect(passesOf(condition, false, { facts, scopes, hidden })?.text).toBe(
      'request.max_tokens (1000) at most 10, or user.id other than "ann"',
    );
    const not = cel.condition("user.id != 'ann'", "request", names);
    expect(passesOf(not, false, { facts, scopes, hidden })?.text).toBe('user.id (masked) equal to "ann"');
  });
});

const intFacts = ["request.bytes", "request.max_tokens", "request.message_count", "request.choices"] as const;

/** Applies `fact (…) at most 5` and the like; `null` for what is not of that form. */
function withStatements(facts: Facts, texts: readonly string[]): Facts | null {
  const bounds = new Map<string, { min: bigint; max: bigint }>();
  const request = { ...facts.request };
  for (const text of texts) {
    const number = /^(request\.\w+) \(-?\d+\) at (most|least) (-?\d+)$/.exec(text);
    const bool = /^request\.stream (true|false)$/.exec(text);
    if (bool !== null) request.stream = bool[1] === "true";
    else if (number === null) return null;
    else {
      const [, fact = "", word, limit = ""] = number;
      const known = bounds.get(fact) ?? { min: -(2n ** 53n), max: 2n ** 53n };
      if (word === "most" && BigInt(limit) < known.max) known.max = BigInt(limit);
      if (word === "least" && BigInt(limit) > known.min) known.min = BigInt(limit);
      bounds.set(fact, known);
    }
  }
  for (const [fact, { min, max }] of bounds) {
    // Both can be asked for, and then nothing satisfies it.
    if (min > max) return null;
    const value = BigInt(readFact(facts, fact as FactName) as number);
    const next = value < min ? min : value > max ? max : value;
    Object.assign(request, { [fact.slice("request.".length)]: Number(next) });
  }
  return { ...facts, request };
}

describe("whatever the comparison", () => {
  const comparison = fc
    .tuple(
      fc.constantFrom(...intFacts),
      fc.constantFrom("<", "<=", ">", ">="),
      fc.integer({ min: -50, max: 50 }),
      fc.boolean(),
    )
    .map(([fact, op, limit, turned]) => (turned ? `${limit} ${op} ${fact}` : `${fact} ${op} ${limit}`));
  const request = fc.record({
    bytes: fc.integer({ min: -60, max: 60 }),
    max_tokens: fc.integer({ min: -60, max: 60 }),
    message_count: fc.integer({ min: -60, max: 60 }),
    choices: fc.integer({ min: -60, max: 60 }),
    stream: fc.boolean(),
  });

  test("a rule of one comparison is quiet at the value that is told, and at any that is further", () => {
    fc.assert(
      fc.property(comparison, request, fc.boolean(), fc.nat(1_000), (source, given, must, further) => {
        const facts = factsWith(given);
        const condition = cel.condition(source, "request");
        if (condition.test(facts) === must) {
          expect(passesOf(condition, must, { facts, scopes })).toBeNull();
          return;
        }
        const { text } = passesOf(condition, must, { facts, scopes })!;
        const [, fact = "", word, limit] = /^request\.(\w+) \(-?\d+\) at (most|least) (-?\d+)$/.exec(text)!;
        for (const at of [Number(limit), Number(limit) + (word === "most" ? -further : further)]) {
          expect([text, condition.test(factsWith({ ...given, [fact]: at }))]).toEqual([text, must]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      comparison,
      fc.constant("request.stream"),
      fc
        .tuple(tie("expression"), fc.constantFrom("&&", "||"), tie("expression"))
        .map(([a, op, b]) => `(${a}) ${op} (${b})`),
      tie("expression").map((inner) => `!(${inner})`),
      fc
        .tuple(tie("expression"), tie("expression"), tie("expression"))
        .map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
    ),
  }));

  test("made of comparisons: the first of the ways that are told makes it what is wanted", () => {
    let applied = 0;
    fc.assert(
      fc.property(expression, request, (source, given) => {
        const facts = factsWith(given);
        let condition: ReturnType<typeof cel.condition>;
        try {
          condition = cel.condition(source, "request");
        } catch {
          return;
        }
        const is = condition.test(facts);
        const passes = passesOf(condition, !is, { facts, scopes });
        if (passes === null) return;
        const first = passes.text
          .split(/, or | or /)[0]!
          .replace(/[()](?!-?\d)/g, (bracket, at: number, whole: string) =>
            /\(-?\d+$/.test(whole.slice(0, at)) ? bracket : "",
          );
        // Alternatives inside of what has to be so together are left to the table above.
        if (/\bor\b/.test(passes.text.replaceAll(", or ", ""))) return;
        const changed = withStatements(facts, first.split(" and "));
        if (changed === null) return;
        applied += 1;
        expect([source, passes.text, condition.test(changed)]).toEqual([source, passes.text, !is]);
      }),
      { numRuns: 1_000 },
    );
    expect(applied).toBeGreaterThan(200);
  }, 20_000);
});
