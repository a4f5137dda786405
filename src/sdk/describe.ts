import type { TSchema } from "@sinclair/typebox";

/** What a schema accepts, as words that follow "expected". */
export function describeSchema(schema: TSchema): string {
  if (Array.isArray(schema.anyOf)) {
    const variants = [...new Set((schema.anyOf as TSchema[]).map(describeSchema))];
    const literals = (schema.anyOf as TSchema[]).every((variant) => "const" in variant);
    return literals ? `one of ${variants.join(", ")}` : variants.join(" or ");
  }
  if ("const" in schema) return quote(schema.const);
  if (typeof schema.$ref === "string") return `a ${schema.$ref}`;
  switch (schema.type) {
    case "integer":
      return `an integer${range(schema, "minimum", "maximum", "")}`;
    case "number":
      return `a number${range(schema, "minimum", "maximum", "")}`;
    case "string":
      return `a string${range(schema, "minLength", "maxLength", " characters")}${
        schema.pattern === undefined ? "" : ` matching ${schema.pattern}`
      }`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list${range(schema, "minItems", "maxItems", " elements")}${
        schema.uniqueItems === true ? " without repetitions" : ""
      }`;
    case "object":
      return "a map";
    default:
      return typeof schema.type === "string" ? schema.type : "another value";
  }
}

/** A received value, short enough for a message. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object" && value !== null) return "a map";
  return quote(value);
}

function quote(value: unknown): string {
  if (typeof value !== "string") return String(value);
  return `'${value.length > 60 ? `${value.slice(0, 59)}…` : value}'`;
}

function range(schema: TSchema, low: string, high: string, unit: string): string {
  const least = schema[low] as number | undefined;
  const most = schema[high] as number | undefined;
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}${unit}`;
  const units = (count: number) => (count === 1 ? unit.replace(/s$/, "") : unit);
  if (least !== undefined) return ` of at least ${least}${units(least)}`;
  return most === undefined ? "" : ` of at most ${most}${units(most)}`;
}
