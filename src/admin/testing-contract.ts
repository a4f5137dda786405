import Ajv2020, { type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import type { OpenApiDocument } from "./openapi.ts";

/** A JSON Schema as the document holds it. */
export type Schema = Readonly<Record<string, unknown>>;

/** A parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
  readonly example?: unknown;
}

type Content = Readonly<Record<string, { readonly schema?: Schema; readonly example?: unknown }>>;

/** An operation as the OpenAPI document describes it. */
export interface Operation {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
  readonly "x-required-scope"?: string;
  readonly "x-required-reach"?: string;
}

/** An answer of the control plane, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The content type without its parameters; empty where there is none. */
export function mediaType({ headers }: Answer): string {
  return (headers.get("content-type") ?? "").split(";")[0]!.trim();
}

/** Every operation of a document, in its order. */
export function operationsOf(document: OpenApiDocument): readonly Operation[] {
  const paths = document.paths as Record<string, Record<string, Omit<Operation, "method" | "path">>>;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      ...operation,
      parameters: operation.parameters ?? [],
      method: method.toUpperCase(),
      path,
    })),
  );
}

/** The parameters of an operation that stand in one place. */
export function parametersIn({ parameters }: Operation, place: Parameter["in"]): readonly Parameter[] {
  return parameters.filter((parameter) => parameter.in === place);
}

/** What an operation's JSON body looks like; absent without a body. */
export function bodyOf(operation: Operation): { readonly schema: Schema; readonly example?: unknown } | undefined {
  const { schema, example } = operation.requestBody?.content["application/json"] ?? {};
  return schema && { schema, example };
}

/** The status of an operation's success. */
export function successOf({ responses }: Operation): number {
  return Math.min(...Object.keys(responses).map(Number));
}

/** Whether a value fits a schema of the document. */
export type SchemaCheck = (schema: Schema, value: unknown) => boolean;

/** What holds requests and answers to a document. */
export interface Contract {
  readonly fits: SchemaCheck;
  /**
   * Whether an answer is as documented: its status, its content type, and JSON fits its schema and says nothing that the
   * schema does not name.
   *
   * @returns what is wrong; nothing for a good one
   */
  readonly check: (operation: Operation, answer: Answer) => readonly string[];
}

/** Reads the contract out of a document. */
export function createContract(document: OpenApiDocument): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  const components = document.components as Schema;
  const compiled = new Map<string, ValidateFunction>();
  const compile = (schema: Schema) => {
    const text = JSON.stringify(schema);
    let validate = compiled.get(text);
    if (validate === undefined) {
      validate = ajv.compile({ ...schema, components });
      compiled.set(text, validate);
    }
    return validate;
  };

  function check({ responses }: Operation, answer: Answer): readonly string[] {
    const response = responses[String(answer.status)];
    if (response === undefined) return [`the status ${answer.status} is not documented: ${answer.text.slice(0, 300)}`];
    const type = mediaType(answer);
    if (answer.text.startsWith("broken off: ")) return [answer.text];
    if (response.content === undefined) return answer.text === "" ? [] : [`has a body: ${answer.text.slice(0, 80)}`];
    const content = response.content[type];
    if (content === undefined) return [`the content type '${type}' is not documented for ${answer.status}`];
    if (!/[/+]json$/.test(type) || content.schema === undefined) return [];
    const validate = compile(closed(content.schema) as Schema);
    if (validate(JSON.parse(answer.text))) return [];
    return validate.errors!.map(
      ({ instancePath, message, params }) => `${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
    );
  }

  return { fits: (schema, value) => compile(schema)(value) === true, check };
}

/** A schema whose objects hold nothing but what they name, unless they say that they may. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).map(([name, value]) => [
    name,
    // What is an example or a constant is no schema, whatever it looks like.
    ["example", "examples", "const", "enum", "default"].includes(name) ? value : closed(value),
  ]);
  const own = Object.fromEntries(entries);
  const open = "additionalProperties" in schema || "patternProperties" in schema || "allOf" in schema;
  return "properties" in schema && !open && typeof schema.properties === "object" && "type" in schema
    ? { ...own, additionalProperties: false }
    : own;
}
