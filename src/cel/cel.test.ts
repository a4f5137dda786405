import { describe, expect, test } from "bun:test";
import { emptyFacts, type FactName, type Facts, factEntries } from "../core/facts.ts";
import { type CompiledCel, celText, createCel } from "./cel.ts";
import { pluginCel } from "./plugin-tools.ts";

const cel = createCel();

function someFacts(): Facts {
  const facts = emptyFacts();
  facts.app.id = "chat";
  facts.app.labels = { tier: "free" };
  facts.now = new Date("2026-03-08T14:30:00Z");
  Object.assign(facts.request, {
    surface: "chat",
    model: "GPT-4o-mini",
    stream: true,
    bytes: 2_000,
    max_tokens: 4_096,
    temperature: 0.5,
    tool_names: ["search", "shell.run", "Grüße😀"],
    roles: ["system", "user"],
    headers: { "x-tier": "12" },
    source_ip: "10.1.2.3",
  });
  facts.usage.total_tokens = 77;
  return facts;
}

const truths: readonly [source: string, expected: boolean][] = [
  ["request.model == 'GPT-4o-mini'", true],
  ["model.startsWith('GPT') && request_size_bytes <= 2000", true],
  ["request.bytes * 2 + 96 == request.max_tokens", true],
  ["request.temperature < 1 && request.temperature == 0.5", true],
  ["request.model in ['a', 'GPT-4o-mini']", true],
  ["!(request.stream) || app_id != 'chat'", false],
  ["'search' in request.tool_names && request.roles[0] == 'system'", true],
  ["request.tool_names.exists(t, t.startsWith('shell.'))", true],
  ["request.tool_names.all(t, size(t) < 7)", false],
  ["request.tool_names.filter(t, t.contains('s')).size() == 2", true],
  ["request.tool_names.map(t, t.size()).exists(n, n == 6)", true],
  ["request.tool_names.exists(t, ['exec.', 'shell.'].exists(p, t.startsWith(p)))", true],
  ["app.labels.tier == 'free' && has(app.labels.tier) && !has(app.labels.cost)", true],
  ["has(request.headers.x) ? request.headers.x == 'y' : request.stream", true],
  ["int(request.headers['x-tier']) > 11 && double(request.headers['x-tier']) == 12.0", true],
  ["glob(model, 'gpt-4o*') && !glob(model, 'gpt-5*')", true],
  ["re.matches(model, '(?i)^gpt-4o(-mini)?$')", true],
  ["inCidr(request.source_ip, '10.0.0.0/8') && !inCidr(request.source_ip, '2001:db8::/32')", true],
  [
    "clamp(request.bytes, 1, 100) == 100 && least(request.bytes, 5) == 5 && greatest(1.5, request.temperature) == 1.5",
    true,
  ],
  ["model.lowerAscii() == 'gpt-4o-mini' && model.upperAscii() == 'GPT-4O-MINI'", true],
  ["now > timestamp('2026-03-08T14:00:00Z') && now - timestamp('2026-03-08T14:00:00Z') == duration('30m')", true],
  ["now.getHours() == 14 && now.getDayOfWeek() == 0", true],
  ["{'chat': 1, 'messages': 2}[request.surface] == 1", true],
  ["request.bytes > -9223372036854775808 && request.bytes < 9223372036854775807", true],
  ["request.surface == 'chat' // a comment\n && request.stream", true],
];

describe("expressions", () => {
  test.each(truths)("%s is %p", (source, expected) => {
    expect(cel.condition(source, "request").test(someFacts())).toBe(expected);
  });

  test("every fact can be read in each of its phases, with its value", () => {
    const facts = someFacts();
    for (const [name, spec] of factEntries) {
      for (const phase of spec.phases) {
        const compiled = cel.compile(name, phase);
        expect(compiled.reads).toEqual([name]);
        expect(() => compiled.value(facts)).not.toThrow();
      }
    }
  });

  test("short names mean the facts they stand for", () => {
    for (const [name, { short }] of factEntries) {
      for (const phase of short?.phases ?? []) expect(cel.compile(short!.name, phase).reads).toEqual([name]);
    }
  });

  test("only the facts that are named are read", () => {
    const { reads } = cel.condition("model == 'a' || request.roles.exists(r, r == user.id)", "request");
    expect(new Set(reads)).toEqual(new Set<FactName>(["request.model", "request.roles", "user.id"]));
  });

  test("lower-casing is ASCII only: the Kelvin sign stays what it is", () => {
    const facts = someFacts();
    facts.request.model = "\u212A";
    expect(cel.condition("model.lowerAscii() == 'k'", "request").test(facts)).toBe(false);
  });

  test("facts that later phases fill in are read as they then are", () => {
    const facts = someFacts();
    const compiled = cel.condition("request.bytes > 10", "request");
    expect(compiled.test(facts)).toBe(true);
    facts.request.bytes = 1;
    expect(compiled.test(facts)).toBe(false);
  });

  test.each([
    ["int(request.headers.empty) == 0", "an empty text is no integer"],
    ["int(request.headers.binary) == 3", "no other notations"],
    ["request.headers.missing == 'a'", "a missing key"],
    ["request.roles[7] == 'a'", "an index outside the list"],
    ["request.bytes / 0 == 1", "division by zero"],
    ["request.max_tokens * 9223372036854775807 > 1", "64-bit overflow"],
  ])("%s cannot be evaluated: %s", (source) => {
    const facts = someFacts();
    facts.request.headers = { empty: "", binary: "0b11" };
    expect(() => cel.condition(source, "request").test(facts)).toThrow();
  });

  test("a fact larger than its declared size is an error, not a long evaluation", () => {
    const facts = someFacts();
    facts.request.roles = Array.from({ length: 2_049 }, () => "user");
    expect(() => cel.condition("request.roles.all(r, r == 'user')", "request").test(facts)).toThrow(
      "request.roles has more than 2048 elements",
    );
  });
});

test("what stands of a limit is asked for by the limit's name, or by what is asked", () => {
  const facts = emptyFacts();
  facts.limits.used = { hourly: 90 };
  facts.limits.remaining = { hourly: 10, used: 3 };
  facts.budget.fraction = { team: 0.8 };
  for (const [source, expected] of [
    ["limits.hourly.used > 80.0", true],
    ["limits.used.hourly > 80.0", true],
    ["limits.hourly.used > limits.hourly.remaining * 8.0", true],
    ["limits.remaining.used == 3.0", true],
    ["has(budget.team.fraction) && budget.team.fraction >= 0.75", true],
    ["has(budget.user.fraction) && budget.user.fraction >= 0.75", false],
  ] as const) {
    const compiled = cel.condition(source, "usage");
    expect([source, compiled.test(facts)]).toEqual([source, expected]);
  }
});

describe("params and variables", () => {
  const params = { cap: { type: "int", value: 16_000 }, names: { type: "list<string>", value: ["a", "b"] } } as const;

  test("params have the type they declare", () => {
    const facts = someFacts();
    expect(cel.condition("request.bytes < params.cap", "request", { params }).test(facts)).toBe(true);
    expect(cel.condition("model in params.names", "request", { params }).test(facts)).toBe(false);
    expect(() => cel.condition("model in params.cap", "request", { params })).toThrow(
      "'in' does not take string and int",
    );
    expect(cel.condition("params.cap > 5", "request", { params }).params).toEqual(["cap"]);
  });

  test("a pattern can be a param", () => {
    const pattern = { pattern: { type: "string", value: "gpt-*" } } as const;
    expect(cel.condition("glob(model, params.pattern)", "request", { params: pattern }).test(someFacts())).toBe(true);
  });

  test("a variable is computed only when it is read, and then once", () => {
    const facts = someFacts();
    let computed = 0;
    const counted = (compiled: CompiledCel): CompiledCel => ({
      ...compiled,
      compute: (given, scope) => {
        computed += 1;
        return compiled.compute(given, scope);
      },
    });
    const vars = new Map([["asked", counted(cel.compile("request.bytes + 1", "request"))]]);
    const scopes = cel.scopes(vars);
    const reading = cel.condition("vars.asked > 1 && vars.asked < 5000", "request", { vars });
    const other = cel.condition("request.stream || vars.asked > 1", "request", { vars });

    const scope = scopes(facts);
    expect(other.test(facts, scope)).toBe(true);
    expect(computed).toBe(0);
    expect(reading.test(facts, scope)).toBe(true);
    expect(reading.test(facts, scope)).toBe(true);
    expect(computed).toBe(1);
  });

  test("variables read earlier ones; what they read counts as read", () => {
    const vars = new Map([["a", cel.compile("request.bytes", "request")]]);
    vars.set("b", cel.compile("vars.a * 2", "request", { vars }));
    const compiled = cel.condition("vars.b > 3999", "request", { vars });
    expect(compiled.reads).toEqual(["request.bytes"]);
    const facts = someFacts();
    expect(compiled.test(facts, cel.scopes(vars)(facts))).toBe(true);
  });

  test("an error inside a variable fails what reads it, even where CEL would absorb it, and nothing else", () => {
    const vars = new Map([
      ["bad", cel.compile("1 / (request.bytes - 2000)", "request")],
      ["good", cel.compile("request.bytes", "request")],
    ]);
    const facts = someFacts();
    const scope = cel.scopes(vars)(facts);
    const absorbed = cel.condition("vars.bad > 1 || request.stream", "request", { vars });
    expect(() => absorbed.test(facts, scope)).toThrow("the variable 'bad' could not be computed");
    expect(cel.condition("vars.good > 1", "request", { vars }).test(facts, scope)).toBe(true);
    expect(() => absorbed.test(facts, scope)).toThrow("the variable 'bad' could not be computed");
  });
});

describe("what a bound can decide", () => {
  const fact = "request.estimated_tokens";
  const vars = new Map([["asked", cel.compile("request.estimated_tokens + request.max_tokens", "request")]]);
  test.each([
    ["request.estimated_tokens > 5", true],
    ["estimated_tokens + request.max_tokens >= 5 && request.stream", true],
    ["5 < request.estimated_tokens || request.estimated_tokens > 9", true],
    ["vars.asked > 16000", true],
    ["request.stream", true],
    ["greatest(request.estimated_tokens, 5) > 7", true],
    ["request.estimated_tokens < 5", false],
    ["!(request.estimated_tokens > 5)", false],
    ["request.estimated_tokens == 5", false],
    ["5 - request.estimated_tokens > 1", false],
    ["request.estimated_tokens * request.bytes > 5", false],
  ])("%s can only become true by more tokens: %p", (source, expected) => {
    expect(cel.condition(source, "request", { vars }).risesWith(fact)).toBe(expected);
  });
});

test("values read well in messages", () => {
  const facts = someFacts();
  const text = (source: string) => celText(cel.compile(source, "request").value(facts));
  expect(text("request.bytes + 1")).toBe("2001");
  expect(text("request.temperature")).toBe("0.5");
  expect(text("request.roles")).toBe("system, user");
  expect(text("now")).toBe("2026-03-08T14:30:00.000Z");
  expect(text("request.headers")).toBe('{"x-tier":"12"}');
  expect(text("now - timestamp('2026-03-08T14:00:00Z')")).toBe("1800s");
});

test("plugins get a problem at the expression's path, with its range", () => {
  const compile = pluginCel(cel);
  expect(compile("pre", "request.stream", "request").test(someFacts())).toBe(true);
  try {
    compile("pre_check_expression", "request.strm", "request");
    throw new Error("accepted");
  } catch (error) {
    expect(error).toMatchObject({
      name: "PluginConfigError",
      path: "pre_check_expression",
      message: "unknown name 'request.strm'; did you mean 'request.stream'?",
      range: { start: 0, end: 12 },
    });
  }
});
