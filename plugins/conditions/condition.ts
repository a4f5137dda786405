import { describeValue } from "../../src/sdk/describe.ts";
import { type ConfigProblem, t } from "../../src/sdk/index.ts";
import { suggestion } from "../../src/sdk/suggest.ts";

/** What a fact can be compared by. */
export const comparisons = [
  "eq",
  "ne",
  "gt",
  "gte",
  "lt",
  "lte",
  "in",
  "not_in",
  "contains",
  "not_contains",
  "matches",
] as const;
/** One of the {@link comparisons}. */
export type Comparison = (typeof comparisons)[number];

/** A value that a fact is compared with. */
export type Scalar = string | number | boolean;

/** A comparison of one fact. */
export interface Leaf {
  readonly fact: string;
  readonly op: Comparison;
  readonly value: Scalar | readonly Scalar[];
}

/** A condition in its JSON form. */
export type Condition =
  | Leaf
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition };

/** Deepest nesting, and most parts of one policy's condition: as much as the same in CEL may have. */
const maxDepth = 16;
const maxParts = 200;
/** Most values of one list. */
const maxValues = 256;

const scalar = t.Union([t.String(), t.Number(), t.Boolean()]);
const closed = { type: "object", additionalProperties: false } as const;
const self = { $ref: "condition" };
const list = { type: "array", items: self, minItems: 1 };

/**
 * For documentation and editors: what is found in a config is checked by {@link parseCondition}, because checking a
 * schema of unions inside unions takes exponential time.
 */
export const conditionSchema = t.Unknown({
  $id: "condition",
  description: "What triggers the policy: { fact, op, value }, { and: […] }, { or: […] } or { not: … }.",
  anyOf: [
    {
      ...closed,
      required: ["fact", "op", "value"],
      properties: {
        fact: { type: "string", description: "Path of a fact, such as request.bytes or app.labels.tier." },
        op: t.Union(
          comparisons.map((name) => t.Literal(name)),
          { description: "How it is compared." },
        ),
        value: t.Union([t.String(), t.Number(), t.Boolean(), t.Array(scalar, { minItems: 1, maxItems: maxValues })], {
          description: "With what: of the fact's type; a list for in and not_in.",
        }),
      },
    },
    {
      ...closed,
      required: ["and"],
      properties: { and: { ...list, description: "Conditions that must all be true." } },
    },
    {
      ...closed,
      required: ["or"],
      properties: { or: { ...list, description: "Conditions of which one must be true." } },
    },
    {
      ...closed,
      required: ["not"],
      properties: { not: { ...self, description: "A condition that must not be true." } },
    },
  ],
});

type Path = ConfigProblem["path"];
const joins = ["and", "or", "not"] as const;

/**
 * Checks the form of a condition; whether its values fit its facts is another matter.
 *
 * @param report is told of every problem
 * @returns the condition; meaningless once something was reported
 */
export function parseCondition(given: unknown, path: Path, report: (problem: ConfigProblem) => void): Condition {
  let parts = 0;
  return parse(given, path, 1);

  function parse(value: unknown, at: Path, depth: number): Condition {
    parts += 1;
    if (parts === maxParts + 1) report({ path, message: `more than ${maxParts} parts are too many for one condition` });
    if (depth > maxDepth) report({ path: at, message: `more than ${maxDepth} levels are too deep for a condition` });
    if (parts > maxParts || depth > maxDepth) return nothing;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      report({
        path: at,
        message: `expected { fact, op, value }, { and }, { or } or { not }, got ${describeValue(value)}`,
      });
      return nothing;
    }
    const join = joins.find((name) => name in value);
    const known = join === undefined ? ["fact", "op", "value"] : [join];
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const hint = suggestion(key, join === undefined ? [...known, ...joins] : known, "known keys");
      report({ path: [...at, key], message: `unknown key '${key}'${hint}` });
    }
    if (join === undefined) return parseLeaf(value as Partial<Record<keyof Leaf, unknown>>, at);
    const inner = (value as Record<string, unknown>)[join];
    if (join === "not") return { not: parse(inner, [...at, "not"], depth + 1) };
    if (!Array.isArray(inner) || inner.length === 0) {
      report({ path: [...at, join], message: `expected a list of at least 1 condition, got ${describeValue(inner)}` });
      return nothing;
    }
    const conditions = inner.map((one, i) => parse(one, [...at, join, i], depth + 1));
    return join === "and" ? { and: conditions } : { or: conditions };
  }

  function parseLeaf(value: Partial<Record<keyof Leaf, unknown>>, at: Path): Condition {
    const missing = (["fact", "op", "value"] as const).filter((key) => value[key] === undefined);
    for (const key of missing) report({ path: at, message: `'${key}' is missing` });
    if (missing.length > 0) return nothing;
    const { fact, op, value: operand } = value;
    if (typeof fact !== "string")
      report({ path: [...at, "fact"], message: `expected a fact, got ${describeValue(fact)}` });
    if (!(comparisons as readonly unknown[]).includes(op)) {
      const message = `there is no operator '${String(op)}'${suggestion(String(op), comparisons, "operators")}`;
      report({ path: [...at, "op"], message });
    }
    for (const one of Array.isArray(operand) ? operand : [operand]) {
      if (!isScalar(one))
        report({ path: [...at, "value"], message: `expected a text, number or bool, got ${describeValue(one)}` });
    }
    if (Array.isArray(operand) && (operand.length === 0 || operand.length > maxValues)) {
      report({
        path: [...at, "value"],
        message: `expected a list from 1 to ${maxValues} values, got ${operand.length}`,
      });
    }
    return value as unknown as Leaf;
  }
}

const nothing: Condition = { and: [] };

function isScalar(value: unknown): value is Scalar {
  // Half of a pair is no character, and has no form in CEL.
  if (typeof value === "string") return value.isWellFormed();
  return typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value));
}
