import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { type Static, type TSchema, t, type ValidationError } from "elysia";
import { PolicyRefused } from "../core/policy-control.ts";
import { type ErrorCode, errorCatalogue, SluiceError } from "../errors.ts";
import { nearestVariant } from "../sdk/config.ts";
import { describeSchema, describeValue } from "../sdk/describe.ts";
import { suggestion } from "../sdk/suggest.ts";

/** RFC 9457 problem details: what every failure of the control plane looks like. */
export const problemSchema = t.Object(
  {
    type: t.String({ description: "Names the kind of problem." }),
    title: t.String(),
    status: t.Integer(),
    detail: t.String({ description: "What went wrong this time, for people." }),
    code: t.String({ description: "What programs match on: a code of the error catalogue." }),
    instance: t.String({ description: "The path that was asked for." }),
    errors: t.Optional(
      t.Array(t.Object({ pointer: t.String({ description: "JSON Pointer into the input." }), detail: t.String() })),
    ),
    problems: t.Optional(
      t.Array(
        t.Object({
          code: t.String({ description: "A numbered check, such as C061." }),
          item: t.String({ description: "What does not fit, such as policy db/no-previews." }),
          message: t.String(),
          file: t.Optional(t.String()),
          line: t.Optional(t.Integer()),
          column: t.Optional(t.Integer()),
        }),
        { description: "Why a change does not fit the policies." },
      ),
    ),
  },
  { description: "A problem (RFC 9457)." },
);

/** A problem as it is sent. */
export type Problem = Static<typeof problemSchema>;

/** Media type of a {@link Problem}. */
export const problemType = "application/problem+json";

type ProblemStatus = 400 | 401 | 403 | 404 | 409 | 412 | 413 | 422 | 429 | 500 | 503;

/** Response schemas for these statuses and for those that every route can answer with. */
export function problems<const S extends readonly ProblemStatus[]>(...statuses: S) {
  const all = [...statuses, 400, 401, 403, 429, 500, 503] as const;
  return Object.fromEntries(all.map((status) => [status, problemSchema])) as Record<
    S[number] | 400 | 401 | 403 | 429 | 500 | 503,
    typeof problemSchema
  >;
}

/** The problem of a foreseen failure. */
export function toProblem(error: SluiceError, instance: string): Problem {
  const shown = problem(error.code, error.message, instance);
  if (!(error instanceof PolicyRefused)) return shown;
  return { ...shown, problems: error.problems.map(({ code, item, message, at }) => ({ code, item, message, ...at })) };
}

/**
 * The problem of input that its schema does not accept: every place that is wrong, once, with what was received there and
 * what is accepted.
 */
export function toInputProblem(error: ValidationError, instance: string, query: URLSearchParams): Problem {
  const errors = new Map<string, string>();
  for (const found of flatten(error.all as unknown as readonly ValueError[])) {
    const pointer = found.path || unnamed(error, query);
    if (!errors.has(pointer)) errors.set(pointer, describe(found));
  }
  const where = error.type === "property" ? "query" : error.type;
  const [pointer, what] = [...errors][0] ?? ["", "It is not valid"];
  const shown = problem(
    "invalid_input",
    `The ${where} is not accepted. ${pointer && `${pointer}: `}${what}${what.endsWith("?") ? "" : "."}`,
    instance,
  );
  return { ...shown, errors: [...errors].map(([at, detail]) => ({ pointer: at, detail })) };
}

/** Numbers in a query are turned into numbers first, and what fails then is told without its name: it is where the value is. */
function unnamed({ type, value }: ValidationError, query: URLSearchParams): string {
  const name = type === "property" && [...query].find(([, text]) => text !== "" && Number(text) === value)?.[0];
  return name ? `/${name}` : "";
}

/** Findings, with those inside the one of several forms that a value comes closest to. */
function flatten(found: readonly ValueError[]): ValueError[] {
  return found.flatMap((one) => {
    const within = one.type === ValueErrorType.Union ? nearestVariant(one) : undefined;
    return within === undefined ? [one] : flatten(within);
  });
}

function describe({ type, path, value, schema }: ValueError): string {
  const name = path
    .slice(path.lastIndexOf("/") + 1)
    .replaceAll("~1", "/")
    .replaceAll("~0", "~");
  if (type === ValueErrorType.ObjectAdditionalProperties) {
    const { properties, patternProperties } = schema as { properties?: object; patternProperties?: object };
    const [pattern] = Object.keys(patternProperties ?? {});
    if (pattern !== undefined) return `Got the name '${name}'; want one matching ${pattern}`;
    return `Property '${name}' is not known${suggestion(name, Object.keys(properties ?? {}), "accepted")}`;
  }
  if (type === ValueErrorType.ObjectMinProperties) {
    return `Got an empty map; want at least one of ${Object.keys(schema.properties ?? {}).join(", ")}`;
  }
  if (type === ValueErrorType.ObjectMaxProperties) {
    return `Got a map of ${Object.keys(value as object).length}; want at most ${schema.maxProperties}`;
  }
  const wanted = want(schema);
  if (type === ValueErrorType.ObjectRequiredProperty || value === undefined) {
    return name === "" ? `Got nothing; ${wanted}` : `Property '${name}' is missing; ${wanted}`;
  }
  return `Got ${describeValue(value)}; ${wanted}`;
}

function want(schema: TSchema): string {
  if (Array.isArray(schema.enum)) return `accepted: ${schema.enum.join(", ")}`;
  // A number in a query is one, or a text that is turned into one.
  const number = (schema.anyOf as readonly TSchema[] | undefined)?.find(({ type }) => type === "integer");
  return `want ${describeSchema(number ?? schema)}`;
}

/** The problem of a failure nobody foresaw: nothing of it but an id that the log has too. */
export function toInternalProblem(id: string, instance: string): Problem {
  return toProblem(new SluiceError("internal", { id }), instance);
}

/** A problem as an answer. */
export function toResponse(shown: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(shown), {
    status: shown.status,
    headers: {
      ...headers,
      "content-type": problemType,
      "cache-control": "no-store",
      ...(shown.status === 401 && { "www-authenticate": "Bearer" }),
    },
  });
}

function problem(code: ErrorCode, detail: string, instance: string): Problem {
  const title = code.charAt(0).toUpperCase() + code.slice(1).replaceAll("_", " ").replace("json", "JSON");
  return { type: `urn:sluice:problem:${code}`, title, status: errorCatalogue[code][0], detail, code, instance };
}
