import { swagger } from "@elysiajs/swagger";
import { type AnyElysia, Elysia } from "elysia";
import { problemSchema, problemType } from "./problems.ts";

/** An OpenAPI document. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

type Node = Record<string, unknown>;

const description = `The control plane of Sluice: applications, gateway keys, policies, usage and decisions.

Every operation wants an admin key or a token as \`authorization: Bearer <key>\`. Lists answer \`{data, next}\`; \`next\` is the
\`cursor\` of the next page. Resources that can change carry an ETag, and a change with an outdated \`if-match\` is refused
with 412. Failures are problem details (RFC 9457) with a code that programs can match on.`;

const tags = [
  { name: "Organisations", description: "The tenants." },
  { name: "Teams", description: "Groups of applications." },
  { name: "Applications", description: "The programs that call the gateway." },
  { name: "Keys", description: "What applications authenticate with." },
  { name: "Models", description: "The models that clients can name." },
  { name: "Policies", description: "What may pass, and what the live set is." },
  { name: "Revisions", description: "The policy sets that are kept, and which of them is live." },
  { name: "Overrides", description: "What takes away the effect of policies for a time, and maintenance." },
  { name: "Limits", description: "What limits have counted, and what was spent." },
  { name: "Usage", description: "What was used and what it cost." },
  { name: "Decisions", description: "What was decided, and why." },
  { name: "Activity", description: "What happens now." },
  { name: "Audit", description: "Who changed what." },
  { name: "Operators", description: "Who may use this API." },
  { name: "System", description: "How the gateway is and how it is set up." },
];

const statusTexts: Readonly<Record<string, string>> = {
  200: "Success.",
  201: "Created.",
  204: "Done; there is nothing to answer.",
  400: "The input is not accepted.",
  401: "The credential is missing or not valid.",
  403: "The credential's scopes or its organisation do not allow it.",
  404: "There is no such thing.",
  409: "It conflicts with what is there.",
  412: "The resource changed since it was read.",
  413: "The body is too large.",
  422: "It does not fit the policies, or its idempotency key stands for another request.",
  429: "Too many credentials from this address were not valid.",
  500: "An internal error.",
  503: "Something that it takes is away: the database, the counter store, or the authority of tokens.",
};

/**
 * The OpenAPI 3.1 document of the control plane's routes, made from their schemas.
 *
 * The plugin lists the routes; what it cannot know of our answers (one content type, problems, examples) is put right.
 */
export async function createOpenApiDocument(admin: AnyElysia, version: string): Promise<OpenApiDocument> {
  const info = { title: "Sluice admin API", version, description };
  const described = new Elysia().use(swagger({ path: "/docs", documentation: { info, tags } })).use(admin);
  const answer = await described.handle(new Request("http://localhost/docs/json"));
  const document = (await answer.json()) as Node;
  const paths = document.paths as Record<string, Record<string, Node>>;
  for (const item of Object.values(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (method === "post" && "201" in (operation.responses as Node)) putIdempotency(operation);
      putOperationRight(operation);
      putCsv(operation);
    }
  }
  for (const [path, item] of Object.entries(paths)) {
    for (const operation of Object.values(item)) nameExamples(paths, path, operation);
  }
  return {
    ...document,
    openapi: "3.1.0",
    servers: [{ url: "/", description: "The gateway that serves this document." }],
    security: [{ adminKey: [] }],
    components: {
      securitySchemes: {
        adminKey: {
          type: "http",
          scheme: "bearer",
          description: "An admin key (sla_…) or a token (JWT). Gateway keys do not work here.",
        },
      },
      schemas: { Problem: plainNumbers(problemSchema) },
    },
  };
}

function putOperationRight(operation: Node): void {
  for (const parameter of (operation.parameters ?? []) as Node[]) {
    parameter.schema = plainNumbers(parameter.schema);
    // A parameter's own `examples` would be a map.
    const { examples: [example] = [] } = parameter as { examples?: unknown[] };
    delete parameter.examples;
    if (example !== undefined) parameter.example = example;
  }
  const body = operation.requestBody as Node | undefined;
  if (body !== undefined) body.content = jsonContent(body.content as Node);
  const responses = operation.responses as Record<string, Node>;
  for (const [status, response] of Object.entries(responses)) {
    responses[status] = {
      description: statusTexts[status] ?? "",
      ...(status === "204"
        ? {}
        : Number(status) < 400
          ? { content: jsonContent(response.content as Node, response) }
          : { content: { [problemType]: { schema: { $ref: "#/components/schemas/Problem" } } } }),
    };
  }
}

/** What creates something takes an idempotency key; see `idempotency.ts`. */
function putIdempotency(operation: Node): void {
  const header = {
    name: "idempotency-key",
    in: "header",
    required: false,
    description:
      "Names the request, so that it can be sent again: for a day it gets the same answer, marked with idempotency-replayed, and nothing is made twice. Only the same credential can have it repeated.",
    schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]+$" },
    example: "7c1f1d2e-5a0b-4b8e-9a57-3f2f6c1f0a11",
  };
  operation.parameters = [...((operation.parameters ?? []) as Node[]), header];
  const responses = operation.responses as Node;
  for (const status of ["409", "422"]) responses[status] ??= {};
}

/** What can be had as a table has a second content type; see `csv.ts`. */
function putCsv(operation: Node): void {
  if (operation["x-csv"] === undefined) return;
  delete operation["x-csv"];
  const { content } = (operation.responses as Record<string, { content: Node }>)["200"]!;
  content["text/csv"] = { schema: { type: "string", description: "The same as a table, with a row of names." } };
}

/** Path parameters without an example of their own get that of the resource which the path leads to. */
function nameExamples(paths: Record<string, Record<string, Node>>, path: string, operation: Node): void {
  for (const parameter of (operation.parameters ?? []) as Node[]) {
    if (parameter.in !== "path" || "example" in parameter) continue;
    const name = String(parameter.name);
    const resource = path.slice(0, path.indexOf(`{${name}}`) + name.length + 2);
    const shown = exampleAnswer(paths[resource]?.get)?.[name] ?? exampleAnswer(operation)?.[name];
    if (shown !== undefined) parameter.example = shown;
  }
}

function exampleAnswer(operation: Node | undefined): Node | undefined {
  const { "200": ok, "201": created } = (operation?.responses ?? {}) as Record<string, Node | undefined>;
  const content = (ok ?? created)?.content as Record<string, { readonly example?: Node }> | undefined;
  return content?.["application/json"]?.example;
}

/** The one content type of an answer, JSON unless its schema says otherwise, with an example of it. */
function jsonContent(content: Node, response: Node = {}): Node {
  const { schema: written } = (content["application/json"] ?? Object.values(content)[0]) as { schema: Node };
  const { contentMediaType = "application/json", ...schema } = plainNumbers(written) as Node;
  const example = exampleOf({ ...schema, ...("examples" in response && { examples: response.examples }) });
  return { [String(contentMediaType)]: { schema, ...(example !== undefined && { example }) } };
}

function exampleOf(schema: Node): unknown {
  const [own] = (schema.examples ?? []) as unknown[];
  if (own !== undefined) return own;
  const { data } = (schema.properties ?? {}) as { data?: Node };
  const entry = data?.items === undefined ? undefined : exampleOf(data.items as Node);
  return entry === undefined ? undefined : { data: [entry], next: null };
}

const textFormats = new Set<unknown>(["integer", "numeric", "boolean"]);

/** Elysia describes numbers and truth values as text too; who reads and writes JSON and queries has them as they are. */
function plainNumbers(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plainNumbers);
  if (typeof schema !== "object" || schema === null) return schema;
  const { anyOf, ...rest } = schema as { anyOf?: Node[] };
  const plain = anyOf?.filter(({ type, format }) => type !== "string" || !textFormats.has(format));
  if (plain !== undefined && plain.length === 1) return plainNumbers({ ...rest, ...plain[0] });
  return Object.fromEntries(
    Object.entries({ ...rest, ...(plain !== undefined && { anyOf: plain }) }).map(([name, value]) => [
      name,
      name.startsWith("example") ? value : plainNumbers(value),
    ]),
  );
}
