import type { Json, JsonObject } from "../core/wire.ts";
import { SluiceError } from "../errors.ts";
import { isArray, isObject } from "./json.ts";

/** Refuses a body, naming the field, what is accepted and what was received. */
export function refuse(field: string, accepted: string, received: Json | undefined): never {
  throw new SluiceError("invalid_request", {
    problem: `'${field}' must be ${accepted}; received ${describe(received)}.`,
  });
}

/** A member that must be a non-empty string of at most `max` characters. */
export function requireString(body: JsonObject, field: string, max: number): string {
  const value = body[field];
  if (typeof value === "string" && value !== "" && value.length <= max) return value;
  return refuse(field, `a non-empty string of at most ${max} characters`, value);
}

/**
 * The messages of a conversation. Whether there are enough of them is the provider's to say.
 *
 * A bare string, which providers refuse in their own words, is read as a message without a role: its text must not
 * slip past a rule should one accept it.
 */
export function requireMessages(body: JsonObject): readonly JsonObject[] {
  const value = body.messages;
  if (!isArray(value)) return refuse("messages", "an array of objects", value);
  if (!value.some(isString)) return objects(value, "messages");
  return objects(
    value.map((message) => (typeof message === "string" ? { role: "", content: message } : message)),
    "messages",
  );
}

function isString(value: Json): boolean {
  return typeof value === "string";
}

/** An optional array of objects; `null` counts as absent here and below, as it does for the providers. */
export function optionalObjects(body: JsonObject, field: string): readonly JsonObject[] {
  const value = body[field] ?? null;
  if (value === null) return [];
  return isArray(value) ? objects(value, field) : refuse(field, "an array of objects", value);
}

/** An optional object. */
export function optionalObject(body: JsonObject, field: string): JsonObject | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  return isObject(value) ? value : refuse(field, "an object", value);
}

/** An optional boolean. */
export function optionalBoolean(body: JsonObject, field: string): boolean | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  return typeof value === "boolean" ? value : refuse(field, "true or false", value);
}

/** An optional string. */
export function optionalString(body: JsonObject, field: string): string | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  return typeof value === "string" ? value : refuse(field, "a string", value);
}

/** An optional finite number. */
export function optionalNumber(body: JsonObject, field: string): number | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  return typeof value === "number" && Number.isFinite(value) ? value : refuse(field, "a number", value);
}

/** An optional whole number from `min` to `max`. */
export function optionalInteger(
  body: JsonObject,
  field: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = body[field] ?? null;
  if (value === null) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return refuse(field, `a whole number ${range}`, value);
}

/** The same array: it is the body's own, and every request has at least one. */
function objects(values: readonly Json[], field: string): readonly JsonObject[] {
  for (let i = 0; i < values.length; i += 1) {
    if (!isObject(values[i]!)) refuse(`${field}[${i}]`, "an object", values[i]!);
  }
  return values as readonly JsonObject[];
}

/**
 * A value in a few words, for the one who sent it. What is longer than a number or a name may be text of the prompt, which is
 * not to come up in logs of errors.
 */
export function describe(value: Json | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (isObject(value)) return "an object";
  if (value === "") return "an empty string";
  return value.length > 16 ? `a string of ${value.length} characters` : `the string ${JSON.stringify(value)}`;
}
