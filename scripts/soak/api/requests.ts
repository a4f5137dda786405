import fc from "fast-check";
import { generateSync } from "json-schema-faker";
import { bodyOf, type Operation, type Parameter, type Schema } from "../../../src/admin/testing-contract.ts";

/** A request for an operation; ids are chosen when it is sent, among those that there are then. */
export interface Drawn {
  readonly parameters: Readonly<Record<string, string | { readonly known: number }>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Every sixteen bits: control characters, halves of pairs, whatever clients send. */
const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
const oddText = fc.oneof(
  anyText,
  fc.constantFrom(
    "\u0000",
    "null",
    "-0",
    "9".repeat(30),
    "__proto__",
    "constructor",
    "a'b\"c;--",
    "%",
    "%00",
    "*",
    " ",
  ),
  fc.constantFrom("x".repeat(300), "🙂".repeat(70), "2026-13-45T99:99:99Z", "0001-01-01", "+275760-09-14", "[[[", "{}"),
);
const oddValue = fc.oneof(oddText, fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(1e308, -1, 2 ** 53, 0.1, null, []));

const longestText = 400;
const knownMark = "known:";

/** A text that stands for an id that there is when the request is sent, where no other values than texts can stand. */
function toKnown(which: number): string {
  return `${knownMark}${which}`;
}

/** The id that a text stands for; the text itself where it is none of {@link toKnown}. */
export function fromKnown(text: string, known: readonly string[]): string {
  const which = text.startsWith(knownMark) ? Number(text.slice(knownMark.length)) : Number.NaN;
  return Number.isInteger(which) ? known[which % known.length]! : text;
}

/** What a schema accepts, more or less: formats and patterns are met as well as they can be. */
function fitting(schema: Schema): fc.Arbitrary<unknown> {
  const small = withShortTexts(schema) as Schema;
  return fc.integer({ min: 1, max: 2 ** 31 - 1 }).map((seed) => {
    // The generator gives up where it made fewer members than have to be there.
    const alwaysFakeOptionals = "minProperties" in schema || seed % 3 === 0;
    return generateSync(small, { seed, maxDefaultItems: 3, alwaysFakeOptionals });
  });
}

/** A schema with texts of few characters: the generator would make them as long as they may be. */
function withShortTexts(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withShortTexts);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).map(([name, value]) => [
    name,
    name === "maxLength" && typeof value === "number" ? Math.min(value, longestText) : withShortTexts(value),
  ]);
  return Object.fromEntries(entries);
}

function idText(): fc.Arbitrary<string | { known: number }> {
  // A path with an empty or dotted part is another path.
  const other = oddText.filter((text) => !["", ".", ".."].includes(text));
  return fc.oneof({ weight: 4, arbitrary: fc.record({ known: fc.nat() }) }, { weight: 1, arbitrary: other });
}

function valueOfQuery({ schema, example }: Parameter): fc.Arbitrary<string | { known: number }> {
  const choices: fc.Arbitrary<string | { known: number }>[] = [
    fitting(schema).map(String),
    oddText,
    fc.record({ known: fc.nat() }),
  ];
  return fc.oneof(...choices, ...(example === undefined ? [] : [fc.constant(String(example))]));
}

/** Bodies from the example: whole, with a member changed, added or taken away; from the schema; and anything. */
function body(operation: Operation): fc.Arbitrary<unknown> {
  const described = bodyOf(operation);
  // What takes no body is sent one now and then.
  if (described === undefined) return fc.option(oddValue, { nil: undefined, freq: 10 });
  const example = described.example as Readonly<Record<string, unknown>>;
  const names = Object.keys((described.schema.properties as object | undefined) ?? example);
  const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom("x", ...names) }, { weight: 1, arbitrary: anyText });
  const value = fc.oneof({ weight: 3, arbitrary: oddValue }, { weight: 1, arbitrary: fc.nat().map(toKnown) });
  const changed = fc.tuple(name, value).map(([at, one]) => ({ ...example, [at]: one }));
  const lessened = name.map((at) => Object.fromEntries(Object.entries(example).filter(([one]) => one !== at)));
  return fc.oneof(
    { weight: 7, arbitrary: fc.constant(example) },
    { weight: 4, arbitrary: fitting(described.schema) },
    { weight: 4, arbitrary: changed },
    { weight: 1, arbitrary: lessened },
    { weight: 1, arbitrary: oddValue },
  );
}

/** Any request for an operation. */
export function drawRequest(operation: Operation): fc.Arbitrary<Drawn> {
  const one = (parameter: Parameter): fc.Arbitrary<string | { known: number } | undefined> => {
    if (parameter.in === "path") {
      const { example } = parameter;
      return fc.oneof({ weight: 7, arbitrary: fc.constant(String(example)) }, { weight: 3, arbitrary: idText() });
    }
    const value = valueOfQuery(parameter);
    const weight = parameter.required ? 1 : 12;
    return fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 4, arbitrary: value });
  };
  const places = operation.parameters.filter((parameter) => parameter.in !== "header");
  const header = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 3, arbitrary: fc.constantFrom('"1"', '"0"', "*", 'W/"2"') },
    // Bytes that no header can hold are not sent by any client.
    { weight: 1, arbitrary: oddText.map((text) => text.replace(/[^\x20-\x7e]/g, "?").trim()) },
  );
  const headers = operation.parameters.filter((parameter) => parameter.in === "header");
  return fc.record({
    parameters: fc.record(Object.fromEntries(places.map((parameter) => [parameter.name, one(parameter)]))).map(present),
    headers: fc.record(Object.fromEntries(headers.map(({ name }) => [name, header]))).map(present),
    body: body(operation),
  });
}

function present<V>(values: Readonly<Record<string, V | undefined>>): Record<string, V> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<string, V>;
}
