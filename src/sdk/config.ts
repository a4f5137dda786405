import { Kind, type Static, type TObject, type TSchema } from "@sinclair/typebox";
import { Value, type ValueError, ValueErrorType } from "@sinclair/typebox/value";
import { describeSchema, describeValue } from "./describe.ts";
import { suggestion } from "./suggest.ts";

/** One thing wrong with a config. */
export interface ConfigProblem {
  /** Where in the config: names of objects and positions in lists; of a missing key, the object it is missing from. */
  readonly path: readonly (string | number)[];
  /** What was received and what is accepted. */
  readonly message: string;
  /** The part of the string at `path` that is wrong, when it is not the whole. */
  readonly range?: { readonly start: number; readonly end: number };
}

/** A config that is refused, with everything that is wrong with it. */
export class ConfigErrors extends Error {
  readonly errors: readonly ConfigProblem[];

  constructor(errors: readonly ConfigProblem[], options?: { cause?: unknown }) {
    super(
      errors.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message)).join("\n"),
      options,
    );
    this.name = "ConfigErrors";
    this.errors = errors;
  }
}

/**
 * Checks a config against its schema and fills in defaults.
 *
 * Unknown keys are refused in every object that does not itself allow them. The result is a deeply frozen copy.
 *
 * @throws ConfigErrors with every problem, not only the first
 */
export function parseConfig<C extends TObject>(schema: C, given: unknown): Static<C> {
  const strict = closeObjects(schema) as TObject;
  const config = Value.Default(strict, structuredClone(given ?? {}));
  const problems = problemsOf(strict, config, [...Value.Errors(strict, config)]);
  if (problems.length > 0) throw new ConfigErrors(problems);
  return deepFreeze(config) as Static<C>;
}

const closed = new WeakMap<TSchema, TSchema>();

/** The schema with every object in it closed to unknown keys, unless the object says otherwise. */
export function closeObjects(schema: TSchema): TSchema {
  let strict = closed.get(schema);
  if (strict === undefined) {
    strict = close(schema) as TSchema;
    closed.set(schema, strict);
  }
  return strict;
}

// What these hold is data, not schemas.
const dataKeywords = new Set<string | symbol>(["default", "const", "enum", "examples", "required"]);

function close(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(close);
  if (typeof node !== "object" || node === null) return node;
  const copy: Record<string | symbol, unknown> = {};
  for (const key of Reflect.ownKeys(node)) {
    const value = (node as Record<string | symbol, unknown>)[key];
    if (typeof key === "symbol" || dataKeywords.has(key)) copy[key] = value;
    else if (key === "properties") copy[key] = mapValues(value as Record<string, unknown>, close);
    else copy[key] = close(value);
  }
  if (copy[Kind] === "Object" && copy.additionalProperties === undefined) copy.additionalProperties = false;
  return copy;
}

function mapValues(record: Record<string, unknown>, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

function problemsOf(root: TSchema, config: unknown, errors: readonly ValueError[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const seen = new Set<string>();
  for (const error of errors) {
    // Of a missing or mistyped value only the first complaint is of use: the rest follow from it.
    if (seen.has(error.path)) continue;
    seen.add(error.path);
    const within = error.type === ValueErrorType.Union ? nearestVariant(error) : undefined;
    if (within !== undefined) problems.push(...problemsOf(root, config, within));
    else problems.push(problemOf(config, error));
  }
  return problems;
}

/** The complaints of the union's variant that the value comes closest to; `undefined` when it resembles none. */
export function nearestVariant(error: ValueError): ValueError[] | undefined {
  const variants = error.errors.map((iterator) => [...iterator]);
  const alike = variants.filter((complaints) => complaints.every(({ path }) => path !== error.path));
  if (typeof error.value !== "object" || alike.length === 0) return undefined;
  return alike.reduce((best, next) => (next.length < best.length ? next : best));
}

function problemOf(config: unknown, error: ValueError): ConfigProblem {
  const path = toPath(config, error.path);
  if (error.type === ValueErrorType.ObjectAdditionalProperties) {
    const known = Object.keys((error.schema as Partial<TObject>).properties ?? {});
    const key = String(path.at(-1));
    return { path, message: `unknown key '${key}'${suggestion(key, known, "known keys")}` };
  }
  if (error.type === ValueErrorType.ObjectRequiredProperty) {
    const message = `'${path.at(-1)}' is missing; expected ${describeSchema(error.schema)}`;
    return { path: path.slice(0, -1), message };
  }
  return { path, message: `expected ${describeSchema(error.schema)}, got ${describeValue(error.value)}` };
}

function toPath(config: unknown, pointer: string): (string | number)[] {
  const path: (string | number)[] = [];
  let value = config;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const segment = Array.isArray(value) ? Number(name) : name;
    path.push(segment);
    value = (value as Record<string | number, unknown> | undefined)?.[segment];
  }
  return path;
}

/** Turns the dotted path of a plugin's own error into segments: positions in lists become numbers. */
export function fromDotted(config: unknown, dotted: string): (string | number)[] {
  return dotted === ""
    ? []
    : toPath(config, `/${dotted.replaceAll("~", "~0").replaceAll("/", "~1").replaceAll(".", "/")}`);
}

/** Freezes a value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
