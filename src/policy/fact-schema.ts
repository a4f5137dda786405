import { type TObject, type TSchema, Type as t } from "@sinclair/typebox";
import { type FactSpec, factEntries } from "../core/facts.ts";
import { oneOf, toJsonSchema } from "./schema.ts";

/** An instant with its offset from UTC. */
export const instantPattern = "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,3})?)?(Z|[+-]\\d\\d:\\d\\d)$";

/** What a program or a test may give as the value of a fact. */
export function factSchema({ type, doc: description, values }: Pick<FactSpec, "type" | "doc" | "values">): TSchema {
  switch (type) {
    case "string":
      return values === undefined ? t.String({ description }) : oneOf(values, description);
    case "int":
      return t.Integer({ description });
    case "double":
      return t.Number({ description });
    case "bool":
      return t.Boolean({ description });
    case "timestamp":
      return t.String({ pattern: instantPattern, description: `${description} Such as 2026-11-20T19:00:00Z.` });
    case "list<string>":
      return t.Array(t.String(), { description });
    case "map<string, double>":
      return t.Record(t.String(), t.Number(), { description });
    default:
      return t.Record(t.String(), t.String(), { description });
  }
}

/** Every fact, by root and name; none is required. */
export function factFields(): Record<string, TSchema> {
  const roots: Record<string, Record<string, TSchema>> = {};
  const fields: Record<string, TSchema> = {};
  for (const [name, spec] of factEntries) {
    const [root, field] = name.split(".") as [string, string | undefined];
    const schema = t.Optional(factSchema(spec));
    if (field === undefined) fields[root] = schema;
    else {
      roots[root] ??= {};
      roots[root][field] = schema;
    }
  }
  for (const [root, properties] of Object.entries(roots)) fields[root] = t.Optional(t.Object(properties));
  return fields;
}

/** The JSON Schema of facts as programs write them. */
export function factsJsonSchema(): object {
  const schema: TObject = t.Object(factFields(), {
    description: "What rules can read of a request, by root and name.",
  });
  return toJsonSchema(schema, "Sluice facts");
}
