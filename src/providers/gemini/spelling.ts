import type { Json, JsonObject } from "../../core/wire.ts";
import { SluiceError } from "../../errors.ts";
import { isArray, isObject } from "../json.ts";

const snakes = new Map<string, string>();

/** A name as Google's parsers take it as well: `systemInstruction` is also `system_instruction`. */
export function snakeOf(name: string): string {
  let snake = snakes.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakes.set(name, snake);
  }
  return snake;
}

/** A name in the spelling of Google's own clients. */
export function camelOf(name: string): string {
  return name.includes("_") ? name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) : name;
}

/** The key that a member has in this object: the camel case one unless the other is there. */
export function keyOf(object: JsonObject, name: string): string {
  if (object[name] !== undefined) return name;
  const snake = snakeOf(name);
  return object[snake] === undefined ? name : snake;
}

/** A member under either spelling of its name. */
export function memberOf(object: JsonObject, name: string): Json | undefined {
  return object[name] ?? object[snakeOf(name)];
}

/**
 * Refuses an object that says the same thing under both spellings: which of them counts is the parser's to choose, so a
 * policy could judge one and the provider obey the other.
 *
 * @param where the object's place, with a dot at its end; empty for the body itself
 * @throws SluiceError `invalid_request`
 */
export function refuseTwoSpellings(object: JsonObject, where: string): void {
  for (const key in object) {
    const camel = key.includes("_") ? camelOf(key) : key;
    if (camel === key || object[camel] === undefined) continue;
    throw new SluiceError("invalid_request", {
      problem: `The request body has '${where}${camel}' and '${where}${key}', which are one; it may stand once.`,
    });
  }
}

/** A list, which Google's parsers also take as its only element; empty when absent. */
export function listOf(value: Json | undefined): readonly Json[] {
  if (isArray(value)) return value;
  return isObject(value) || typeof value === "string" ? [value] : [];
}
