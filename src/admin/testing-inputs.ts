import { bodyOf, type Operation, parametersIn, type Schema, type SchemaCheck } from "./testing-contract.ts";
import type { Instead } from "./testing-world.ts";

/** One way in which a request can be wrong. */
export interface BadInput {
  /** What is wrong with it, for whoever reads the failure. */
  readonly wrong: string;
  readonly instead: Instead;
  readonly status: 400 | 413;
}

const strange: readonly unknown[] = [{}, [], 1.5, -1, true, "", null, "\u0000", { "": null }, [null], "x".repeat(300)];

/**
 * Requests that an operation must refuse, made from its examples: each has one mistake.
 *
 * @param fits whether a value fits a schema of the document
 */
export function badInputs(operation: Operation, fits: SchemaCheck): readonly BadInput[] {
  return [...badBodies(operation, fits), ...badQueries(operation, fits), ...badIds(operation)];
}

function badBodies(operation: Operation, fits: SchemaCheck): readonly BadInput[] {
  const body = bodyOf(operation);
  if (body === undefined) return [];
  const { schema, example } = body;
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
  };
  const whole = example as Readonly<Record<string, unknown>>;
  const inputs: BadInput[] = [
    { wrong: "JSON that is cut off", instead: { body: '{"a":' }, status: 400 },
    { wrong: "a body of more than 2 MiB", instead: { body: `"${"x".repeat(2 ** 21)}"` }, status: 413 },
  ];
  const add = (wrong: string, value: unknown) => {
    if (!fits(schema, value)) inputs.push({ wrong, instead: { body: value }, status: 400 });
  };
  for (const value of ["", 1, [whole], "text"]) add(`the body ${JSON.stringify(value)}`, JSON.stringify(value));
  add("an unknown member", { ...whole, surprise: 1 });
  for (const name of required) {
    const { [name]: _, ...rest } = whole;
    add(`no '${name}'`, rest);
  }
  for (const name of Object.keys(properties)) {
    for (const value of strange) add(`${name}: ${JSON.stringify(value).slice(0, 40)}`, { ...whole, [name]: value });
  }
  return inputs;
}

function badQueries(operation: Operation, fits: SchemaCheck): readonly BadInput[] {
  const query = parametersIn(operation, "query");
  const inputs: BadInput[] = query.flatMap(({ name, schema }) =>
    ["-1", "0", "1.5", "x", ""].flatMap((text) => {
      const value = schema.type === "integer" || schema.type === "number" ? Number(text) : text;
      if (fits(schema, value)) return [];
      return [{ wrong: `${name}=${text}`, instead: { parameters: { [name]: text } }, status: 400 as const }];
    }),
  );
  if (query.some(({ name }) => name === "cursor")) {
    inputs.push({ wrong: "a cursor that no list gave", instead: { parameters: { cursor: "nonsense" } }, status: 400 });
  }
  if (query.length > 0) inputs.push({ wrong: "surprise=1", instead: { parameters: { surprise: "1" } }, status: 400 });
  return inputs;
}

function badIds(operation: Operation): readonly BadInput[] {
  return parametersIn(operation, "path").map(({ name }) => ({
    wrong: `a '${name}' of 300 characters`,
    instead: { parameters: { [name]: "x".repeat(300) } },
    status: 400,
  }));
}
