import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFacts, type Facts } from "../core/facts.ts";
import { type CompiledCel, createCel } from "./cel.ts";
import { CelProblem } from "./checks.ts";
import { checkVaries } from "./constant.ts";

const cel = createCel();
const params = { cap: { type: "int", value: 0 }, names: { type: "list<string>", value: ["gpt-4o"] } } as const;
const vars = new Map<string, CompiledCel>();
for (const [name, source] of [
  ["size", "request.bytes"],
  ["large", "vars.size > 100"],
  ["asked", "request.estimated_tokens + request.max_tokens"],
] as const) {
  vars.set(name, cel.compile(source, "request", { vars: new Map(vars) }));
}

function condition(source: string): CompiledCel {
  return cel.condition(source, "request", { params, vars });
}

/** What is said of the first part that is the same for every request, and the part. */
function constantIn(source: string): readonly [message: string, part: string] | null {
  try {
    checkVaries(condition(source));
    return null;
  } catch (error) {
    if (!(error instanceof CelProblem)) throw error;
    expect(error.code).toBe("C008");
    return [error.message, source.slice(error.start, error.end)];
  }
}

const never = (text: string, hint = "") => `'${text}' is never true, whatever the request${hint}`;
const always = (text: string, hint = "") => `'${text}' is always true, whatever the request${hint}`;

describe("a part that is the same for every request is found:", () => {
  const cases: readonly (readonly [source: string, part: string, message: string])[] = [
    ["clock.hour > 23", "clock.hour > 23", never("clock.hour > 23", "; clock.hour is from 0 to 23")],
    ["24 <= clock.hour", "24 <= clock.hour", never("24 <= clock.hour", "; clock.hour is from 0 to 23")],
    ["clock.weekday in [7]", "clock.weekday in [7]", never("clock.weekday in [7]", "; clock.weekday is from 0 to 6")],
    ["clock.minute < 60", "clock.minute < 60", always("clock.minute < 60", "; clock.minute is from 0 to 59")],
    ["request.bytes >= 0", "request.bytes >= 0", always("request.bytes >= 0", "; request.bytes is at least 0")],
    ["request.bytes > -1", "request.bytes > -1", always("request.bytes > -1", "; request.bytes is at least 0")],
    ["vars.size < 0", "vars.size < 0", never("vars.size < 0")],
    [
      "size(request.model) > 256",
      "size(request.model) > 256",
      never("size(request.model) > 256", "; size(request.model) is from 0 to 256"),
    ],
    [
      "clock.hour >= 17 && clock.hour < 9",
      "clock.hour >= 17 && clock.hour < 9",
      never("clock.hour >= 17 && clock.hour < 9"),
    ],
    [
      "request.stream && (request.bytes > 5 || request.bytes <= 5)",
      "request.bytes > 5 || request.bytes <= 5",
      always("request.bytes > 5 || request.bytes <= 5"),
    ],
    [
      "request.bytes > 1 && request.bytes < 2",
      "request.bytes > 1 && request.bytes < 2",
      never("request.bytes > 1 && request.bytes < 2"),
    ],
    [
      'model == "a" && request.model == "b"',
      'model == "a" && request.model == "b"',
      never('model == "a" && request.model == "b"'),
    ],
    [
      "request.stream == false && request.stream",
      "request.stream == false && request.stream",
      never("request.stream == false && request.stream"),
    ],
    ["vars.large && vars.size < 50", "vars.large && vars.size < 50", never("vars.large && vars.size < 50")],
    [
      "has(request.headers.a) && !has(request.headers.a)",
      "has(request.headers.a) && !has(request.headers.a)",
      never("has(request.headers.a) && !has(request.headers.a)"),
    ],
  ];
  test.each(cases.map((one) => [...one] as const))("%s", (source, part, message) => {
    expect(constantIn(source)).toEqual([message, part]);
  });
});

describe("left alone is", () => {
  test.each([
    ["what a request decides", "clock.weekday in [1, 2, 3, 4, 5] && clock.hour >= 9 && clock.hour < 17"],
    ["what depends on a param", "request.bytes < params.cap"],
    ["two params that exclude each other", "request.bytes < params.cap && request.bytes > params.cap"],
    ["a list that is a param", 'request.model in params.names && request.model != "gpt-4o"'],
    ["a double between two integers", "request.temperature > 1 && request.temperature < 2"],
    ["an int between two integers", "request.bytes > 1 && request.bytes < 3"],
    ["the body of a macro", "request.roles.exists(r, r == 'a' || r != 'a')"],
    ["a sum whose bounds are not known", "vars.asked >= 0"],
    ["a closed list that is used up, which may grow", "request.surface == 'chat' || request.surface == 'messages'"],
    ["more names than can be tried", Array.from({ length: 20 }, (_, i) => `has(request.headers.a${i})`).join(" && ")],
  ])("%s", (_, source) => {
    expect(constantIn(source)).toBeNull();
  });
});

const atoms = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("request.bytes", "clock.hour"),
      fc.constantFrom("<", "<=", ">", ">=", "==", "!="),
      fc.nat(25),
    )
    .map((parts) => parts.join(" ")),
  fc.tuple(fc.constantFrom("==", "!="), fc.constantFrom("a", "b")).map(([op, text]) => `request.model ${op} '${text}'`),
  fc.constantFrom("request.stream", "request.stream == true", "request.has_images", "vars.large"),
);
const { formula } = fc.letrec<{ formula: string }>((tie) => ({
  formula: fc.oneof(
    { maxDepth: 3 },
    atoms,
    fc.tuple(tie("formula"), fc.constantFrom("&&", "||"), tie("formula")).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie("formula").map((a) => `!(${a})`),
    fc.tuple(tie("formula"), tie("formula"), tie("formula")).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
  ),
}));
const facts = fc
  .record({
    bytes: fc.nat(120),
    hour: fc.nat(23),
    model: fc.constantFrom("a", "b", "c"),
    stream: fc.boolean(),
    images: fc.boolean(),
  })
  .map(({ bytes, hour, model, stream, images }): Facts => {
    const all = emptyFacts();
    all.clock.hour = hour;
    Object.assign(all.request, { bytes, model, stream, has_images: images });
    return all;
  });

/** Compiles what is not already refused for comparing a value with itself. */
function accepted(source: string): CompiledCel | null {
  try {
    return condition(source);
  } catch (error) {
    if (error instanceof CelProblem) return null;
    throw error;
  }
}

describe("what is found, holds for every request:", () => {
  const truth = (one: CompiledCel, given: Facts) => one.test(given, cel.scopes(vars)(given));

  test("what is always or never true", () => {
    fc.assert(
      fc.property(formula, fc.array(facts, { minLength: 20, maxLength: 40 }), (source, requests) => {
        if (accepted(source) === null) return;
        const found = constantIn(source);
        if (found === null) return;
        const [message, part] = found;
        const one = condition(part);
        for (const given of requests) expect(truth(one, given)).toBe(message.includes("always"));
      }),
      { numRuns: 500 },
    );
  });
});
