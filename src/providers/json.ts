import type { Json, JsonObject } from "../core/wire.ts";

/** Whether a value is a JSON object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a JSON array. */
export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The value when it is an object, else an object without members. */
export function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : none;
}

/** The value when it is an array, else an empty one. */
export function asArray(value: Json | undefined): readonly Json[] {
  return isArray(value) ? value : nothing;
}

/** The value when it is a string, else the empty string. */
export function asString(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The value when it can be a count, else `null`: a part of one, or more than a number holds exactly, is none. */
export function asCount(value: Json | undefined): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** The object that a text holds, or `null` when it holds none. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: Json = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const none: JsonObject = Object.freeze({});
const nothing: readonly Json[] = Object.freeze([]);
