import { type Static, type TObject, Type as t } from "@sinclair/typebox";
import { effects } from "../../core/decision.ts";
import { factEntries } from "../../core/facts.ts";
import { phases } from "../../core/phases.ts";
import { closeObjects } from "../../sdk/config.ts";
import { factFields, factSchema, instantPattern } from "../fact-schema.ts";

const text = (description: string) => t.String({ minLength: 1, description });
const oneOf = (values: readonly string[], description: string) =>
  t.Union(
    values.map((value) => t.Literal(value)),
    { description },
  );

/** Facts as a case gives them: an object per root, and `now`. */
function inputSchema(): TObject {
  return t.Object(
    {
      phase: t.Optional(oneOf(phases, "The phase that is asked; request when absent.")),
      content: t.Optional(
        t.Array(t.String(), { description: "The texts that the phase is about, for policies that look into them." }),
      ),
      ...factFields(),
    },
    { description: "Facts by root and name; those not given have their type's zero value." },
  );
}

const failing = t.Object({ error: text("Why it cannot be had, such as timeout.") });

/** Facts by dotted path, and limits by name, instead of what the input gives. */
function mocksSchema(): TObject {
  const standing = t.Object({
    used: t.Optional(t.Number({ minimum: 0, description: "Units used or held before this request; 0." })),
    resetSeconds: t.Optional(t.Integer({ minimum: 1, description: "Seconds until the window ends; 60." })),
    error: t.Optional(text("The counter store is away.")),
  });
  const facts = factEntries.map(([name, spec]) => [name, t.Optional(t.Union([factSchema(spec), failing]))] as const);
  return t.Object(
    {
      limits: t.Optional(t.Record(t.String(), standing, { description: "How limits stand, by their names." })),
      ...Object.fromEntries(facts),
    },
    { description: "By dotted path: a value, or {error: …} for a fact that cannot be had." },
  );
}

const modification = t.Object({
  op: text("The operation."),
  path: text("What is changed."),
  value: t.Optional(t.Unknown()),
});

const findingFields = {
  policy: t.Optional(text("Which policy.")),
  rule: t.Optional(t.String({ description: "Which rule; empty for an error of the policy." })),
  would: t.Optional(oneOf(effects, "What it would have done in mode enforce.")),
  code: t.Optional(text("What programs match on.")),
  status: t.Optional(t.Integer({ description: "HTTP status of the refusal." })),
  message: t.Optional(text("What the client is told.")),
  override: t.Optional(text("What kept it from its effect.")),
  headers: t.Optional(
    t.Record(t.String(), t.String(), { description: "Headers of the refusal; others may be there." }),
  ),
};

const limit = t.Object({
  name: t.Optional(text("Its name.")),
  per: t.Optional(t.Array(t.String())),
  unit: t.Optional(text("What is counted.")),
  window: t.Optional(t.Object({ every: t.Optional(text("A calendar window.")), sliding: t.Optional(t.Integer()) })),
  max: t.Optional(t.Number()),
  amount: t.Optional(t.Number()),
  onStoreDown: t.Optional(oneOf(["local", "deny", "allow"], "While the counter store is away.")),
});

const expectation = t.Object(
  {
    decision: t.Optional(oneOf(effects, "The one result.")),
    outcome: t.Optional(oneOf(["ok", "not_applicable", "error"], "How it came about.")),
    ...findingFields,
    findings: t.Optional(
      t.Array(t.Object({ ...findingFields, effect: t.Optional(oneOf(effects, "What it does.")) }), {
        description: "Every rule that fired, in canonical order; of each, what is named.",
      }),
    ),
    modifications: t.Optional(t.Array(modification, { description: "All changes to the request, merged." })),
    limits: t.Optional(t.Array(limit, { description: "All limits that are taken from; of each, what is named." })),
  },
  {
    description: "What must come of it. policy, rule, code, message, status, would are those of the first finding.",
  },
);

/** The content of a `*.test.yaml` file. */
export function testFileSchema() {
  const input = inputSchema();
  const mocks = t.Optional(mocksSchema());
  const withParams = t.Optional(
    t.Object({}, { additionalProperties: true, description: "Params of the library policy under test." }),
  );
  const testCase = t.Object({
    name: t.String({ minLength: 1, maxLength: 200, description: "A sentence that states the behaviour." }),
    with: withParams,
    matrix: t.Optional(
      t.Record(t.String(), t.Array(t.Unknown(), { minItems: 1 }), {
        description: "Facts by dotted path with several values each: the case runs for every combination.",
      }),
    ),
    mocks,
    input: t.Optional(input),
    expect: expectation,
  });
  return t.Object(
    {
      description: t.Optional(text("What the file shows.")),
      policies: t.Array(t.String({ minLength: 1 }), { minItems: 1, description: "Ids of the policies under test." }),
      with: withParams,
      now: t.Optional(t.String({ pattern: instantPattern, description: "When requests arrive." })),
      timeZone: t.Optional(text("The organisation's time zone, such as Europe/Berlin; UTC.")),
      defaults: t.Optional(input),
      mocks,
      cases: t.Array(testCase, { minItems: 1, description: "Behaviours." }),
    },
    { description: "Tests of Sluice policies." },
  );
}

type Schema = ReturnType<typeof testFileSchema>;
/** A test file's content, after {@link testFileSchema}. */
export type TestFileContent = Static<Schema>;
/** One of its cases. */
export type CaseContent = TestFileContent["cases"][number];
/** What a case expects. */
export type Expectation = CaseContent["expect"];

interface JsonObject {
  readonly properties: Record<string, unknown> & { readonly cases: { readonly items: JsonObject } };
}

/** The JSON Schema that editors check test files with. */
export function testJsonSchema(): object {
  const plain = JSON.parse(JSON.stringify(closeObjects(testFileSchema()))) as JsonObject;
  const { defaults: input, mocks } = plain.properties;
  // Facts are many, so they stand there once.
  Object.assign(plain.properties, {
    defaults: { $ref: "#/definitions/input" },
    mocks: { $ref: "#/definitions/mocks" },
  });
  const { properties } = plain.properties.cases.items;
  Object.assign(properties, { input: { $ref: "#/definitions/input" }, mocks: { $ref: "#/definitions/mocks" } });
  const head = { $schema: "http://json-schema.org/draft-07/schema#", title: "Sluice policy tests" };
  return { ...head, ...plain, definitions: { input, mocks } };
}
